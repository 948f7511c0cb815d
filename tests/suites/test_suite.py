# SPDX-License-Identifier: Apache-2.0
"""`bench --suite`: models are found or named, checked before they are counted, compared with a stored suite and with peers."""

import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result

from tinytl.bundle.bundle import read_bundle
from tinytl.compiler.compile import compile_program
from tinytl.compiler.kernels.selection import find_choices, timed
from tinytl.compiler.kernels.timing import FlashTiming
from tinytl.errors import BenchError
from tinytl.measurement import Measurement
from tinytl.report import report_from_files
from tinytl.tflite.interpreter import Interpreter
from tinytl_bench.compare import compare_measurements, load_baseline
from tinytl_bench.suites import published as suite
from tinytl_bench.suites.published import M4, M55, STORED_PEER, SUITES, SuiteModel, find_models, run_suite
from tinytl_cli import cli

BASELINE = Path(__file__).resolve().parents[2] / "benchmarks/baselines/mlperf-tiny.json"
PEERS = {
    "resnet-8": {M4: 29.865e6, M55: 4.913e6},
    "kws-ds-cnn": {M4: 7.699e6, M55: 1.815e6},
    "ad": {M4: 0.583e6, M55: 0.15e6},
    "person-detect": {M4: 22.928e6, M55: 6.508e6},
    "vww": {M4: 24.102e6, M55: 6.558e6},
}
BOARDS = {"qemu:mps2-an386": ("mlperf-tiny", 1.0), "qemu:mps3-an547": ("mlperf-tiny-m55", 0.5)}
"""Target → its stored suite, and what part of the peer's instructions a model may take."""
needs_qemu = pytest.mark.skipif(
    not (shutil.which("qemu-system-arm") and shutil.which("arm-none-eabi-gcc")), reason="needs qemu-system-arm and arm-none-eabi-gcc"
)


