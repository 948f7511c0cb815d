# SPDX-License-Identifier: Apache-2.0
"""Quantizing gives a static int8 graph, says how far it is from float, and warns where that costs accuracy."""

from typing import Any

import numpy as np
import pytest
from cut_models import features_of, noise, residual, shaken

from tinytl.cutting.keras_cut import KerasCut, cut
from tinytl.data.dataset import Dataset
from tinytl.data.preprocess import quantize_samples
from tinytl.errors import DataError, ModelError
from tinytl.exporting.quantization import Extractor, _check_static, _feature_places, quantize
from tinytl.head.layers import three_sides
from tinytl.tflite.conversion import convert
from tinytl.tflite.identity_model import identity_tflite
from tinytl.tflite.interpreter import Interpreter
from tinytl.tflite.patching import outputs_in_order
from tinytl.tflite.signature import TensorSpec, read_signature

keras = pytest.importorskip("keras", reason="needs tinytl[host]")
layers = keras.layers


@pytest.fixture(scope="module")
def parts(tiny_model: Any) -> KerasCut:
    return cut(tiny_model, "last-dense")


@pytest.fixture(scope="module")
def extractor(parts: KerasCut, tiny_dataset: Dataset) -> Extractor:
    return quantize(parts, tiny_dataset, value_range=(0.0, 1.0), calibration_samples=60)


def test_graph_is_static_int8_with_batch_norm_folded(extractor: Extractor) -> None:
    signature = read_signature(extractor.tflite)
    assert (signature.inputs, signature.outputs) == ((extractor.input,), extractor.features)
    assert (extractor.input.shape, extractor.input.dtype) == ((1, 12, 12, 1), "int8")
    assert (extractor.features[0].shape, extractor.features[0].dtype) == ((1, 16), "int8")
    wanted = ("CONV_2D", "DEPTHWISE_CONV_2D", "CONV_2D", "MAX_POOL_2D", "RESHAPE", "FULLY_CONNECTED")
    assert signature.operators == wanted


def test_accuracy_is_that_of_the_model_and_survives_int8(extractor: Extractor, tiny_model: Any, tiny_dataset: Dataset) -> None:
    predicted = tiny_model.predict(tiny_dataset.x_test / np.float32(255), verbose=0).argmax(axis=1)
    assert extractor.accuracy_float == pytest.approx(float(np.mean(predicted == tiny_dataset.y_test)))
    assert extractor.accuracy_float > 0.9
    assert abs(extractor.accuracy_float - extractor.accuracy_int8) <= 0.01
    assert extractor.test_samples == 120
    assert extractor.warnings == ()


def test_every_layer_has_its_error(extractor: Extractor) -> None:
    rows = {row.name: row for row in extractor.layer_errors}
    assert {"conv_relu", "depthwise", "pointwise", "features"} <= set(rows)
    for row in rows.values():
        assert row.sqnr_db is not None
        assert 25 < row.sqnr_db < 70, row
        assert row.sqnr_db == pytest.approx(20 * np.log10(row.rms_signal / row.rms_error), abs=1e-6)
    assert rows["conv_relu"].shape == (1, 6, 6, 8)


def test_same_inputs_give_same_bytes_and_another_seed_another_calibration(
    extractor: Extractor, parts: KerasCut, tiny_dataset: Dataset
) -> None:
    layers.Dense(3)(layers.Flatten()(keras.Input((3, 3, 1))))  # moves Keras's name counters
    again = quantize(parts, tiny_dataset, value_range=(0.0, 1.0), calibration_samples=60)
    assert again == extractor
    other = quantize(parts, tiny_dataset, value_range=(0.0, 1.0), calibration_samples=2, seed=9)
    assert other.tflite != extractor.tflite


