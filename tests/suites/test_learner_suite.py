# SPDX-License-Identifier: Apache-2.0
"""The suite of learning heads: what a row holds, and that its bytes and instructions are those of the stored figures."""

import json
import shutil
from pathlib import Path

import pytest

from tinytl.errors import BenchError
from tinytl.measurement import Measurement
from tinytl_bench.compare import compare_measurements, load_baseline
from tinytl_bench.suites import learner as learner_suite

BASELINE = Path(__file__).resolve().parents[2] / "benchmarks/baselines/learner.json"
TARGET = "qemu:mps2-an386"


@pytest.fixture(scope="module")
def dense_row() -> Measurement:
    """The smallest head, counted."""
    if not (shutil.which("qemu-system-arm") and shutil.which("arm-none-eabi-gcc")):
        pytest.skip("needs qemu-system-arm and arm-none-eabi-gcc")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(learner_suite, "ROWS", learner_suite.ROWS[:1])
        (measured,) = learner_suite.run_learner_suite(target=TARGET)
    return measured


def test_row_has_its_figures_and_its_peer(dense_row: Measurement) -> None:
    document = dense_row.to_json()
    assert document["name"] == "dense 64-10 float32"
    assert document["weights_bytes"] == 4 * (64 * 10 + 10)
    assert 64 + 4 * 64 <= document["extra_ram_bytes"] <= 512, "features, their floats, logits and their gradient"
    assert document["instructions_per_teach_step"] < document["details"]["peers"]["AIfES"]["instructions"] / 15
    assert document["how"]["instructions_per_teach_step"].startswith("instructions (QEMU ")
    assert document["how"]["accuracy"] == "a step of learning alone is counted"
    assert Measurement.from_json(json.loads(json.dumps(document))) == dense_row


def test_row_is_within_its_stored_figures(dense_row: Measurement) -> None:
    compare_measurements(load_baseline(BASELINE, target=TARGET, bundle=dense_row.bundle), dense_row)


def test_every_row_is_stored_and_keeps_to_its_bar() -> None:
    """Bytes beside the weights: 512, 2 KB, and the features with a row of scratch; at most 5 instructions a multiply-accumulate."""
    stored = {each["name"]: each for each in json.loads(BASELINE.read_text(encoding="utf-8"))}
    assert list(stored) == [row.name for row in learner_suite.ROWS]
    small, large, convolution, *_, convolution_int8 = stored.values()
    assert (small["extra_ram_bytes"] <= 512, large["extra_ram_bytes"] <= 2048) == (True, True)
    assert large["instructions_per_teach_step"] <= 60_000
    assert small["instructions_per_teach_step"] <= 3_500
    assert convolution_int8["instructions_per_teach_step"] <= convolution["instructions_per_teach_step"]
    assert convolution_int8["weights_bytes"] < 0.26 * convolution["weights_bytes"]
    assert convolution["extra_ram_bytes"] <= 4 * 8 * 8 * 64 + 4 * 8 * 64
    assert convolution["instructions_per_teach_step"] <= 5 * 2 * convolution["details"]["macs"]


def test_a_peer_is_of_the_same_core() -> None:
    """What a core with an FPU takes says nothing of one without."""
    for name, core in (("learner", "Cortex-M4F"), ("learner-m3", "Cortex-M3")):
        stored = {each["name"]: each for each in json.loads(BASELINE.with_name(f"{name}.json").read_text(encoding="utf-8"))}
        for row in learner_suite.ROWS:
            peers = stored[row.name]["details"]["peers"]
            assert list(peers) == (["AIfES"] if core in row.peer else [])
            if peers:
                assert peers["AIfES"]["how"].endswith(f"QEMU {core}")
                assert peers["AIfES"]["instructions"] == row.peer[core][0]


def test_target_that_counts_nothing_is_refused() -> None:
    with pytest.raises(BenchError) as refusal:
        learner_suite.run_learner_suite(target="host")
    assert str(refusal.value) == ("suite 'learner' cannot be counted on 'host'; expected an emulated board\nhint: --target qemu:mps2-an386")
