# SPDX-License-Identifier: Apache-2.0
"""int8 weights on the shipped bundle and real data: as good as floats, in less RAM."""

from pathlib import Path

import numpy as np
import pytest

from tinytl.bundle.shipped import find_bundle
from tinytl.compiler import compile_bundle
from tinytl.data import load_dataset
from tinytl.energy import full_step_nj
from tinytl.inspection import inspect
from tinytl_bench.figures import work_of
from tinytl_bench.studies.guard import with_settings
from tinytl_bridge import connect


@pytest.mark.long
def test_learns_real_digits_as_floats_do(tmp_path: Path) -> None:
    """UCI digits by a head from MNIST, one pass in three orders: within two points of the float head, which is one of the bars."""
    target, found, arenas = load_dataset("uci-digits"), {}, {}
    for weights in ("float32", "int8"):
        bundle = with_settings(find_bundle("digits"), tmp_path / f"{weights}.tinytl", weights=weights)
        arenas[weights] = compile_bundle(bundle, family="dsp").arena_bytes
        accuracies = []
        with connect("host", state_dir=tmp_path / weights) as device:
            device.flash(bundle)
            for seed in range(3):
                order = np.random.default_rng(seed).permutation(len(target.x_train))
                device.rollback("factory")
                device.teach(target.x_train[order], target.y_train[order])
                accuracies.append(device.evaluate(target.x_test, target.y_test).accuracy)
        found[weights] = float(np.mean(accuracies))
    assert found["int8"] > found["float32"] - 0.02
    assert found["int8"] > 0.94
    assert arenas["int8"] < arenas["float32"] - 8000


def test_inspection_and_energy_count_bytes(tmp_path: Path) -> None:
    bundles = {
        weights: with_settings(find_bundle("digits"), tmp_path / f"{weights}.tinytl", weights=weights) for weights in ("float32", "int8")
    }
    rows = {weights: inspect(tmp_path / f"{weights}.tinytl").layers[-1].weight_bytes for weights in bundles}
    assert rows == {"float32": 4 * (288 * 10 + 10), "int8": 288 * 10 + 4 * 10}
    work = {weights: work_of(bundle, compile_bundle(bundle)) for weights, bundle in bundles.items()}
    assert work["int8"].parameters == 288 * 10 // 4 + 10
    assert work["int8"].trained == work["int8"].parameters
    assert full_step_nj(work["int8"]) < 0.7 * full_step_nj(work["float32"])