def lopsided() -> tuple[KerasCut, Dataset]:
    """A model whose deciding channel is a hundred thousand times smaller than the other one: int8 loses it."""
    model = keras.Sequential([keras.Input((4, 4, 1)), layers.Conv2D(2, 1, name="conv"), layers.GlobalAveragePooling2D(), layers.Dense(2)])
    kernel = np.array([[[[1e-3, 100.0]]]], np.float32)
    model.layers[0].set_weights([kernel, np.array([-5e-4, 0.0], np.float32)])
    model.layers[2].set_weights([np.array([[-1.0, 1.0], [0.0, 0.0]], np.float32), np.zeros(2, np.float32)])
    x = np.random.default_rng(0).integers(0, 256, (80, 1, 1, 1), np.uint8) * np.ones((1, 4, 4, 1), np.uint8)
    y = (x[:, 0, 0, 0] > 127).astype(np.int64)
    return cut(model, "last-dense"), Dataset("halves", x, y, x, y, ("dark", "light"))


def test_a_loss_of_more_than_a_point_is_a_warning() -> None:
    parts, dataset = lopsided()
    found = quantize(parts, dataset, value_range=(0.0, 1.0))
    assert found.accuracy_float == 1.0
    assert found.accuracy_int8 < 0.9
    (text,) = found.warnings
    int8 = 100 * found.accuracy_int8
    assert text.startswith(f"int8 costs {100 - int8:.1f} points: 100.0 % float, {int8:.1f} % int8")
    assert "; the worst layer is '" in text


def test_nothing_to_quantize_with_is_refused(parts: KerasCut, tiny_dataset: Dataset) -> None:
    with pytest.raises(ModelError, match=r"^0 samples to quantize with; expected at least 1$"):
        quantize(parts, tiny_dataset, value_range=(0.0, 1.0), calibration_samples=0)


def test_samples_of_another_kind_are_refused(parts: KerasCut) -> None:
    vectors = np.zeros((4, 7), np.float32)
    labels = np.zeros(4, np.int64)
    with pytest.raises(DataError, match=r"expected 12×12×1, the model's input"):
        quantize(parts, Dataset("v", vectors, labels, vectors, labels, ("a",)), value_range=(0.0, 1.0))


@pytest.mark.long
def test_a_layer_that_tflite_does_not_have_in_int8_is_refused(tiny_dataset: Dataset) -> None:
    image = keras.Input((12, 12, 1))
    x = keras.ops.erfinv(layers.Conv2D(2, 3)(image) * 0.1)
    model = keras.Model(image, layers.Dense(4)(layers.GlobalAveragePooling2D()(x)))
    with pytest.raises(ModelError, match=r"^TFLite's converter refuses the extractor: .*; expected layers that TFLite has in int8$"):
        quantize(cut(model, "fc"), tiny_dataset, value_range=(0.0, 1.0))


def test_graphs_that_no_image_can_hold_are_refused() -> None:
    with pytest.raises(ModelError) as caught:
        _check_static(("CONV_2D", "SHAPE", "PACK"), ())
    assert str(caught.value) == (
        "the converted extractor computes shapes at run time (SHAPE, PACK); expected fixed shapes\n"
        "hint: give Reshape and Resizing layers fixed sizes"
    )
    with pytest.raises(ModelError, match=r"^tensor 'x' of the converted extractor is float32 \(1, 4\); expected int8, batch 1$"):
        _check_static((), (TensorSpec("x", (1, 4), "float32", 0.0, 0),))
    with pytest.raises(ModelError, match=r"^tensor 'x' of the converted extractor is int8 \(-1, 4\); expected int8, batch 1$"):
        _check_static((), (TensorSpec("x", (-1, 4), "int8", 0.5, 0),))


def quantized(model: Any, plan: str) -> tuple[KerasCut, Extractor]:
    parts = cut(shaken(model), plan)
    return parts, quantize(
        parts, noise(model.inputs[0].shape[1:], parts.head.shapes[-1][2]), value_range=(0.0, 1.0), calibration_samples=20
    )


def assert_close_to_float(parts: KerasCut, found: Extractor) -> None:
    """Each output, dequantized, is the float feature of its place within a few steps."""
    real = np.random.default_rng(3).integers(0, 256, (8, *found.input.shape[1:])).astype(np.float32) / 255
    answers = Interpreter(found.tflite).run(quantize_samples(real, scale=found.input.scale, zero_point=found.input.zero_point))
    wanted = features_of(parts, real)
    assert len(answers) == len(wanted) == len(found.features)
    for answer, feature, spec, shape in zip(answers, wanted, found.features, parts.head.feature_shapes, strict=True):
        assert three_sides(spec.shape[1:]) == shape
        assert np.mean(np.abs((answer.astype(np.float32) - spec.zero_point) * spec.scale - feature)) < 3 * spec.scale


