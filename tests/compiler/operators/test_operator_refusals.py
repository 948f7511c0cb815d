# SPDX-License-Identifier: Apache-2.0
"""Every refusal of an operator's rule, by its text. Each case is a small graph that a converter does not write."""

from collections.abc import Callable

import numpy as np
import pytest
from refusal_models import CONV, POOL, UNEQUAL, constants, conv, dense, one_node, refusal, weights
from tflite_writer import ModelWriter

K = (3, 1, 1, 2)
CASES: list[tuple[str, Callable[[], bytes], str]] = [
    ("stride", lambda: conv(weights(K), StrideH=0), "stride_h is 0; expected 1 to 32,768"),
    ("dilation", lambda: conv(weights(K), DilationWFactor=0), "dilation_w is 0; expected 1 to 32,768"),
    (
        "window",
        lambda: conv(weights((3, 9, 1, 2))),
        "a window of 9 does not fit into 4; expected a window no larger than its input",
    ),
    (
        "side",
        lambda: conv(weights(K), DilationHFactor=1, StrideH=40000),
        "stride_h is 40000; expected 1 to 32,768",
    ),
    (
        "long side",
        lambda: one_node("MAX_POOL_2D", "Pool2DOptions", shape=(1, 40000, 2, 1), **POOL),
        "a side of 40000 under a window of 1; expected at most 32,768",
    ),
    ("batch", lambda: _batch_of_two(), "input 0 has shape [2, 2, 4, 2]; expected a batch of 1"),
    ("padding", lambda: conv(weights(K), Padding=7), "padding number 7 is not supported; expected SAME, VALID"),
    (
        "input rank",
        lambda: one_node("CONV_2D", "Conv2DOptions", shape=(1, 8), extra=weights(K), **CONV),
        "input 0 has shape [1, 8]; expected 4 dimensions",
    ),
    (
        "groups",
        lambda: conv(weights((3, 1, 1, 5))),
        "weights [3, 1, 1, 5] do not fit 2 input channels; expected the last dimension to divide",
    ),
    (
        "depthwise",
        lambda: one_node("DEPTHWISE_CONV_2D", "DepthwiseConv2DOptions", extra=weights((1, 1, 1, 3)), **CONV),
        "weights [1, 1, 1, 3] do not fit 2 input channels; expected [1, height, width, a multiple",
    ),
    ("weights dtype", lambda: conv(weights(K, dtype="uint8")), "the weight tensor is uint8; expected int8"),
    (
        "weights computed",
        lambda: _computed_weights(),
        "the weights (input 1) are computed by the graph; expected constants",
    ),
    ("weights rank", lambda: dense(weights((3, 1, 2))), "the weight tensor has shape [3, 1, 2]; expected 2 dimensions"),
    (
        "weights unquantized",
        lambda: conv(weights(K, scale=None)),
        "the weights are int8 without scales; expected one scale, or one a channel",
    ),
    (
        "weights scales",
        lambda: conv(weights(K, scale=[0.1, 0.1])),
        "the weights have 2 scales along dimension 0; expected 1, or 3 along dimension 0",
    ),
    (
        "weights dimension",
        lambda: conv(weights(K, scale=[0.1] * 3, dimension=3)),
        "the weights have 3 scales along dimension 3; expected 1, or 3",
    ),
    (
        "weights zero point",
        lambda: conv(weights(K, zero_point=5)),
        "the weights have zero point 5; expected 0 (symmetric weights)",
    ),
    (
        "weights scale",
        lambda: conv(weights(K, scale=float("nan"))),
        "the weights have scale nan; expected a finite scale ≥ 0",
    ),
    ("bias dtype", lambda: conv(weights(K, bias=(np.zeros(3), "int64"))), "the bias tensor is int64; expected int32"),
    ("bias size", lambda: conv(weights(K, bias=(np.zeros(2),))), "the bias has 2 values; expected 3, one a channel"),
    ("rescaling", lambda: conv(weights(K, scale=1e30)), "a rescaling factor is 1e+30; expected less than 2^30"),
    (
        "activation",
        lambda: conv(weights(K), FusedActivationFunction=4),
        "fused activation TANH is not supported; expected NONE, RELU, RELU6, RELU_N1_TO_1",
    ),
    ("dense width", lambda: dense(weights((3, 7))), "input of 32 values; expected rows of 7"),
    (
        "dense kept dims",
        lambda: dense(weights((3, 4)), KeepNumDims=True),
        "input 0 has shape [1, 4, 4, 2]; expected 4 in the last dimension",
    ),
    (
        "dense format",
        lambda: dense(weights((3, 32)), WeightsFormat=1),
        "weights format 1 (shuffled); expected 0, the default",
    ),
    (
        "unquantized",
        lambda: one_node("RELU", source={"scale": None}),
        "input 0 is int8 without scale and zero point; expected a quantized tensor",
    ),
    (
        "per-channel input",
        lambda: one_node("RELU", source={"scale": [0.1, 0.2]}),
        "input 0 has 2 scales; expected one (per-tensor quantization)",
    ),
    ("scale", lambda: one_node("RELU", output={"scale": 0.0}), "the output has scale 0; expected a finite scale > 0"),
    (
        "zero point",
        lambda: one_node("RELU", output={"zero_point": 300}),
        "the output has zero point 300; expected -128 to 127",
    ),
    (
        "pool quantization",
        lambda: one_node("MAX_POOL_2D", "Pool2DOptions", output=UNEQUAL, **POOL),
        "input 0 has scale 0.05 and zero point 0, the output 0.07 and 4; expected the same",
    ),
    (
        "pool filter",
        lambda: one_node("AVERAGE_POOL_2D", "Pool2DOptions", **{**POOL, "FilterHeight": 0}),
        "filter_h is 0; expected 1 to 32,768",
    ),
    (
        "add shapes",
        lambda: one_node("ADD", "AddOptions", extra=lambda w: [w.tensor("b", (3,), data=[1, 2, 3])]),
        "shapes [1, 4, 4, 2] and [3] do not fit; expected equal sides, or sides of 1",
    ),
    (
        "add scales",
        lambda: one_node("ADD", "AddOptions", output={"scale": 1e-9}, extra=lambda w: [w.tensor("b", (2,), data=[1, 2])]),
        "the output scale 1e-09 of a sum or difference is 500,000 times smaller than its inputs'",
    ),
    (
        "mean axes",
        lambda: one_node("MEAN", "ReducerOptions", extra=constants([4])),
        "axes [4]; expected dimensions -4 to 3",
    ),
    (
        "mean axes dtype",
        lambda: one_node("MEAN", "ReducerOptions", extra=constants([1.0], dtype="float32")),
        "the axis tensor is float32; expected int32 or int64",
    ),
    (
        "mean count",
        lambda: one_node("MEAN", "ReducerOptions", shape=(1, 2100, 2100, 1), extra=constants([1, 2])),
        "a mean of 4,410,000 values; expected at most 4,194,304",
    ),
    (
        "sum count",
        lambda: one_node("SUM", "ReducerOptions", shape=(1, 2100, 2100, 1), extra=constants([1, 2])),
        "a sum of 4,410,000 values; expected at most 4,194,304",
    ),
    (
        "sum dtype",
        lambda: one_node("SUM", "ReducerOptions", source={"dtype": "float32", "scale": None}, extra=constants([1])),
        "input 0 is float32; expected int8",
    ),
    (
        "arg max dtype",
        lambda: one_node(
            "ARG_MAX", source={"dtype": "float32", "scale": None}, output={"dtype": "int32", "scale": None}, extra=constants([3])
        ),
        "input 0 is float32; expected int8",
    ),
    (
        "arg max of int64",
        lambda: one_node("ARG_MAX", output={"dtype": "int64", "scale": None}, extra=constants([3])),
        "the output is int64; expected int32\nhint: tf.math.argmax(…, output_type=tf.int32)",
    ),
    (
        "arg max axis",
        lambda: one_node("ARG_MAX", output={"dtype": "int32", "scale": None}, extra=constants([4])),
        "axes [4]; expected dimensions -4 to 3",
    ),
    (
        "arg max axes",
        lambda: one_node("ARG_MAX", output={"dtype": "int32", "scale": None}, extra=constants([1, 2])),
        "2 axes; expected one",
    ),
    (
        "softmax output",
        lambda: one_node("SOFTMAX", "SoftmaxOptions", Beta=1.0),
        "the output has scale 0.05 and zero point 0; expected 1/256 and -128, as the converter writes them",
    ),
    (
        "softmax depth",
        lambda: one_node("SOFTMAX", "SoftmaxOptions", shape=(1, 5000), output={"scale": 1 / 256, "zero_point": -128}, Beta=1.0),
        "a softmax over 5,000 values; expected at most 4,096",
    ),
    (
        "softmax scale",
        lambda: one_node("SOFTMAX", "SoftmaxOptions", source={"scale": 1e-8}, output={"scale": 1 / 256, "zero_point": -128}, Beta=1.0),
        "a SOFTMAX's beta × input scale is 1e-08; expected more than 2^-26",
    ),
    (
        "paddings",
        lambda: one_node("PAD", extra=constants([[0, 0], [-1, 0], [0, 0], [0, 0]])),
        "paddings [[0, 0], [-1, 0], [0, 0], [0, 0]]; expected 4 pairs of numbers ≥ 0",
    ),
    (
        "pad value",
        lambda: one_node("PADV2", extra=lambda w: [w.constant("p", [[0, 0]] * 4), w.tensor("v", (), scale=0.5, data=1)]),
        "the padding value has scale 0.5 and zero point 0, the output 0.05 and 0; expected the same",
    ),
    (
        "concatenation sides",
        lambda: one_node(
            "CONCATENATION",
            "ConcatenationOptions",
            extra=lambda w: [w.tensor("b", (1, 3, 4, 2), data=np.zeros((1, 3, 4, 2)))],
            Axis=3,
        ),
        "inputs [[1, 4, 4, 2], [1, 3, 4, 2]]; expected equal sides but along axis 3",
    ),
    (
        "concatenation of a shape that lacks the axis",
        lambda: one_node(
            "CONCATENATION", "ConcatenationOptions", shape=(1, 2, 3), extra=lambda w: [w.tensor("b", (1, 2), data=[[1, 2]])], Axis=2
        ),
        "inputs [[1, 2, 3], [1, 2]]; expected equal sides but along axis 2",
    ),
    (
        "concatenation ranks",
        lambda: one_node("CONCATENATION", "ConcatenationOptions", extra=lambda w: [w.tensor("b", (2,), data=[1, 2])], Axis=3),
        "inputs [[1, 4, 4, 2], [2]]; expected equal sides but along axis 3",
    ),
    (
        "concatenation axis",
        lambda: one_node("CONCATENATION", "ConcatenationOptions", Axis=4),
        "axis 4; expected -4 to 3",
    ),
    (
        "concatenation scales",
        lambda: one_node("CONCATENATION", "ConcatenationOptions", output=UNEQUAL, Axis=0),
        "input 0 has scale 0.05 and zero point 0, the output 0.07 and 4; expected the same",
    ),
    (
        "concatenation activation",
        lambda: one_node("CONCATENATION", "ConcatenationOptions", Axis=0, FusedActivationFunction=1),
        "fused activation RELU; expected NONE",
    ),
    (
        "reshape size",
        lambda: one_node("RESHAPE", extra=constants([5, -1])),
        "[1, 4, 4, 2] does not become [5, -1]; expected 32 elements",
    ),
    (
        "reshape without shape",
        lambda: one_node("RESHAPE"),
        "no new shape, neither as input nor as option; expected one of the two",
    ),
    (
        "reshape rank",
        lambda: one_node("RESHAPE", extra=constants([1, 2, 2, 4, 2])),
        "the output has shape [1, 2, 2, 4, 2]; expected at most 4 dimensions",
    ),
    (
        "squeeze",
        lambda: one_node("SQUEEZE", "SqueezeOptions", SqueezeDims=[1]),
        "cannot squeeze dimensions [1] of [1, 4, 4, 2]; expected dimensions of size 1",
    ),
    ("expand", lambda: one_node("EXPAND_DIMS", shape=(1, 4), extra=constants(9)), "axis 9; expected -3 to 2"),
    (
        "quantize",
        lambda: one_node("QUANTIZE", output={"dtype": "int16"}),
        "the output is int16; expected int8 or uint8",
    ),
    ("dequantize", lambda: one_node("DEQUANTIZE"), "the output is int8; expected float32"),
    ("missing input", lambda: one_node("ADD", "AddOptions"), "input 1 is missing"),
    (
        "empty output",
        lambda: one_node("MEAN", "ReducerOptions", shape=(1, 0)),
        "graph input 'in' has shape [1, 0]; expected fixed sides",
    ),
    (
        "huge output",
        lambda: one_node("PAD", extra=constants([[0, 0], [2**23, 0], [0, 0], [2**23, 0]])),
        "the output takes 281,475,178,037,280 bytes; expected at most 2,147,483,647",
    ),
    (
        "long output",
        lambda: one_node("PAD", extra=constants([[0, 0], [2**25, 0], [0, 0], [0, 0]])),
        "the output has shape [1, 33554436, 4, 2]; expected sides of at most 16,777,216",
    ),
    (
        "input rank",
        lambda: one_node("RELU", shape=(1, 2, 2, 2, 2)),
        "graph input 'in' has shape [1, 2, 2, 2, 2]; expected at most 4 dimensions and 16,777,216 values",
    ),
]


