# SPDX-License-Identifier: Apache-2.0
"""Any model on any target: the twin, the emulated board and a serial port answer what LiteRT's reference kernels answer."""

import os
import shutil
from pathlib import Path

import numpy as np
import pytest

from tinytl.bundle.bundle import read_bundle
from tinytl.bundle.shipped import find_bundle
from tinytl.errors import DataError, DeviceError
from tinytl.model_file import ModelFile, compile_model, read_model
from tinytl.tflite.interpreter import Interpreter
from tinytl.tflite.signature import TensorSpec
from tinytl_bridge import connect
from tinytl_bridge.running import answer_of, flash_once, run_model
from tinytl_bridge.wire.link import Refusal
from tinytl_bridge.wire.protocol import Readable
from tinytl_bridge.wire.results import Inference
from two_ended_model import expected, samples, two_ended

needs_qemu = pytest.mark.skipif(
    not (shutil.which("qemu-system-arm") and shutil.which("arm-none-eabi-gcc")), reason="needs qemu-system-arm and arm-none-eabi-gcc"
)
TARGETS = ["host", pytest.param("qemu:mps2-an386", marks=needs_qemu)]


@pytest.fixture
def two_ends(tmp_path: Path) -> ModelFile:
    (tmp_path / "two.tflite").write_bytes(two_ended())
    return read_model(tmp_path / "two.tflite")


@pytest.mark.parametrize("target", TARGETS)
def test_several_inputs_and_outputs_of_several_types(two_ends: ModelFile, target: str) -> None:
    given = samples(7)
    ran = run_model(two_ends, given, target=target)
    assert list(ran.answers) == ["sum", "wide"]
    for name, answer in expected(given).items():
        assert ran.answers[name].dtype == answer.dtype
        np.testing.assert_array_equal(ran.answers[name], answer)


@pytest.mark.parametrize("target", TARGETS)
def test_inputs_that_take_several_frames_and_share_one(tmp_path: Path, target: str) -> None:
    """2,400 bytes, then 600: the second input begins in the middle of the third frame, the outputs are read in pieces."""
    sides = (20, 15, 2)
    (tmp_path / "two.tflite").write_bytes(two_ended(sides))
    given = samples(3, sides)
    ran = run_model(read_model(tmp_path / "two.tflite"), given, target=target)
    for name, answer in expected(given).items():
        np.testing.assert_array_equal(ran.answers[name], answer)


def test_logits_that_no_frame_holds_are_read_in_pieces(tmp_path: Path) -> None:
    class Device:
        def infer_prepared(self, sample: np.ndarray) -> Inference:
            return Inference(0, np.arange(255, dtype=np.float32))

        def read(self, what: Readable, *, count: int) -> bytes:
            assert what == Readable.LOGITS
            return np.arange(300, dtype="<f4").tobytes()[:count]

    head = TensorSpec("logits", (1, 300), "float32", 0.0, 0)
    (answer,) = answer_of(Device(), b"", (), head)  # type: ignore[arg-type]
    np.testing.assert_array_equal(answer, np.arange(300))


@pytest.mark.parametrize("target", TARGETS)
def test_an_extractor_answers_what_the_reference_kernels_do(tmp_path: Path, target: str) -> None:
    bundle = read_bundle(find_bundle("digits"))
    (tmp_path / "extractor.tflite").write_bytes(bundle.extractor)
    x = np.random.default_rng(3).integers(-128, 128, (20, 28, 28, 1)).astype(np.int8)
    ran = run_model(read_model(tmp_path / "extractor.tflite"), {ran_input(bundle.extractor): x}, target=target)
    (answer,) = ran.answers.values()
    np.testing.assert_array_equal(answer, Interpreter(bundle.extractor).run(x)[0])


def ran_input(tflite: bytes) -> str:
    return Interpreter(tflite).input.name


@pytest.mark.parametrize(
    "name",
    [
        "mlperf_tiny/kws_ref_model.tflite",
        "tflm/micro_speech_quantized.tflite",
        pytest.param("mlperf_tiny/vww_96_int8.tflite", marks=pytest.mark.long),
    ],
)
@pytest.mark.parametrize("target", TARGETS)
def test_published_models_answer_what_the_reference_kernels_do(name: str, target: str) -> None:
    folder = os.environ.get("TINYTL_DATA_DIR")
    if not folder or not (Path(folder) / "models" / name).exists():
        pytest.skip("TINYTL_DATA_DIR does not lead to the published models")
    model = read_model(Path(folder) / "models" / name)
    oracle = Interpreter(model.tflite)
    x = np.random.default_rng(3).integers(-128, 128, (4, *oracle.input.shape[1:])).astype(np.int8)
    ran = run_model(model, {oracle.input.name: x}, target=target)
    np.testing.assert_array_equal(next(iter(ran.answers.values())), oracle.run(x)[0])


