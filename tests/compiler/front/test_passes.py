# SPDX-License-Identifier: Apache-2.0
"""Each pass drops what it should, keeps what it must, and changes no output byte: compiled with it and without, run by
the twin.
"""

from collections.abc import Callable

import numpy as np
import pytest
from parity import assert_outputs_equal, samples_for
from random_graphs import GraphMaker, random_graph
from tflite_writer import ModelWriter

from tinytl.compiler.compile import CompileOptions, build_image, compile_program
from tinytl.compiler.front.passes import PASSES, Pass, alias_reshapes, drop_dead, drop_identity_quantize, fuse_padding
from tinytl.compiler.image.metadata import tflite_metadata
from tinytl_bridge.twin import TwinModel

Build = Callable[[], bytes]


def kinds(tflite: bytes, passes: tuple[Pass, ...]) -> list[str]:
    return [operator.kind.name for operator in compile_program(tflite, passes=passes).operators]


def answers(tflite: bytes, passes: tuple[Pass, ...]) -> np.ndarray:
    """Return the first output's bytes for 20 inputs."""
    program = compile_program(tflite, passes=passes)
    metadata = tflite_metadata(program)
    image = build_image(program, None, metadata, CompileOptions(), bundle_id=b"")
    twin, source = TwinModel(image.data), program.tensors[program.inputs[0]]
    random = np.random.default_rng(2)
    samples = random.integers(-128, 128, (20, *source.dims)).astype(np.int8)
    return np.stack([twin.invoke(sample)[0].reshape(-1).view(np.uint8) for sample in samples])


def chain(*steps: tuple[str, dict], shape: tuple[int, ...] = (1, 3, 4, 2)) -> bytes:
    """A chain of QUANTIZE, DEQUANTIZE, RELU; each step gives the output tensor's fields."""
    writer = ModelWriter()
    first = current = writer.tensor("in", shape)
    for number, (operator, fields) in enumerate(steps):
        output = writer.tensor(f"t{number}", shape, **fields)
        writer.node(operator, [current], output)
        current = output
    return writer.bytes([first], [current])


RELU = ("RELU", {"scale": 0.04})
UINT8 = {"dtype": "uint8", "scale": 0.05, "zero_point": 128}


@pytest.mark.parametrize(
    ("build", "kept"),
    [
        (lambda: chain(("QUANTIZE", {}), RELU), ["relu"]),
        (lambda: chain(("QUANTIZE", UINT8), ("QUANTIZE", {}), RELU), ["relu"]),
        (lambda: chain(("DEQUANTIZE", {"dtype": "float32", "scale": None}), ("QUANTIZE", {}), RELU), ["relu"]),
        # Not identities: another scale; a zero point that saturates on the way; another result.
        (lambda: chain(("QUANTIZE", {"scale": 0.06}), RELU), ["requantize", "relu"]),
        (
            lambda: chain(("QUANTIZE", {**UINT8, "zero_point": 90}), ("QUANTIZE", {}), RELU),
            ["requantize"] * 2 + ["relu"],
        ),
        (lambda: chain(("QUANTIZE", {**UINT8, "scale": 0.1}), ("QUANTIZE", {}), RELU), ["requantize"] * 2 + ["relu"]),
        (lambda: chain(("QUANTIZE", UINT8), ("QUANTIZE", {"zero_point": 1}), RELU), ["requantize"] * 2 + ["relu"]),
    ],
)
def test_identity_quantize(build: Build, kept: list[str]) -> None:
    passes = (drop_identity_quantize, drop_dead)
    assert kinds(build(), passes) == kept
    np.testing.assert_array_equal(answers(build(), passes), answers(build(), ()))


