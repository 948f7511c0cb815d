# SPDX-License-Identifier: Apache-2.0
"""Sums that leave 32 bits when they are shifted to the left: LiteRT's reference kernels wrap there, so every family has to; and what
the compiler computes itself (constant channels, tables) wraps with them. Where the reference has no defined result, a refusal.
"""

import numpy as np
import pytest
from parity import assert_images_equal, samples_for
from refusal_models import refusal
from tflite_writer import ModelWriter

from tinytl.compiler import compile_tflite
from tinytl.compiler.records import FAMILIES

RELU6, NONE = 3, 0
FACTORS = [0.9, 1.6, 3.0, 10.0, 100.0, 1e4]
WINDOW = {"Padding": 0, "StrideH": 1, "StrideW": 1, "DilationHFactor": 1, "DilationWFactor": 1}


def layer(kind: str, factor: float, biases: list[int], *, taps: int = 3, activation: int = RELU6, behind: bool = False) -> bytes:
    """A convolution of one scale a channel, whose sums `factor` makes outputs; behind: a second one reads its channels."""
    writer, random, channels = ModelWriter(), np.random.default_rng(3), len(biases)
    depthwise, out_scale = kind == "DEPTHWISE_CONV_2D", 6 / 255
    depth = channels if depthwise else 4
    shape = (1, taps, taps, channels) if depthwise else (channels, taps, taps, depth)
    a = writer.tensor("in", (1, 6, 5, depth), scale=0.05, zero_point=-7)
    scale = [factor * out_scale / 0.05] * channels
    w = writer.tensor("weights", shape, scale=scale, data=random.integers(-127, 128, shape), dimension=3 if depthwise else 0)
    b = writer.tensor("bias", (channels,), "int32", [0.05 * each for each in scale], data=biases)
    out = writer.tensor("out", (1, 6, 5, channels), scale=out_scale, zero_point=-128 if activation else 3)
    options = {**WINDOW, "FusedActivationFunction": activation, **({"DepthMultiplier": 1} if depthwise else {})}
    writer.node(kind, [a, w, b], out, 1, f"{'Depthwise' if depthwise else ''}Conv2DOptions", **options)
    if behind:
        weights = writer.tensor("w2", (4, 1, 1, channels), scale=0.01, data=random.integers(-127, 128, (4, 1, 1, channels)))
        bias = writer.tensor("b2", (4,), "int32", 0.01 * out_scale, data=[0, 50, -50, 9])
        last = writer.tensor("last", (1, 6, 5, 4), scale=0.2, zero_point=1)
        writer.node("CONV_2D", [out, weights, bias], last, 1, "Conv2DOptions", FusedActivationFunction=NONE, **WINDOW)
        out = last
    return writer.bytes([a], [out])


def assert_every_family_equal(tflite: bytes) -> list[str]:
    """Return the names of the kernels that `speed` takes on a Cortex-M4."""
    images = [compile_tflite(tflite, family=family, optimize=optimize) for family in FAMILIES for optimize in ("speed", "size")]
    assert_images_equal(tflite, samples_for(tflite, 12), images)
    return [operator.kernel for operator in compile_tflite(tflite, family="dsp").operators]


@pytest.mark.parametrize("activation", [NONE, RELU6])
@pytest.mark.parametrize("bits", [24, 28, 30])
@pytest.mark.parametrize("factor", FACTORS)
@pytest.mark.parametrize(("kind", "taps"), [("CONV_2D", 1), ("CONV_2D", 3), ("DEPTHWISE_CONV_2D", 3), ("DEPTHWISE_CONV_2D", 2)])
def test_convolutions(kind: str, taps: int, factor: float, bits: int, activation: int) -> None:
    biases = np.random.default_rng(bits).integers(-(1 << bits), (1 << bits) + 1, 8).tolist()
    kernels = assert_every_family_equal(layer(kind, factor, biases, taps=taps, activation=activation))
    if bits == 30 and factor > 2:
        assert kernels == ["portable"]


