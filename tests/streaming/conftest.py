# SPDX-License-Identifier: Apache-2.0
"""A device that is ready for a stream: the shipped digits, with room for two more classes."""

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


@pytest.fixture
def state(roomy: Bundle, tmp_path: Path) -> Path:
    """Folder of a twin that holds it."""
    folder = tmp_path / "state"
    with connect("host", state_dir=folder) as device:
        device.flash(roomy)
    return folder


@pytest.fixture
def device(state: Path) -> Iterator[Device]:
    with connect("host", state_dir=state) as connected:
        yield connected