def _batch_of_two() -> bytes:
    writer = ModelWriter()
    a, b = writer.tensor("in", (1, 4, 4, 2)), writer.tensor("b", (2, 2, 4, 2))
    c = writer.tensor("out", (2, 2, 4, 2))
    writer.node("RESHAPE", [a, writer.constant("shape", [2, 2, 4, 2])], b)
    writer.node("MAX_POOL_2D", [b], c, 1, "Pool2DOptions", **POOL)
    return writer.bytes([a], [c])


def _computed_weights() -> bytes:
    writer = ModelWriter()
    a = writer.tensor("in", (1, 4, 4, 2))
    w = writer.tensor("weights", (1, 4, 4, 2))
    b = writer.tensor("out", (1, 1, 1, 1))
    writer.node("RELU", [a], w)
    writer.node("CONV_2D", [a, w], b, 1, "Conv2DOptions", **CONV)
    return writer.bytes([a], [b])


@pytest.mark.parametrize(("make", "text"), [(make, text) for _, make, text in CASES], ids=[name for name, _, _ in CASES])
def test_refusal(make: Callable[[], bytes], text: str) -> None:
    found = refusal(make())
    assert text in found
    assert found.startswith(("operator ", "graph input "))


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        (
            {"scale": float("nan")},
            "tensor 'in' has scale nan and zero point 0; expected a finite scale ≥ 0 and -128 to 127",
        ),
        (
            {"zero_point": 200},
            "tensor 'in' has scale 0.05 and zero point 200; expected a finite scale ≥ 0 and -128 to 127",
        ),
    ],
)
def test_meaning_of_tensors_that_no_kernel_touches_is_checked(fields: dict, text: str) -> None:
    assert refusal(one_node("RESHAPE", shape=(1, 4), source=fields, extra=constants([4]))) == text


def test_operator_of_too_many_macs_is_refused() -> None:
    tflite = one_node(
        *("CONV_2D", "Conv2DOptions"),
        **{"shape": (1, 4000, 4000, 1), "extra": weights((1, 20, 20, 1)), **CONV},
    )
    assert "takes 6,339,344,400 multiply-accumulates; expected at most 4,294,967,295" in refusal(tflite)