@pytest.mark.parametrize("kind", ["CONV_2D", "DEPTHWISE_CONV_2D"])
def test_one_channel_that_wraps_is_enough(kind: str) -> None:
    assert assert_every_family_equal(layer(kind, 3.0, [1 << 28] * 8)) != ["portable"]
    assert assert_every_family_equal(layer(kind, 3.0, [1 << 28] * 7 + [1 << 30])) == ["portable"]


@pytest.mark.parametrize("kind", ["CONV_2D", "DEPTHWISE_CONV_2D"])
def test_a_channel_that_wraps_is_not_constant(kind: str) -> None:
    """Without the wrap all of its outputs were 127, and the layer behind would take that for its bias."""
    biases = [(1 << 29) - 100 * k for k in range(8)]
    tflite = layer(kind, 2.2, biases, behind=True)
    images = [compile_tflite(tflite, family=family) for family in FAMILIES]
    assert_images_equal(tflite, samples_for(tflite, 12), images)
    assert images[0].operators[0].macs == compile_tflite(layer(kind, 2.2, biases)).operators[0].macs


@pytest.mark.parametrize("shift", [20, 23, 24, 25, 28])
def test_tables_wrap_as_the_kernels_that_they_stand_for(shift: int) -> None:
    """TANH, then RELU to a scale that is 2^shift times smaller: one table."""
    writer = ModelWriter()
    a, b = writer.tensor("in", (1, 64), scale=0.05), writer.tensor("tanh", (1, 64), scale=1 / 128)
    c = writer.tensor("out", (1, 64), scale=1 / 128 / 2.0**shift, zero_point=-9)
    writer.node("TANH", [a], b)
    writer.node("RELU", [b], c)
    tflite = writer.bytes([a], [c])
    image = compile_tflite(tflite)
    assert [operator.kind for operator in image.operators] == ["lookup"]
    assert_images_equal(tflite, np.arange(-128, 128, dtype=np.int8).reshape(4, 64), [image])
    assert_images_equal(tflite, samples_for(tflite, 12), [image])


def dense(factor: float, bias: int) -> bytes:
    writer = ModelWriter()
    a = writer.tensor("in", (1, 2), scale=1.0)
    w = writer.tensor("weights", (2, 2), scale=[0.5, factor], data=[[1, 1], [1, 0]])
    b = writer.tensor("bias", (2,), "int32", [0.5, factor], data=[0, bias])
    out = writer.tensor("out", (1, 2), scale=1.0)
    writer.node("FULLY_CONNECTED", [a, w, b], out, 1, "FullyConnectedOptions")
    return writer.bytes([a], [out])


def test_dense_layer_whose_result_is_not_defined_is_refused() -> None:
    """The largest sum is 872 + 128 = 1,000, of inputs of −128 … 127 with a weight of 1 and a bias of −872."""
    assert refusal(dense(2.2e6, -872)) == (
        "operator 0, FULLY_CONNECTED version 1 (output 'out'): a sum of channel 1 can be 1,000, which its scales make 2.2e+09 steps of the "
        "output; expected less than 2^31 = 2.147e+09: beyond, TFLite's reference kernel has no defined result\n"
        "hint: values this large come of samples that were never normalised: bring them near 1 before training, then convert the model again"
    )


@pytest.mark.parametrize("factor", [2.0, 300.0, 2.1e6])
@pytest.mark.parametrize("bias", [-872, 873])
def test_dense_layer_just_below_it_is_exact(factor: float, bias: int) -> None:
    assert_every_family_equal(dense(factor, bias))


def test_dense_sums_that_wrap() -> None:
    """Biases at the end of int32: the sum itself wraps, in every kernel."""
    assert_every_family_equal(dense(0.5, 2**31 - 10))
    assert_every_family_equal(dense(0.5, 10 - 2**31))