def padded_convolution(
    pairs: list[tuple[int, int]], *, flip: int | None = None, filters: tuple[int, int] = (3, 3), padding: int = 1,
    operator: str = "CONV_2D",
) -> bytes:  # fmt: skip
    """PAD, or PADV2 whose value is the zero point with bits flipped, and a convolution behind it."""
    maker = GraphMaker(4)
    maker.current = maker.input = maker.activation((1, 6, 5, 2))
    scale, point = maker.quantization[maker.input]
    sides = [side + sum(pair) for side, pair in zip((1, 6, 5, 2), pairs, strict=True)]
    middle = maker.activation(tuple(sides), like=maker.input)
    inputs = [maker.input, maker.writer.constant("paddings", pairs)]
    if flip is not None:
        inputs.append(maker.writer.tensor("value", (), "int8", scale, point, point ^ flip))
    maker.add_node("PAD" if flip is None else "PADV2", inputs, middle)
    depthwise = operator != "CONV_2D"
    shape = (1, *filters, sides[3]) if depthwise else (3, *filters, sides[3])
    weights = maker.weights(shape, 3 if depthwise else 0)
    same = padding == 0
    outputs = [side if same else side - reach + 1 for side, reach in zip(sides[1:3], filters, strict=True)]
    output = maker.activation((1, *outputs, sides[3] if depthwise else 3))
    maker.add_node(
        *(operator, [middle, weights, *maker.bias(shape[3] if depthwise else 3, weights)], output),
        "DepthwiseConv2DOptions" if depthwise else "Conv2DOptions",
        **{"Padding": padding, "StrideH": 1, "StrideW": 1, "DilationHFactor": 1, "DilationWFactor": 1},
    )
    return maker.writer.bytes([maker.input], [maker.current])


AROUND = [(0, 0), (1, 2), (2, 0), (0, 0)]


@pytest.mark.parametrize("operator", ["CONV_2D", "DEPTHWISE_CONV_2D"])
@pytest.mark.parametrize(
    ("build", "fused"),
    [
        (lambda operator: padded_convolution(AROUND, operator=operator), True),
        (lambda operator: padded_convolution(AROUND, operator=operator, flip=0), True),
        # Another value, padded channels, windows that would lie outside, padding by the convolution too.
        (lambda operator: padded_convolution(AROUND, operator=operator, flip=1), False),
        (lambda operator: padded_convolution([(0, 0), (1, 1), (1, 1), (0, 1)], operator=operator), False),
        (lambda operator: padded_convolution(AROUND, operator=operator, filters=(2, 3)), False),
        (lambda operator: padded_convolution(AROUND, operator=operator, padding=0), False),
    ],
)
def test_padding_is_fused_where_exact(build: Callable[[str], bytes], fused: bool, operator: str) -> None:
    tflite, passes = build(operator), (fuse_padding, drop_dead)
    assert kinds(tflite, passes) == ([] if fused else ["pad"]) + [operator.lower()]
    np.testing.assert_array_equal(answers(tflite, passes), answers(tflite, ()))


def reshapes() -> bytes:
    writer = ModelWriter()
    shapes = [(1, 3, 4, 2), (1, 12, 2), (1, 1, 12, 2), (12, 2), (24,)]
    tensors = [writer.tensor(f"t{number}", shape) for number, shape in enumerate(shapes)]
    out = writer.tensor("out", (24,), scale=0.03)
    writer.node("RESHAPE", [tensors[0], writer.constant("a", [1, -1, 2])], tensors[1])
    writer.node("EXPAND_DIMS", [tensors[1], writer.constant("b", 1)], tensors[2])
    writer.node("SQUEEZE", [tensors[2]], tensors[3], 1, "SqueezeOptions", SqueezeDims=[0, -3])
    writer.node("RESHAPE", [tensors[3]], tensors[4], 1, "ReshapeOptions", NewShape=[24])
    writer.node("RELU", [tensors[4]], out)
    return writer.bytes([tensors[0]], [out])


def test_reshapes_become_aliases() -> None:
    assert kinds(reshapes(), (alias_reshapes,)) == ["relu"]
    assert kinds(reshapes(), ()) == ["reshape"] * 4 + ["relu"]
    np.testing.assert_array_equal(answers(reshapes(), (alias_reshapes,)), answers(reshapes(), ()))


