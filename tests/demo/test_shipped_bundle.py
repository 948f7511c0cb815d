# SPDX-License-Identifier: Apache-2.0
"""The shipped bundle keeps the demo's promises: int8 and C alone, so the same on every machine."""

from pathlib import Path

import numpy as np
import pytest

from tinytl.bundle.bundle import read_bundle
from tinytl.bundle.shipped import find_bundle, list_bundles
from tinytl.compiler import compile_bundle
from tinytl.data import load_dataset
from tinytl.errors import BundleError
from tinytl_bridge import connect
from tinytl_bridge.firmware.boards import load_board


def test_it_learns_the_new_writers_and_keeps_the_old_ones(tmp_path: Path) -> None:
    bundle = read_bundle(find_bundle("digits"))
    source, target = load_dataset("mnist-5k"), load_dataset("uci-digits")
    order = np.random.default_rng(1).permutation(len(target.x_train))
    with connect("host", state_dir=tmp_path) as device:
        device.flash(bundle)
        source_before = device.evaluate(source.x_test, source.y_test).accuracy
        target_before = device.evaluate(target.x_test, target.y_test).accuracy
        taught = device.teach(target.x_train[order], target.y_train[order])
        target_after = device.evaluate(target.x_test, target.y_test).accuracy
        source_after = device.evaluate(source.x_test, source.y_test).accuracy
    assert taught.taught == len(target.x_train) <= 900
    assert taught.diverged == 0
    assert source_before >= 0.97
    assert target_before < 0.75, "it must not know them already"
    assert target_after >= 0.96
    assert source_after >= 0.94


def test_it_fits_the_board_with_room_to_spare() -> None:
    image, memory = compile_bundle(read_bundle(find_bundle("digits"))), load_board("mps2-an386").memory
    assert image.arena_bytes < 32 * 1024 < memory.arena_bytes
    assert len(image.data) < memory.model_slot_bytes


def test_a_name_that_is_no_bundle_lists_the_shipped_ones() -> None:
    assert "digits" in list_bundles()
    with pytest.raises(
        BundleError,
        match=r"there is no file 'digit'; expected a bundle or .tflite file, or a bundle that ships with tinytl: digits\nhint: tinytl export",
    ):
        find_bundle("digit")
