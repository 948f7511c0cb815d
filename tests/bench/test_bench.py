# SPDX-License-Identifier: Apache-2.0
"""`bench` on the twin and on the emulated board: every figure is there, says how it was had, and agrees with the parts."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from tinytl.bundle.bundle import read_bundle, write_bundle
from tinytl.compiler import compile_bundle
from tinytl.data import Dataset
from tinytl.energy import Calibration, thesis_energy_nj
from tinytl.errors import BenchError
from tinytl.measurement import REQUIRED, Figure, Measurement
from tinytl_bench import bench
from tinytl_bridge.firmware.boards import load_board

needs_qemu = pytest.mark.skipif(
    not (shutil.which("qemu-system-arm") and shutil.which("arm-none-eabi-gcc")), reason="needs qemu-system-arm and arm-none-eabi-gcc"
)


@pytest.fixture(scope="module")
def on_board(tiny_bundle: Path, tiny_dataset: Dataset) -> Measurement:
    return bench(tiny_bundle, target="qemu:mps2-an386", dataset=tiny_dataset)


@needs_qemu
def test_every_figure_of_the_board_says_how_it_was_had(on_board: Measurement) -> None:
    document = json.loads(json.dumps(on_board.to_json()))
    assert all(document[name] is not None for name in REQUIRED)
    assert set(document["energy_nj"]) >= {"thesis", "full"}
    assert "QEMU" in document["how"]["instructions_per_inference"]
    for name in ("cycles_model", "milliseconds_model", "energy_nj_thesis", "energy_nj_full"):
        assert "model" in document["how"][name].lower()


@needs_qemu
def test_the_parts_add_up(on_board: Measurement, tiny_bundle: Path) -> None:
    figures = {name: figure.value for name, figure in on_board.figures.items()}
    bundle = read_bundle(tiny_bundle)
    image, memory = compile_bundle(bundle, family="dsp"), load_board("mps2-an386").memory
    assert sum(layer.instructions or 0 for layer in on_board.layers) == figures["instructions_per_inference"]
    assert sum(layer.cycles_model or 0 for layer in on_board.layers) == figures["cycles_model"]
    assert figures["milliseconds_model"] == pytest.approx(figures["cycles_model"] / 168e6 * 1000)
    # a taught sample runs the extractor's operators; the head's forward pass is part of the step
    for sample, inference, step, head in (
        ("instructions_per_taught_sample", "instructions_per_inference", "instructions_per_teach_step", on_board.layers[-1].instructions),
        ("taught_sample_cycles_model", "cycles_model", "teach_step_cycles_model", on_board.layers[-1].cycles_model),
    ):
        assert figures[sample] == figures[inference] - (head or 0) + figures[step]
    assert sum(on_board.details["inference_classes"].values()) == figures["instructions_per_inference"]
    assert sum(on_board.details["inference_functions"].values()) == figures["instructions_per_inference"]
    assert "tinytl_head_step" in on_board.details["teach_steps_functions"]
    assert figures["arena_bytes"] == image.arena_bytes
    assert figures["ram_bytes"] == image.arena_bytes + figures["stack_bytes"] + figures["static_bytes"] < memory.ram_bytes
    assert figures["flash_bytes"] == figures["code_bytes"] + len(image.data) < memory.flash_bytes
    assert figures["energy_nj_thesis"] == thesis_energy_nj(bundle.head.macs)
    assert sum(layer.energy_nj or 0 for layer in on_board.layers) == pytest.approx(figures["energy_nj_full"])


@needs_qemu
def test_two_runs_give_the_same_numbers(on_board: Measurement, tiny_bundle: Path, tiny_dataset: Dataset) -> None:
    again = bench(tiny_bundle, target="qemu:mps2-an386", dataset=tiny_dataset)
    assert again.to_json() == on_board.to_json()
    assert Measurement.from_json(json.loads(json.dumps(again.to_json()))) == again


@needs_qemu
def test_twin_and_board_agree_on_accuracy(on_board: Measurement, tiny_bundle: Path, tiny_dataset: Dataset) -> None:
    twin = bench(tiny_bundle, target="host", dataset=tiny_dataset)
    assert twin.figures["accuracy"].value == on_board.figures["accuracy"].value
    document = twin.to_json()
    assert document["instructions_per_inference"] is None
    assert document["how"]["instructions_per_inference"] == "not counted on host: only an emulated board counts instructions"
    assert document["how"]["ram_bytes"] == "not known: host does not measure its stack"
    assert document["how"]["flash_bytes"] == "not known: tinytl did not build the firmware of host"
    assert all(name in document["how"] for name in REQUIRED)
    assert "wall" in document["how"]["milliseconds_wall"]


def test_an_empty_test_split_is_refused(tiny_bundle: Path, tiny_dataset: Dataset) -> None:
    empty = replace(tiny_dataset, x_test=tiny_dataset.x_test[:0], y_test=tiny_dataset.y_test[:0])
    with pytest.raises(BenchError, match="dataset 'tiny' has no test samples; expected at least one"):
        bench(tiny_bundle, target="host", dataset=empty)


def test_a_calibrated_board_stands_beside_the_models(tiny_bundle: Path, tiny_dataset: Dataset) -> None:
    calibration = Calibration(553.0, "somebody's board")
    measured = bench(tiny_bundle, target="host", dataset=tiny_dataset, samples=4, calibration=calibration)
    macs = sum(layer.macs for layer in measured.layers)
    assert measured.figures["energy_nj_calibrated"] == Figure(pytest.approx(macs * 0.553), "nJ", calibration.how)
    assert measured.figures["accuracy"].how == "device, 4 test samples of tiny, classes matched by name"


def test_a_bundle_without_check_vectors_is_refused(tiny_bundle: Path, tiny_dataset: Dataset, tmp_path: Path) -> None:
    bundle = read_bundle(tiny_bundle)
    write_bundle(replace(bundle, check_inputs=bundle.check_inputs[:0], check_features=bundle.check_features[:0]), tmp_path / "bare.tinytl")
    with pytest.raises(BenchError, match=r"bundle 'tiny' has no check vectors to count on\nhint: export it again"):
        bench(tmp_path / "bare.tinytl", target="host", dataset=tiny_dataset)