@pytest.mark.parametrize("plan", ["fc+conv1", "fc+conv2", "fc+conv4", "fc+conv7"])
def test_several_features_come_in_the_order_of_the_head(plan: str) -> None:
    parts, found = quantized(residual(), plan)
    assert len(found.features) == 2
    assert found.features == read_signature(found.tflite).outputs
    assert_close_to_float(parts, found)
    assert [row.name for row in found.layer_errors if row.name.startswith("features")] == ["features[0]", "features[1]"]


def test_an_input_that_is_a_feature_too_is_handed_through() -> None:
    image = keras.Input((6, 6, 3))
    inner = layers.Conv2D(3, 3, padding="same", activation="relu", name="frozen")(image)
    x = layers.Add(name="sum")([layers.Conv2D(3, 1, name="last")(inner), image])
    parts, found = quantized(keras.Model(image, layers.Dense(2)(layers.Flatten()(x))), "fc+conv1")
    assert parts.head.feature_shapes == ((6, 6, 3), (6, 6, 3))
    assert found.features[0] == found.input
    assert_close_to_float(parts, found)


def test_where_nothing_is_frozen_the_bytes_of_the_input_are_the_feature() -> None:
    _, found = quantized(residual(), "all")
    signature = read_signature(found.tflite)
    assert (signature.operators, signature.inputs, signature.outputs) == ((), (found.input,), (found.input,))
    assert found.input.scale == np.float32(1 / 255)
    assert found.input.zero_point == -128
    x = np.random.default_rng(1).integers(-128, 128, (4, 16, 16, 3)).astype(np.int8)
    assert np.array_equal(Interpreter(found.tflite).run(x)[0], x)
    assert [row.name for row in found.layer_errors] == ["features"]
    assert abs(found.accuracy_float - found.accuracy_int8) <= 0.1


@pytest.mark.parametrize(("low", "high"), [(-0.3, 1.7), (0.2, 0.9), (-3.0, -1.0), (-128.0, 127.0)])
def test_the_identity_is_quantized_as_the_converter_does_it(low: float, high: float) -> None:
    """Beside a convolution the converter hands the input through itself: equal scale, equal zero point."""
    image = keras.Input((4, 4, 1))
    model = keras.Model(image, layers.Conv2D(1, 1)(image), name="extractor")
    calibration = np.random.default_rng(0).uniform(low, high, (10, 4, 4, 1)).astype(np.float32)
    wanted = read_signature(convert(model, calibration)).inputs[0]
    found = read_signature(identity_tflite((1, 4, 4, 1), low=float(calibration.min()), high=float(calibration.max()))).inputs[0]
    assert (found.scale, found.zero_point, found.shape) == (wanted.scale, wanted.zero_point, wanted.shape)


def test_the_identity_of_nothing_but_zeros() -> None:
    spec = read_signature(identity_tflite((1, 5), low=0.0, high=0.0)).inputs[0]
    assert (spec.shape, spec.scale, spec.zero_point) == ((1, 5), 1.0, -128)


def test_outputs_that_the_converter_reordered_are_put_in_order() -> None:
    parts, found = quantized(residual(), "fc+conv2")
    swapped = outputs_in_order(found.tflite, [1, 0])
    assert read_signature(swapped).outputs == found.features[::-1]
    names = [spec.name for spec in read_signature(swapped).outputs]
    places = _feature_places(parts.extractor, names)
    assert places == [1, 0]
    assert outputs_in_order(swapped, places) == found.tflite
    x = np.random.default_rng(1).integers(-128, 128, (2, 16, 16, 3)).astype(np.int8)
    one, other = Interpreter(found.tflite).run(x), Interpreter(swapped).run(x)
    assert all(np.array_equal(a, b) for a, b in zip(one, other[::-1], strict=True))
    with pytest.raises(ModelError, match=r"^the converted extractor answers Identity_1, x; expected Identity, Identity_1$"):
        _feature_places(parts.extractor, ["Identity_1", "x"])