def test_a_bundle_answers_its_logits_then_its_features(tmp_path: Path) -> None:
    model = read_model(find_bundle("digits"))
    assert model.bundle is not None
    inputs = model.bundle.check_inputs[:5].reshape(-1, 28, 28, 1)
    ran = run_model(model, {ran_input(model.tflite): inputs}, target="host")
    logits, features = ran.answers.values()
    assert next(iter(ran.answers)) == "logits" and logits.shape == (5, 10) and logits.dtype == np.float32
    np.testing.assert_array_equal(features.reshape(5, -1), model.bundle.check_features[:5])
    with connect("host", state_dir=tmp_path) as device:
        device.flash(model)
        for sample, answer in zip(inputs, logits, strict=True):
            assert device.infer_prepared(sample).logits.tobytes() == answer.tobytes()
        assert device.read(Readable.LOGITS, count=40) == logits[-1].tobytes()
        with pytest.raises(Refusal, match="range up to 44; the limit is 40"):
            device.read(Readable.LOGITS, count=4, offset=40)


def test_a_device_that_holds_the_model_is_not_flashed_again(two_ends: ModelFile, tmp_path: Path) -> None:
    image, flashed = compile_model(two_ends), []
    for _ in range(2):
        with connect("host", state_dir=tmp_path) as device:
            flash_once(device, image, progress=lambda *told: flashed.append(told))
    assert {told[0] for told in flashed} == {"flash"}
    with connect("host", state_dir=tmp_path) as device:
        before = len(flashed)
        flash_once(device, image, progress=lambda *told: flashed.append(told))
        assert len(flashed) == before


def test_outputs_beyond_the_graphs_are_refused(two_ends: ModelFile, tmp_path: Path) -> None:
    with connect("host", state_dir=tmp_path) as device:
        device.flash(two_ends)
        with pytest.raises(Refusal, match="range up to 1; the limit is 0"):
            device.read(Readable.OUTPUT, index=2, count=1)
        with pytest.raises(Refusal, match="range up to 25; the limit is 24"):
            device.read(Readable.OUTPUT, index=0, count=25)
        with pytest.raises(Refusal, match="the sample has 100 bytes; the model's input takes 120"):
            device.infer_prepared(np.zeros(100, np.int8))


@pytest.mark.parametrize("verb", ["infer", "evaluate", "teach", "head_parameters"])
def test_what_needs_a_head_says_so_without_one(two_ends: ModelFile, tmp_path: Path, verb: str) -> None:
    x, y = np.zeros((2, 3, 4, 2), np.float32), np.zeros(2, np.int64)
    given = {"infer": (x[0],), "evaluate": (x, y), "teach": (x, y), "head_parameters": ()}[verb]
    with connect("host", state_dir=tmp_path) as device:
        device.flash(two_ends)
        with pytest.raises(DeviceError, match=r"has no head: it came from a plain \.tflite; expected a bundle's\nhint: tinytl run MODEL"):
            getattr(device, verb)(*given)


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"b": None}, r"inputs 'a'; expected 'a', 'b'\nhint: tinytl inspect MODEL names the inputs"),
        ({"c": np.zeros(3)}, r"inputs 'a', 'b', 'c'; expected 'a', 'b'"),
        ({"b": np.zeros((7, 3, 4, 2), np.float64)},
         r"input 'b': samples are float64; expected \(N, 3, 4, 2\) int8\nhint: quantize them first: round\(x / 0\.5\) \+ 0, clipped to int8"),
        ({"b": np.zeros((7, 3, 4, 2), np.uint8)}, r"input 'b': samples are uint8; expected \(N, 3, 4, 2\) int8\nhint: x\.astype\('int8'\)"),
        ({"b": np.zeros((7, 4, 3, 2), np.int8)}, r"input 'b': samples of shape \(7, 4, 3, 2\); expected \(N, 3, 4, 2\) int8$"),
        ({"b": np.zeros((3, 4, 2), np.int8)}, r"samples of shape \(3, 4, 2\); expected \(N, 3, 4, 2\) int8\nhint: one sample alone: x\[None\]"),
        ({"b": np.zeros((0, 3, 4, 2), np.int8)}, r"input 'b': no samples \(shape \(0, 3, 4, 2\)\); expected at least one"),
        ({"b": np.zeros((6, 3, 4, 2), np.int8)}, r"different numbers of samples: 7 of 'a', 6 of 'b'; expected as many of each"),
    ],
)  # fmt: skip
def test_inputs_that_do_not_fit_are_refused(two_ends: ModelFile, change: dict[str, np.ndarray | None], text: str) -> None:
    given = {name: array for name, array in {**samples(7), **change}.items() if array is not None}
    with pytest.raises(DataError, match=text):
        run_model(two_ends, given, target="no target is touched")


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_numbers_that_are_none_are_refused(two_ends: ModelFile, value: float) -> None:
    given = samples(7)
    given["a"][4, 2, 1, 0] = value
    with pytest.raises(DataError, match=rf"input 'a': sample 4 holds {value} at \(2, 1, 0\); expected finite numbers"):
        run_model(two_ends, given, target="no target is touched")


def test_a_state_folder_is_a_path_or_a_text(tmp_path: Path) -> None:
    with connect("host", state_dir=str(tmp_path / "state")):
        assert list((tmp_path / "state").glob("host-*.nv"))
