# SPDX-License-Identifier: Apache-2.0
"""The oracle: reference kernels, whichever package has them, sample by sample."""

import os
import sys
from contextlib import nullcontext
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest

from tinytl import install_hint
from tinytl.bundle.bundle import Bundle, read_bundle
from tinytl.errors import ModelError
from tinytl.tflite import interpreter
from tinytl.tflite.interpreter import Interpreter


@pytest.fixture
def bundle(tiny_bundle: Path) -> Bundle:
    return read_bundle(tiny_bundle)


def test_answers_do_not_depend_on_the_batch(bundle: Bundle) -> None:
    oracle = Interpreter(bundle.extractor)
    (all_at_once,) = oracle.run(bundle.check_inputs)
    assert all_at_once.shape == (32, 3, 3, 12)
    assert np.array_equal(all_at_once.reshape(32, -1), bundle.check_features)
    (alone,) = oracle.run(bundle.check_inputs[31:].reshape(1, 12, 12, 1))
    assert np.array_equal(alone[0], all_at_once[31])
    assert oracle.run(bundle.check_inputs[:0])[0].shape == (0, 3, 3, 12)


def test_every_installed_package_gives_the_same_bytes(bundle: Bundle, monkeypatch: pytest.MonkeyPatch) -> None:
    answers = []
    for provider in interpreter._PROVIDERS:
        monkeypatch.setattr(interpreter, "_PROVIDERS", (provider,))
        try:
            answers.append(Interpreter(bundle.extractor).run(bundle.check_inputs)[0])
        except ModelError:
            continue
    assert answers
    assert all(np.array_equal(answers[0], other) for other in answers)


def test_kernels_are_the_reference_ones(bundle: Bundle, monkeypatch: pytest.MonkeyPatch) -> None:
    made = []

    class Recorder:
        def __init__(self, **options: object) -> None:
            made.append(options["experimental_op_resolver_type"])
            raise ValueError("stop here\nsecond line")

    _, resolver = interpreter._provider()
    monkeypatch.setattr(interpreter, "_provider", lambda: (Recorder, resolver))
    with pytest.raises(ModelError, match=r"^LiteRT refuses the model: stop here; expected a \.tflite file$"):
        Interpreter(bundle.extractor)
    assert [each.name for each in made] == ["BUILTIN_REF"]


def test_tensors_of_the_last_sample(bundle: Bundle) -> None:
    oracle = Interpreter(bundle.extractor, preserve_all=True)
    oracle.run(bundle.check_inputs[:3])
    found = {tensor.index: tensor for tensor in oracle.tensors()}
    image, features = found[oracle.input.index], found[oracle.outputs[0].index]
    assert np.array_equal(image.value, bundle.check_inputs[2].reshape(1, 12, 12, 1))
    assert np.array_equal(features.value.reshape(-1), bundle.check_features[2])
    wanted = (bundle.check_features[2].astype(np.float32) - features.zero_point) * np.float32(features.scale)
    assert np.array_equal(features.real.reshape(-1), wanted)
    assert len(found) > 6


def test_tensors_need_to_be_kept(bundle: Bundle) -> None:
    with pytest.raises(ModelError, match=r"^intermediate tensors were not kept; expected Interpreter\(tflite, preserve_all=True\)$"):
        Interpreter(bundle.extractor).tensors()
    with pytest.raises(ModelError, match=r"^tensor 'serving_default_input:0' has no content|^tensor 'input' has no content"):
        Interpreter(bundle.extractor).input.real  # noqa: B018


@pytest.mark.parametrize(
    ("x", "text"),
    [
        (np.zeros((2, 12, 12, 1), np.uint8), "samples are uint8; expected (N, 12, 12, 1) int8"),
        (np.zeros((2, 12, 12, 3), np.int8), "samples of shape (2, 12, 12, 3); expected (N, 12, 12, 1) int8"),
        (np.zeros(144, np.int8), "samples of shape (144,); expected (N, 12, 12, 1) int8"),
    ],
)
def test_samples_that_do_not_fit_are_refused(bundle: Bundle, x: np.ndarray, text: str) -> None:
    with pytest.raises(ModelError) as caught:
        Interpreter(bundle.extractor).run(x)
    assert str(caught.value) == text


def test_bytes_that_are_no_model_are_refused() -> None:
    with pytest.raises(ModelError, match=r"^LiteRT refuses the model: .*; expected a \.tflite file$"):
        Interpreter(b"\x1c\0\0\0TFL3" + bytes(100))


def test_a_missing_interpreter_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in interpreter._PROVIDERS:
        monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(ModelError) as caught:
        Interpreter(b"")
    assert str(caught.value) == (
        "no LiteRT interpreter is installed; expected one of ai_edge_litert, tflite_runtime (with numpy below 2), tensorflow\n"
        f"hint: pip install ai-edge-litert   (workstation: {install_hint.with_extra('host')})"
    )


@pytest.mark.parametrize(("version", "taken"), [("1.26.4", True), ("2.0.0", False)])
def test_an_interpreter_that_was_built_against_numpy_1_is_left_out_beside_numpy_2(
    version: str, taken: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "tflite_runtime.interpreter", import_module(interpreter._provider()[0].__module__))
    monkeypatch.setattr(interpreter, "_PROVIDERS", ("tflite_runtime.interpreter",))
    monkeypatch.setattr(np, "__version__", version)
    with nullcontext() if taken else pytest.raises(ModelError, match=r"tflite_runtime \(with numpy below 2\)"):
        interpreter._provider()


def test_published_keyword_model_hears_what_it_is_known_to_hear() -> None:
    folder = Path(os.environ.get("TINYTL_DATA_DIR", "/nowhere"))
    model, samples = folder / "models/mlperf_tiny/kws_ref_model.tflite", folder / "packed/kws01_mfcc_int8.npz"
    if not (model.is_file() and samples.is_file()):
        pytest.skip("needs the published keyword model and test set in TINYTL_DATA_DIR")
    data = np.load(samples)
    (answer,) = Interpreter(model.read_bytes()).run(data["mfcc"][:300])
    assert np.mean(answer.argmax(axis=1) == data["label"][:300]) > 0.87


def test_several_inputs_are_refused() -> None:
    tf = pytest.importorskip("tensorflow", reason="needs tinytl[host]")
    pair = tf.function(lambda a, b: a + b, input_signature=[tf.TensorSpec((1, 2)), tf.TensorSpec((1, 2))])
    tflite = tf.lite.TFLiteConverter.from_concrete_functions([pair.get_concrete_function()]).convert()
    with pytest.raises(ModelError, match=r"^the model has 2 inputs; expected one$"):
        Interpreter(tflite)


def test_a_shape_that_the_graph_computes_is_that_of_its_answers() -> None:
    """Keras's upsampling of an open batch is such a graph; before an answer, LiteRT gives 1 for the sides it has yet to compute."""
    tf = pytest.importorskip("tensorflow", reason="needs tinytl[host]")
    signature = [tf.TensorSpec((None, 4), tf.float32)]
    thrice = tf.function(lambda x: tf.tile(x, tf.stack([1, 3 * tf.shape(x)[0]])), input_signature=signature)
    oracle = Interpreter(tf.lite.TFLiteConverter.from_concrete_functions([thrice.get_concrete_function()]).convert())
    assert oracle.outputs[0].shape == (1, 12)
    x = np.arange(8, dtype=np.float32).reshape(2, 4)
    np.testing.assert_array_equal(oracle.run(x)[0], np.tile(x, 3))
    assert oracle.run(x[:0])[0].shape == (0, 12)
