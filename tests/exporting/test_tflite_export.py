# SPDX-License-Identifier: Apache-2.0
"""An int8 .tflite becomes a bundle: its last layer learns, what comes before it stays byte for byte."""

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from tflite_classifiers import (
    CLASSES,
    HIDDEN,
    LOGITS,
    NAMES,
    WIDTH,
    End,
    bare,
    classifier,
    floats,
    logistic,
    reshaped_softmax,
    samples,
    softmax,
    stock,
    task,
)
from tflite_writer import ModelWriter

from published import published_file
from tinytl.bundle.bundle import Bundle, read_bundle
from tinytl.cutting.tflite_cut import TfliteCut, cut_tflite
from tinytl.data.dataset import Dataset
from tinytl.errors import CompileError, ModelError, TinytlError
from tinytl.exporting.export import export
from tinytl.head.forward import logits
from tinytl.head.learning import Learning
from tinytl.tflite.interpreter import Interpreter
from tinytl.tflite.litert_compatibility import readable_by_litert
from tinytl.tflite.signature import read_signature
from tinytl_cli import cli


def head_logits(parts: TfliteCut | Bundle, x: np.ndarray) -> np.ndarray:
    oracle = Interpreter(parts.extractor)
    (feature,) = oracle.run(x)
    facts = oracle.outputs[0]
    return logits(parts.head, [(feature.astype(np.float32) - np.float32(facts.zero_point)) * np.float32(facts.scale)])


def held(tflite: bytes, name: str, x: np.ndarray) -> np.ndarray:
    """Return what a tensor holds in LiteRT's reference kernels, as real numbers, for each sample."""
    oracle, found = Interpreter(tflite, preserve_all=True), []
    for sample in x:
        oracle.run(sample[None])
        found.append(next(tensor.real[0] for tensor in oracle.tensors() if tensor.name == name))
    return np.stack(found)


def within_a_quantum(found: np.ndarray, wanted: np.ndarray, *, scale: float, zero_point: int) -> bool:
    lowest, highest = ((end - zero_point) * scale for end in (-128, 127))
    return bool(np.abs(np.clip(found, lowest, highest) - wanted).max() < scale)


@pytest.mark.parametrize("end", [softmax, logistic, reshaped_softmax, bare, floats])
@pytest.mark.parametrize("options", [{}, {"rows": True}, {"bias": False}, {"open_batch": True}])
def test_head_of_extractor_is_the_model(end: End, options: dict[str, bool]) -> None:
    tflite, x = classifier(end, **options), samples(200)
    parts = cut_tflite(tflite)
    found, wanted = head_logits(parts, x), held(tflite, "logits", x)
    assert len(np.unique(wanted)) > 50
    assert within_a_quantum(found, wanted, **LOGITS)
    assert np.mean(found.argmax(axis=1) == wanted.argmax(axis=1)) > 0.97
    assert parts.head.learning.loss == ("sigmoid_cross_entropy" if end is logistic else "softmax_cross_entropy")
    assert (parts.frozen_macs, parts.trainable_macs) == (WIDTH * HIDDEN, HIDDEN * CLASSES)


def test_the_extractor_is_the_file_with_fewer_operators() -> None:
    tflite = classifier()
    parts = cut_tflite(tflite)
    before, after = read_signature(tflite), read_signature(parts.extractor)
    assert before.operators == ("FULLY_CONNECTED", "FULLY_CONNECTED", "SOFTMAX")
    assert after.operators == ("FULLY_CONNECTED",)
    assert after.inputs == before.inputs
    assert [(each.name, each.shape, each.dtype) for each in after.outputs] == [("hidden", (1, HIDDEN), "int8")]
    assert len(parts.extractor) == len(tflite)
    changed = [place for place in range(len(tflite)) if parts.extractor[place] != tflite[place]]
    assert len(changed) <= 2, "the number of operators, the number of the output"


