# SPDX-License-Identifier: Apache-2.0
"""Bytes that were recorded once are made and read today: images, frames, and a head that an earlier version saved."""

import json
import lzma
import os
from pathlib import Path

import pytest
from recording import (
    FIGURES,
    SAVED_HEAD,
    checksum,
    connect_recorded,
    digits,
    head_after,
    image_checksum,
    run_session,
    saved_head,
    with_guard,
    with_saved_head,
)  # fmt: skip

from tinytl_bridge.wire.protocol import Command

GOLDEN = json.loads(FIGURES.read_text(encoding="utf-8"))


@pytest.mark.parametrize("build", GOLDEN["images"])
def test_an_image_is_the_recorded_one(build: str) -> None:
    name, target, optimize = build.split()
    if name != "digits" and not os.environ.get("TINYTL_DATA_DIR"):
        pytest.skip("TINYTL_DATA_DIR is not set: no published models")
    assert image_checksum(name, target, optimize) == GOLDEN["images"][build]


def test_every_frame_of_a_session_is_the_recorded_one(tmp_path: Path) -> None:
    target, device = connect_recorded(tmp_path)
    with device:
        run_session(device)
    assert {command: checksum(bytes(data)) for command, data in target.frames.items()} == GOLDEN["frames"]
    assert saved_head(tmp_path) == lzma.decompress(SAVED_HEAD.read_bytes())


def test_the_session_uses_every_command_but_the_mailboxs_and_those_that_came_later() -> None:
    assert set(GOLDEN["frames"]) == {command.name for command in Command} - {"EVALUATE", "PUT_HEAD"}


def test_a_head_saved_by_an_earlier_version_is_read_and_goes_on(tmp_path: Path) -> None:
    with connect_recorded(tmp_path)[1] as device:
        device.flash(with_guard(digits()))
    with_saved_head(tmp_path, lzma.decompress(SAVED_HEAD.read_bytes()))
    with connect_recorded(tmp_path)[1] as device:
        assert device.status().class_count == 10
        assert list(head_after(device)) == GOLDEN["heads"]
