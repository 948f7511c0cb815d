# SPDX-License-Identifier: Apache-2.0
"""Compiled models on the twin against LiteRT's reference kernels, every layer, byte for byte: random graphs, Keras
models, edges of other types, and the cases where rounding is decided by a single bit.
"""

import numpy as np
import pytest
from keras_models import MODELS, converted
from parity import assert_layers_equal, assert_outputs_equal, samples_for
from random_graphs import random_graph
from tflite_writer import ModelWriter

from tinytl.compiler import compile_tflite

SAMPLES = 50


@pytest.mark.parametrize("seed", range(40))
def test_random_graph(seed: int) -> None:
    tflite = random_graph(seed)
    assert assert_layers_equal(tflite, samples_for(tflite, 6, seed=seed))


@pytest.fixture(scope="module", params=sorted(MODELS))
def keras_tflite(request: pytest.FixtureRequest) -> bytes:
    pytest.importorskip("tensorflow", reason="needs tinytl[host]")
    return converted(request.param)


def test_keras_model(keras_tflite: bytes) -> None:
    assert assert_layers_equal(keras_tflite, samples_for(keras_tflite, SAMPLES)) >= 4 * SAMPLES


@pytest.mark.parametrize("edges", ["uint8", "float32"])
def test_edges_of_other_types(edges: str) -> None:
    pytest.importorskip("tensorflow", reason="needs tinytl[host]")
    tflite = converted("mixer", edges=edges)
    kinds = [operator.kind for operator in compile_tflite(tflite).operators]
    assert {kinds[0], kinds[-1]} == ({"requantize"} if edges == "uint8" else {"quantize", "dequantize"})
    assert_outputs_equal(tflite, samples_for(tflite, SAMPLES))


def test_open_batch() -> None:
    pytest.importorskip("tensorflow", reason="needs tinytl[host]")
    tflite = converted("residual", open_batch=True)
    assert_outputs_equal(tflite, samples_for(tflite, 10))


def dense(scales: tuple[float, float | list[float], float], weights: list[list[int]], bias: list[int]) -> bytes:
    """One fully connected layer with the given input, weight and output scales."""
    writer = ModelWriter()
    rows, width = len(weights), len(weights[0])
    a = writer.tensor("in", (1, width), scale=scales[0], zero_point=-3)
    w = writer.tensor("weights", (rows, width), scale=scales[1], data=weights)
    bias_scale = (np.atleast_1d(scales[1]) * scales[0]).tolist()
    b = writer.tensor("bias", (rows,), "int32", bias_scale, data=bias)
    out = writer.tensor("out", (1, rows), scale=scales[2], zero_point=5)
    writer.node("FULLY_CONNECTED", [a, w, b], out, 1, "FullyConnectedOptions")
    return writer.bytes([a], [out])


@pytest.mark.parametrize(
    "scales",
    [
        (0.5, 0.25, 0.25),  # every odd sum is a tie
        (0.25, 0.125, 0.75),  # a third: exact products lie just below ties that the double product is rounded onto
        (0.25, [0.125, 0.0625, 0.3], 0.75),
        (0.1, 0.3, 0.7),
        (0.1, [0.0, 0.02, 1.0], 0.03),
    ],
)
def test_dense_layer_on_rounding_ties(scales: tuple[float, float | list[float], float]) -> None:
    """All 256 inputs through weights of 1, −1 and 3: sums of every residue, of both signs."""
    tflite = dense(scales, [[1, 0], [-1, 0], [3, 1]], [0, 1, -7])
    values = np.arange(-128, 128, dtype=np.int8)
    samples = np.stack([values, np.roll(values, 77)], axis=1)
    assert_outputs_equal(tflite, samples)


def test_uint8_from_the_first_operator_to_the_last() -> None:
    """QUANTIZE uint8 → int8, a layer, QUANTIZE int8 → uint8, as converters write uint8 models."""
    writer = ModelWriter()
    a = writer.tensor("in", (1, 9), "uint8", 0.05, 131)
    b, c = writer.tensor("b", (1, 9), "int8", 0.05, 3), writer.tensor("c", (1, 9), "int8", 0.021, -7)
    d = writer.tensor("out", (1, 9), "uint8", 0.033, 9)
    writer.node("QUANTIZE", [a], b)
    writer.node("RELU", [b], c)
    writer.node("QUANTIZE", [c], d)
    tflite = writer.bytes([a], [d])
    assert_layers_equal(tflite, samples_for(tflite, 40))


def test_quantize_rounds_like_the_reference() -> None:
    """Values on ties, beyond the range, tiny, both signs."""
    writer = ModelWriter()
    a = writer.tensor("in", (1, 64), "float32", None)
    b, c = writer.tensor("b", (1, 64), "int8", 0.1, 7), writer.tensor("out", (1, 64), "float32", None)
    writer.node("QUANTIZE", [a], b)
    writer.node("DEQUANTIZE", [b], c)
    tflite = writer.bytes([a], [c])
    ties = (np.arange(-32, 32) + 0.5) * np.float32(0.1)
    samples = np.stack([ties, np.linspace(-30, 30, 64), np.full(64, 1e-30), np.arange(64) * 0.2]).astype(np.float32)
    assert_layers_equal(tflite, samples)
