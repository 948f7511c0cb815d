# SPDX-License-Identifier: Apache-2.0
"""`bench` of a plain .tflite: the keys of a bundle's measurement, null with a reason where there is no head."""

import json
import shutil
from collections import Counter as Tally
from pathlib import Path

import pytest

from tinytl.bundle.bundle import read_bundle
from tinytl.compiler import compile_tflite
from tinytl.data import Dataset
from tinytl.errors import BenchError
from tinytl.measurement import REQUIRED, Measurement
from tinytl_bench import bench
from tinytl_bench.compare import compare_measurements

needs_qemu = pytest.mark.skipif(
    not (shutil.which("qemu-system-arm") and shutil.which("arm-none-eabi-gcc")), reason="needs qemu-system-arm and arm-none-eabi-gcc"
)
OF_A_HEAD = {"accuracy", "instructions_per_teach_step"}


@pytest.fixture(scope="module")
def plain(tiny_bundle: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("plain") / "plain.tflite"
    path.write_bytes(read_bundle(tiny_bundle).extractor)
    return path


@needs_qemu
def test_on_the_board_all_but_the_heads_figures_are_there(plain: Path) -> None:
    measured = bench(plain, target="qemu:mps2-an386")
    document = json.loads(json.dumps(measured.to_json()))
    assert {name for name in REQUIRED if document[name] is None} == OF_A_HEAD
    assert document["how"]["instructions_per_teach_step"] == "a .tflite has no head that learns"
    assert document["how"]["accuracy"].startswith("a .tflite says neither its classes nor")
    assert document["how"]["instructions_per_inference"].endswith("on one random input (seed 0)")
    assert set(document["energy_nj"]) == {"full"}
    assert document["bundle"] == "plain"
    image = compile_tflite(plain.read_bytes(), family="dsp")
    assert (document["details"]["family"], document["details"]["optimize"]) == ("dsp", "speed")
    assert len(document["layers"]) == len(image.operators)
    assert sum(layer["instructions"] for layer in document["layers"]) == document["instructions_per_inference"] > 8640
    assert sum(layer["cycles_model"] for layer in document["layers"]) == document["cycles_model"]
    for layer in document["layers"]:
        assert sum(layer["classes"].values()) == layer["instructions"]
    whole: Tally[str] = Tally()
    for layer in document["layers"]:
        whole.update(layer["classes"])
    assert whole == document["details"]["inference_classes"]
    assert document["layers"][-1]["operator"] == "max_pool_2d" and "dual multiply-add" not in document["layers"][-1]["classes"]
    assert document["layers"][0]["classes"]["dual multiply-add"] >= document["layers"][0]["macs"] / 2, "SMLAD does two at once"
    assert document["arena_bytes"] == image.arena_bytes
    assert document["flash_bytes"] == document["code_bytes"] + len(image.data)
    again = bench(plain, target="qemu:mps2-an386")
    assert again == measured == Measurement.from_json(document)
    assert all(change.change == 0 for change in compare_measurements(measured, again))


def test_on_the_twin_nothing_is_counted(plain: Path) -> None:
    document = bench(plain, target="host").to_json()
    assert document["instructions_per_inference"] is None and document["milliseconds_wall"] > 0
    assert all(name in document["how"] for name in REQUIRED)
    assert document["how"]["accuracy"].startswith("a .tflite says neither")


def test_a_dataset_is_refused(plain: Path, tiny_dataset: Dataset) -> None:
    text = (
        r"dataset 'tiny' given for plain.tflite, whose accuracy is not known: .*; expected a bundle\nhint: leave --data and --samples out"
    )
    with pytest.raises(BenchError, match=text):
        bench(plain, target="host", dataset=tiny_dataset)
    with pytest.raises(BenchError, match=r"20 samples given for plain\.tflite"):
        bench(plain, target="host", samples=20)


def test_what_runs_first_sees_the_model_and_ends_the_measurement(plain: Path) -> None:
    def refuse(device: object, model: object, image: object) -> None:
        raise BenchError("other answers")

    with pytest.raises(BenchError, match="other answers"):
        bench(plain, target="host", first=refuse)