def test_floats_at_both_ends_go() -> None:
    """What the converter makes unless it is asked for int8 ends: a QUANTIZE first, a DEQUANTIZE last."""
    parts = cut_tflite(classifier(floats, from_floats=True))
    signature = read_signature(parts.extractor)
    assert [(each.name, each.dtype, each.scale) for each in signature.inputs] == [("x", "int8", pytest.approx(0.05))]
    assert signature.operators == ("FULLY_CONNECTED",)
    np.testing.assert_array_equal(head_logits(parts, samples(50)), head_logits(cut_tflite(classifier()), samples(50)))


def test_a_class_without_samples_is_told(tmp_path: Path) -> None:
    (tmp_path / "trees.tflite").write_bytes(classifier())
    whole = task()
    kept = whole.y_train != 1
    fewer = replace(whole, x_train=whole.x_train[kept], y_train=whole.y_train[kept])
    bundle = export(tmp_path / "trees.tflite", dataset=fewer, out=tmp_path / "trees.tinytl", replay_samples=10)
    assert bundle.manifest["warnings"] == [f"dataset {whole.name!r} has no training samples of {NAMES[1]!r}: none is replayed"]


def test_int8_samples_reach_the_extractor_unchanged(tmp_path: Path) -> None:
    path = tmp_path / "trees.tflite"
    path.write_bytes(classifier())
    learning = Learning(learning_rate=0.02, replays_per_step=4, guard_buffer_bytes=512)
    bundle = export(path, dataset=task(), out=tmp_path / "trees.tinytl", learning=learning, class_capacity=7, replay_samples=30)
    assert read_bundle(tmp_path / "trees.tinytl").bundle_id == bundle.bundle_id
    manifest = bundle.manifest
    assert (manifest["model"], manifest["plan"], manifest["class_capacity"]) == ("trees", "last-dense", 7)
    assert manifest["labels"] == list(NAMES)
    assert manifest["source"]["accuracy_float"] is None
    assert manifest["source"]["accuracy_int8"] > 0.9
    assert manifest["preprocessing"] == {"range": [pytest.approx(-6.05), pytest.approx(6.7)], "resize": None, "int8": "input"}
    assert set(manifest["created_with"]) == {"tinytl", "numpy"}
    assert bundle.head.learning == learning
    known = {sample.tobytes() for sample in task().x_test}
    assert [row.tobytes() in known for row in bundle.check_inputs] == [True] * 24 + [False] * 8
    assert {row.tobytes() for row in bundle.replay_features} <= {
        row.tobytes() for row in Interpreter(bundle.extractor).run(task().x_train)[0]
    }


def test_real_numbers_are_quantized_and_int8_is_not(tmp_path: Path) -> None:
    from tinytl_bridge import connect

    path, x = tmp_path / "trees.tflite", samples(40)
    path.write_bytes(classifier())
    with connect("host", state_dir=tmp_path) as device:
        device.flash(export(path, dataset=task(), out=tmp_path / "trees.tinytl"))
        assert device.prepare(x).tobytes() == x.tobytes()
        real = (x.astype(np.float32) + 7) * np.float32(0.05)
        assert device.prepare(real).tobytes() == x.tobytes()


@pytest.mark.parametrize("wide_signature", [False, True])
def test_a_flatten_of_an_open_batch_is_folded(tmp_path: Path, wide_signature: bool) -> None:
    """What the stock converter writes for Sequential, Conv, Flatten, Dense: the device answers what the model says."""
    from tinytl_bridge import connect

    tflite, x = stock(wide_signature=wide_signature), np.random.default_rng(4).integers(-128, 128, (120, 4, 4, 1)).astype(np.int8)
    path = tmp_path / "stock.tflite"
    path.write_bytes(tflite)
    (answers,) = Interpreter(tflite).run(x)
    y = answers.argmax(axis=1).astype(np.int64)
    bundle = export(path, dataset=Dataset("stock", x[:80], y[:80], x[80:], y[80:], NAMES), out=tmp_path / "stock.tinytl")
    assert bundle.manifest["source"]["accuracy_int8"] > 0.9
    assert [each.shape for each in read_signature(bundle.extractor).outputs] == [(1, 12)]
    assert within_a_quantum(head_logits(bundle, x), held(tflite, "logits", x), **LOGITS)
    with connect("host", state_dir=tmp_path) as device:
        device.flash(bundle)
        assert device.evaluate(x, y).accuracy == np.mean(head_logits(bundle, x).argmax(axis=1) == y)


