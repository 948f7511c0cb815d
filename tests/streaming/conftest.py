# SPDX-License-Identifier: Apache-2.0
"""A device that is ready for a stream: the shipped digits, with room for two more classes."""

import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tinytl.bundle.bundle import Bundle, read_bundle, write_bundle
from tinytl.bundle.shipped import find_bundle
from tinytl_bridge import Device, connect


@pytest.fixture(scope="session")
def roomy(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    bundle = read_bundle(find_bundle("digits"))
    return write_bundle(
        replace(bundle, manifest=bundle.manifest | {"class_capacity": 12}), tmp_path_factory.mktemp("roomy") / "roomy.tinytl"
    )


@pytest.fixture(scope="session")
def flashed(roomy: Bundle, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("flashed")
    with connect("host", state_dir=folder) as device:
        device.flash(roomy)
    return folder


@pytest.fixture
def state(flashed: Path, tmp_path: Path) -> Path:
    """Folder of a twin that holds it, of the test's own."""
    return shutil.copytree(flashed, tmp_path / "state")


@pytest.fixture(scope="module")
def _connected(flashed: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Device]:
    with connect("host", state_dir=shutil.copytree(flashed, tmp_path_factory.mktemp("connected") / "state")) as connected:
        yield connected


@pytest.fixture
def device(_connected: Device) -> Device:
    """The twin with its factory head, as nothing here saves another."""
    _connected.rollback("factory")
    return _connected