@pytest.fixture
def small(tiny_bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A suite of one small model, in a data folder of its own."""
    (tmp_path / "models").mkdir()
    (tmp_path / "models/tiny.tflite").write_bytes(read_bundle(tiny_bundle).extractor)
    monkeypatch.setenv("TINYTL_DATA_DIR", str(tmp_path))
    monkeypatch.setitem(SUITES, "small", (SuiteModel("tiny", "tiny.tflite", "somebody/models", {M4: 20_000, M55: 10_000}, 40_000),))
    return "small"


def invoke(*arguments: object) -> Result:
    return CliRunner().invoke(cli, ["bench", *(str(each) for each in arguments)])


def test_without_models_it_says_what_to_fetch(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("TINYTL_DATA_DIR", raising=False)
    with pytest.raises(BenchError) as unset:
        run_suite("mlperf-tiny", target="host")
    text = unset.value.text()
    assert text.startswith(
        "TINYTL_DATA_DIR is not set: no models; fetch\n  $TINYTL_DATA_DIR/models/mlperf_tiny/pretrainedResnet_quant.tflite"
    )
    assert "person_detect.tflite   from github.com/tensorflow/tflite-micro" in text
    assert text.endswith("\nhint: then: export TINYTL_DATA_DIR=FOLDER, the one that has models/ in it")
    monkeypatch.setenv("TINYTL_DATA_DIR", str(tmp_path))
    (tmp_path / "models/mlperf_tiny").mkdir(parents=True)
    (tmp_path / "models/mlperf_tiny/ad01_int8.tflite").write_bytes(b"")
    with pytest.raises(BenchError, match="4 of 5 models of suite 'mlperf-tiny' are missing; fetch\n") as missing:
        run_suite("mlperf-tiny", target="host")
    assert "ad01_int8" not in missing.value.text()


def test_an_unknown_suite() -> None:
    with pytest.raises(BenchError, match="suite 'mlperf' is unknown; expected mlperf-tiny"):
        run_suite("mlperf", target="host")


def test_a_model_that_answers_otherwise_is_not_counted(small: str, monkeypatch: pytest.MonkeyPatch) -> None:
    answer = Interpreter.run

    def off_by_one(self: Interpreter, x: np.ndarray) -> list[np.ndarray]:
        outputs = answer(self, x)
        outputs[0][2, 1, 0, 3] ^= 1
        return outputs

    monkeypatch.setattr(suite.Interpreter, "run", off_by_one)
    text = (
        r"tiny.tflite on host: 1 of 108 numbers of output '.*' differ from LiteRT's reference kernels on input 2; number 39 is -?\d+; "
        r"expected -?\d+\nhint: a kernel is wrong: nothing was counted"
    )
    with pytest.raises(BenchError, match=text):
        run_suite(small, target="host")


@needs_qemu
def test_a_suite_on_the_board_through_the_command_line(small: str, tmp_path: Path) -> None:
    told = invoke("--suite", small, "--target", "qemu:mps2-an386", "--json", "-o", tmp_path / "base.json", "--html", tmp_path / "page.html")
    assert told.exit_code == 0, told.output
    (document,) = json.loads(told.stdout)
    measured = Measurement.from_json(document)
    assert document["bundle"] == "tiny" and document["instructions_per_inference"] > 8640 and document["accuracy"] is None
    assert f"{document['instructions_per_inference']:,}" in (tmp_path / "page.html").read_text(encoding="utf-8")
    page = report_from_files([tmp_path / "base.json"], tmp_path / "again.html")
    assert page.read_bytes() == (tmp_path / "page.html").read_bytes()
    assert measured.details["peers"][STORED_PEER]["instructions"] == 20_000
    assert measured.details["checked"] == "5 inputs byte-equal to LiteRT's reference kernels on qemu:mps2-an386"
    same = invoke("--suite", small, "--target", "qemu:mps2-an386", "--compare", tmp_path / "base.json")
    assert same.exit_code == 0
    lines = same.stdout.splitlines()
    assert max(len(line) for line in lines) <= 100
    ratios = document["instructions_per_inference"] / 20_000, document["cycles_model"] / 40_000
    row = ["tiny", "TFLM", "+", "CMSIS-NN", "20,000", f"{ratios[0]:.3f}", "40,000", f"{ratios[1]:.3f}"]
    assert row in [line.split() for line in lines]
    assert "TFLM + CMSIS-NN (all): stored peer figure, not counted in this run" in same.stdout
    assert any(line.split()[:1] == ["instructions_per_inference"] and "+0.0 %" in line for line in lines)


def test_usage(small: str, tiny_bundle: Path) -> None:
    for arguments in ((), (tiny_bundle, "--suite", small)):
        result = invoke(*arguments, "--target", "host")
        assert result.exit_code == 2
        assert "one of MODEL and --suite is measured: tinytl bench MODEL --target TARGET" in result.output
    result = invoke(tiny_bundle, "--peers", "--target", "host")
    assert result.exit_code == 2 and "--peers goes with --suite: peers are counted on published models" in result.output
    result = invoke("--suite", small, "--target", "host", "--samples", 3)
    assert result.exit_code == 2 and "a suite has none" in result.output


def test_a_model_without_room_goes_to_the_large_board() -> None:
    from dataclasses import replace

    from tinytl.bundle.shipped import find_bundle
    from tinytl.compiler import compile_bundle

    image = compile_bundle(read_bundle(find_bundle("digits")))
    assert suite._place("qemu:mps2-an386", image) == ("qemu:mps2-an386", "")
    large = replace(image, arena_bytes=114_688 + 16)
    assert suite._place("host", large) == ("host", "")
    target, why = suite._place("qemu:mps2-an386", large)
    assert target == "qemu:mps2-an386-large"
    assert why.startswith("needs 114,704 bytes of arena and ") and why.endswith("; mps2-an386 has 114,688 and 262,144")


def test_the_stored_peers_and_the_stored_suite_fit_together() -> None:
    assert {model.name: model.peer_instructions for model in SUITES["mlperf-tiny"]} == PEERS
    stored = [Measurement.from_json(each) for each in json.loads(BASELINE.read_text())]
    assert [each.bundle for each in stored] == list(PEERS)
    assert all(each.figures["instructions_per_inference"].value > 0 for each in stored)


@pytest.mark.parametrize("policy", ["", "-size"])
def test_modelled_cycles_are_near_the_counted(policy: str) -> None:
    """What kernels are chosen by, without wait states, beside the stored counts: each kernel, and each model in sum."""
    if not os.environ.get("TINYTL_DATA_DIR"):
        pytest.skip("TINYTL_DATA_DIR is not set: no published models")
    stored = {each["bundle"]: each for each in json.loads(BASELINE.with_name(f"mlperf-tiny{policy}.json").read_text())}
    for model, path in find_models("mlperf-tiny"):
        choices = find_choices(compile_program(path.read_bytes()), "dsp")
        modelled = counted = 0.0
        for layer, row in zip(stored[model.name]["layers"], choices.options, strict=True):
            chosen = [each for each in row if each.candidate and each.candidate.variant.title == layer["kernel"]]
            if chosen and layer["instructions"] > 20_000:
                assert chosen[0].cycles == pytest.approx(layer["cycles_model"], rel=0.25), layer["name"]
                modelled, counted = modelled + chosen[0].cycles, counted + layer["cycles_model"]
        assert modelled == pytest.approx(counted, rel=0.05), model.name


def test_fewest_cycles_save_time_and_flash_beside_fewest_instructions() -> None:
    """Figures of docs/measured.md: with five wait states, 4 to 18 % of the cycles and 6 to 47 % of the bytes."""
    if not os.environ.get("TINYTL_DATA_DIR"):
        pytest.skip("TINYTL_DATA_DIR is not set: no published models")
    cycles, sizes = [], []
    for _, path in find_models("mlperf-tiny"):
        rows = timed(find_choices(compile_program(path.read_bytes()), "dsp"), FlashTiming(5, 16)).options
        fastest = [min(row, key=lambda each: each.cycles) for row in rows]
        fewest = [min(row[1:] or row, key=lambda each: each.candidate.instructions if each.candidate else 0) for row in rows]
        cycles.append(1 - sum(each.cycles for each in fastest) / sum(each.cycles for each in fewest))
        sizes.append(1 - sum(each.constant_bytes for each in fastest) / sum(each.constant_bytes for each in fewest))
    assert (round(min(cycles), 2), round(max(cycles), 2)) == (0.04, 0.18)
    assert (min(sizes), max(sizes)) == pytest.approx((0.06, 0.47), abs=0.01)


@needs_qemu
@pytest.mark.long
@pytest.mark.parametrize(("target", "optimize"), [("qemu:mps2-an386", "speed"), ("qemu:mps2-an386", "size"), ("qemu:mps3-an547", "speed")])
def test_the_published_models_stay_within_the_stored_suite(target: str, optimize: str) -> None:
    if not os.environ.get("TINYTL_DATA_DIR"):
        pytest.skip("TINYTL_DATA_DIR is not set: no published models")
    assert len(find_models("mlperf-tiny")) == 5
    name, part = BOARDS[target]
    stored = BASELINE.with_name(f"{name}{'-size' if optimize == 'size' else ''}.json")
    for measured in run_suite("mlperf-tiny", target=target, optimize=optimize):
        compare_measurements(load_baseline(stored, target=measured.target, bundle=measured.bundle), measured)
        expect_foreseen(measured)
        peer = measured.details["peers"][STORED_PEER]["instructions"]
        assert measured.figures["instructions_per_inference"].value < part * peer


def expect_foreseen(measured: Measurement) -> None:
    """The compiler's cost model, shown by `inspect`, is within 5 % of what is counted: in sum, and of every layer that matters."""
    known = [layer for layer in measured.layers if layer.expected_instructions and layer.instructions]
    counted = sum(layer.instructions or 0 for layer in known)
    assert counted > 0.99 * measured.figures["instructions_per_inference"].value
    assert sum(layer.expected_instructions or 0 for layer in known) == pytest.approx(counted, rel=0.02)
    for layer in known:
        if (layer.instructions or 0) > counted / 100:
            assert layer.expected_instructions == pytest.approx(layer.instructions, rel=0.05), layer