@pytest.mark.parametrize(
    ("tflite", "text"),
    [
        (
            classifier(lambda writer, logits: softmax(writer, softmax(writer, logits))),
            r"the model ends in SOFTMAX \(output 'probabilities'\)",
        ),
        (classifier(lambda writer, logits: softmax(writer, logits, beta=2.0)), r"operator 2, SOFTMAX version 1 .* has beta 2; expected 1"),
        (classifier(activation=1), r"operator 1, FULLY_CONNECTED .* has activation RELU; expected none: its outputs are the logits"),
        (classifier(constant=False), r"operator 2, FULLY_CONNECTED .*: its weights are computed; expected constant weights"),
    ],
)
def test_other_ends_are_refused(tflite: bytes, text: str) -> None:
    with pytest.raises(ModelError, match=text) as caught:
        cut_tflite(tflite)
    assert caught.value.hint == "export from the Keras model: tinytl export RUN"


def one_layer(dtype: str) -> bytes:
    """FULLY_CONNECTED alone, int8 or float32."""
    writer, scale = ModelWriter(), 0.05 if dtype == "int8" else None
    x, out = writer.tensor("x", (1, 4), dtype, scale), writer.tensor("out", (1, 3), dtype, scale)
    weights = writer.tensor("weights", (3, 4), dtype, scale, data=np.ones((3, 4)))
    writer.node("FULLY_CONNECTED", [x, weights], out, 1, "FullyConnectedOptions")
    return writer.bytes([x], [out])


def read_elsewhere() -> bytes:
    """The logits are an output beside the probabilities."""
    writer = ModelWriter()
    x, out = writer.tensor("x", (1, 4)), writer.tensor("out", (1, 3))
    weights = writer.tensor("weights", (3, 4), data=np.ones((3, 4)))
    writer.node("FULLY_CONNECTED", [x, weights], out, 1, "FullyConnectedOptions")
    doubled = writer.tensor("doubled", (1, 3))
    writer.node("ADD", [out, out], doubled, 1, "AddOptions")
    return writer.bytes([x], [out])


def ending_in_relu() -> bytes:
    writer = ModelWriter()
    x, out = writer.tensor("x", (1, 4)), writer.tensor("out", (1, 4))
    writer.node("RELU", [x], out)
    return writer.bytes([x], [out])


@pytest.mark.parametrize(
    ("tflite", "text"),
    [
        (one_layer("float32"), r"operator 0, FULLY_CONNECTED .* takes float32 and float32 weights; expected an int8 model"),
        (one_layer("int8"), r"nothing is left to freeze before operator 0, FULLY_CONNECTED"),
        (read_elsewhere(), r"operator 0, FULLY_CONNECTED .* is read 3 times; expected by the model's end alone"),
        (ending_in_relu(), r"the model ends in RELU \(output 'out'\); expected a FULLY_CONNECTED at its end"),
    ],
)
def test_other_models_are_refused(tflite: bytes, text: str) -> None:
    with pytest.raises(ModelError, match=text):
        cut_tflite(tflite)


def test_damaged_files_are_refused_or_taken() -> None:
    """Nothing but a tinytl error comes out, whichever byte is wrong."""
    whole, refused = classifier(), 0
    for place in range(8, len(whole), 5):
        damaged = bytearray(whole)
        damaged[place] ^= 0x55
        try:
            cut_tflite(bytes(damaged))
        except TinytlError:
            refused += 1
    assert refused > 50
    with pytest.raises(CompileError, match="the file is no TFLite model"):
        cut_tflite(b"\0" * 64)