def test_model_of_reshapes_alone_needs_no_operator() -> None:
    writer = ModelWriter()
    a, b = writer.tensor("in", (1, 3, 4, 2)), writer.tensor("out", (1, 24))
    writer.node("RESHAPE", [a, writer.constant("shape", [1, 24])], b)
    tflite = writer.bytes([a], [b])
    assert kinds(tflite, PASSES) == []
    np.testing.assert_array_equal(answers(tflite, PASSES), answers(tflite, ()))


def test_dead_operators_are_dropped() -> None:
    writer = ModelWriter()
    a, b, dead, deader = (writer.tensor(name, (1, 4)) for name in ("in", "out", "dead", "deader"))
    writer.node("RELU", [a], dead)
    writer.node("RELU6", [dead], deader)
    writer.node("RELU", [a], b)
    tflite = writer.bytes([a], [b])
    assert kinds(tflite, (drop_dead,)) == ["relu"]
    np.testing.assert_array_equal(answers(tflite, (drop_dead,)), answers(tflite, ()))


def test_clamps_in_a_row_are_one() -> None:
    tflite = chain(*(("RELU6", {}), ("RELU", {}), ("RELU_N1_TO_1", {})))
    assert kinds(tflite, PASSES) == ["relu"]
    np.testing.assert_array_equal(answers(tflite, PASSES), answers(tflite, ()))


def clamped(operator: str, *, scale: float = 0.05, read_twice: bool = False) -> bytes:
    """A convolution or addition, and behind it an activation of its own."""
    writer = ModelWriter()
    first, middle, out = (writer.tensor(name, (1, 3, 4, 2), zero_point=-7) for name in ("in", "middle", "out"))
    writer.tensors[out]["scale"] = scale
    writer.node("ADD", [first, first], middle, 1, "AddOptions", FusedActivationFunction=3)
    writer.node(operator, [middle], out)
    return writer.bytes([first], [out, middle] if read_twice else [out])


@pytest.mark.parametrize("operator", ["RELU", "RELU6", "RELU_N1_TO_1"])
@pytest.mark.parametrize(
    ("build", "fused"),
    [
        (lambda operator: clamped(operator), True),
        # Another scale; a reader of the value before the clamp.
        (lambda operator: clamped(operator, scale=0.06), False),
        (lambda operator: clamped(operator, read_twice=True), False),
    ],
)
def test_clamps_are_fused_where_exact(build: Callable[[str], bytes], fused: bool, operator: str) -> None:
    tflite = build(operator)
    assert kinds(tflite, PASSES) == ["add"] + ([] if fused else ["relu"])
    np.testing.assert_array_equal(answers(tflite, PASSES), answers(tflite, ()))
    assert_outputs_equal(tflite, samples_for(tflite, 20))


@pytest.mark.parametrize("seed", range(12))
def test_all_passes_together_change_no_byte(seed: int) -> None:
    tflite = random_graph(seed, length=9)
    np.testing.assert_array_equal(answers(tflite, PASSES), answers(tflite, ()))


def test_movers_between_dequantize_and_quantize_work_on_bytes() -> None:
    """SPLIT of floats, as the converter leaves it where a part was not calibrated; a reshape behind it; one part is unread."""
    writer = ModelWriter()
    a = writer.tensor("in", (1, 6), scale=0.07, zero_point=5)
    b = writer.tensor("real", (1, 6), "float32", None)
    parts = [writer.tensor(f"part {i}", (1, 3), "float32", None) for i in range(2)]
    c = writer.tensor("flat", (1, 3, 1), "float32", None)
    d = writer.tensor("again", (1, 3, 1), scale=0.07, zero_point=5)
    e = writer.tensor("out", (1, 3, 1), scale=0.05, zero_point=5)
    writer.node("DEQUANTIZE", [a], b)
    writer.node("SPLIT", [writer.constant("axis", 1), b], parts, 1, "SplitOptions", NumSplits=2)
    writer.node("RESHAPE", [parts[1], writer.constant("shape", [1, 3, 1])], c)
    writer.node("QUANTIZE", [c], d)
    writer.node("RELU", [d], e)
    tflite = writer.bytes([a], [e])
    assert kinds(tflite, PASSES) == ["slice", "relu"]
    assert_outputs_equal(tflite, samples_for(tflite, 20))