def test_what_only_a_keras_model_can_do_is_refused(tmp_path: Path) -> None:
    path, out = tmp_path / "trees.tflite", tmp_path / "trees.tinytl"
    path.write_bytes(classifier())
    with pytest.raises(ModelError) as caught:
        export(path, dataset=task(), plan="fc+conv1", dropout=True, out=out)
    assert caught.value.text() == (
        "trees.tflite is a .tflite and cannot be exported with plan 'fc+conv1', dropout; expected plan last-dense: the last layer of a "
        ".tflite can train\nhint: export from the Keras model: tinytl export RUN"
    )
    with pytest.raises(ModelError, match=r"trees.tflite names no dataset; .*\nhint: tinytl export .*trees.tflite --data NAME\|PATH"):
        export(path, out=out)
    with pytest.raises(ModelError, match=r"the model has 5 outputs and dataset 'trees' has 4 classes"):
        export(path, dataset=task(NAMES[:4]), out=out)
    assert not out.exists()


def test_from_the_shell_without_tensorflow(tmp_path: Path) -> None:
    trees = task()
    np.savez(tmp_path / "trees.npz", x=trees.x_train, y=trees.y_train, classes=list(NAMES))
    (tmp_path / "trees.tflite").write_bytes(classifier(logistic))
    guard = "import sys; sys.modules['tensorflow'] = sys.modules['keras'] = None; from tinytl_cli import main; main()"
    words = ["export", "trees.tflite", "--data", "trees.npz", "-o", "trees.tinytl", "--class-capacity", "6", "--learning-rate", "0.03",
             "--layer-rates", "equal", "--input-range", "-1:1", "--json"]  # fmt: skip
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    done = subprocess.run(
        [sys.executable, "-c", guard, *words], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 0, done.stderr[-2000:]
    told = json.loads(done.stdout)
    assert told["accuracy_float"] is None and told["accuracy_int8"] > 0.9
    bundle = read_bundle(tmp_path / "trees.tinytl")
    learning = bundle.head.learning
    assert (learning.loss, learning.learning_rate, learning.layer_rates) == ("sigmoid_cross_entropy", 0.03, "equal")
    assert bundle.manifest["preprocessing"]["range"] == [-1.0, 1.0]
    shown = CliRunner().invoke(cli, ["inspect", str(tmp_path / "trees.tinytl")])
    assert shown.exit_code == 0 and " int8 (host)" in shown.stdout and "float, " not in shown.stdout


@pytest.mark.parametrize("name", ["kws_ref_model", "pretrainedResnet_quant", "vww_96_int8"])
def test_published_models_answer_as_before(name: str) -> None:
    tflite = readable_by_litert(published_file(f"mlperf_tiny/{name}.tflite").read_bytes())
    parts, oracle = cut_tflite(tflite), Interpreter(tflite, preserve_all=True)
    x = np.random.default_rng(3).integers(-128, 128, (6, *oracle.input.shape[1:])).astype(np.int8)
    last = np.stack([_before_softmax(oracle, tflite, sample) for sample in x])
    scale, zero_point = _quantization_before_softmax(oracle, tflite)
    assert within_a_quantum(head_logits(parts, x), last, scale=scale, zero_point=zero_point)


def _before_softmax(oracle: Interpreter, tflite: bytes, sample: np.ndarray) -> np.ndarray:
    from tinytl.tflite.softmax_removal import without_softmax

    oracle.run(sample[None])
    (spec,) = read_signature(without_softmax(tflite)).outputs
    return next(tensor.real[0] for tensor in oracle.tensors() if tensor.name == spec.name)


def _quantization_before_softmax(oracle: Interpreter, tflite: bytes) -> tuple[float, int]:
    from tinytl.tflite.softmax_removal import without_softmax

    (spec,) = read_signature(without_softmax(tflite)).outputs
    return spec.scale, spec.zero_point
