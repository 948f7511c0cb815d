# SPDX-License-Identifier: Apache-2.0
"""SHAPE, STRIDED_SLICE and PACK: folded where their values are known, refused by name where they are not."""

import pytest
from tflite_writer import ModelWriter

from tinytl.compiler import compile_tflite
from tinytl.errors import CompileError


def refusal(data: bytes) -> str:
    with pytest.raises(CompileError) as caught:
        compile_tflite(data)
    return str(caught.value)


def test_shape_arithmetic_of_an_open_batch_is_folded() -> None:
    """SHAPE → STRIDED_SLICE → PACK → RESHAPE, as the converter writes Flatten when the batch is open."""
    writer = ModelWriter()
    a = writer.tensor("in", (1, 2, 3, 2), signature=(-1, 2, 3, 2))
    shape, batch, new = (writer.tensor(name, (4,), "int32", None) for name in ("shape", "batch", "new"))
    flat, out = writer.tensor("flat", (1, 1)), writer.tensor("out", (1, 1))
    ends = [writer.constant(name, [value]) for name, value in (("begin", 0), ("end", 1), ("step", 1))]
    writer.node("SHAPE", [a], shape)
    writer.node("STRIDED_SLICE", [shape, *ends], batch, 1, "StridedSliceOptions", ShrinkAxisMask=1)
    writer.node("PACK", [batch, writer.constant("rest", 12)], new, 1, "PackOptions", ValuesCount=2)
    writer.node("RESHAPE", [a, new], flat)
    writer.node("RELU", [flat], out)
    image = compile_tflite(writer.bytes([a], [out]))
    assert [operator.kind for operator in image.operators] == ["relu"]
    assert image.operators[0].output_shape == (1, 12)


@pytest.mark.parametrize(("operator", "operand", "side"), [("MUL", 3, 9), ("ADD", 6, 9), ("SUB", 1, 2)])
def test_sides_are_computed_with(operator: str, operand: int, side: int) -> None:
    """TILE of a height, then its product by what it was, as the converter writes a second upsampling of an open batch."""
    writer = ModelWriter()
    a = writer.tensor("in", (1, 3, 4), signature=(-1, 3, 4))
    shape, height = (writer.tensor(name, (3,), "int32", None) for name in ("shape", "height"))
    changed, sides = writer.tensor("changed", (1,), "int32", None), writer.tensor("sides", (3,), "int32", None)
    tiled, seen, out = (writer.tensor(name, (1, 1, 1)) for name in ("tiled", "seen", "out"))
    ends = [writer.constant(name, [value]) for name, value in (("begin", 1), ("end", 2), ("step", 1))]
    writer.node("TILE", [a, writer.constant("times", [1, 3, 1])], tiled)
    writer.node("SHAPE", [a], shape)
    writer.node("STRIDED_SLICE", [shape, *ends], height, 1, "StridedSliceOptions", ShrinkAxisMask=1)
    schema = f"{operator.title()}Options"
    writer.node(operator, [height, writer.constant("operand", operand)], changed, 1, schema)
    writer.node("PACK", [writer.constant("one", 1), changed, writer.constant("rest", 36 // side)], sides, 1, "PackOptions", ValuesCount=3)
    writer.node("RESHAPE", [tiled, sides], seen)
    writer.node("RELU", [seen], out)
    image = compile_tflite(writer.bytes([a], [out]))
    assert image.operators[-1].output_shape == (1, side, 36 // side)


def test_computed_shape_is_refused() -> None:
    writer = ModelWriter()
    a, b, out = writer.tensor("in", (1, 4)), writer.tensor("b", (1, 1, 4)), writer.tensor("out", (2, 2))
    writer.node("PACK", [a], b, 1, "PackOptions")
    writer.node("RESHAPE", [a, b], out)
    assert "(output 'out'): the shape tensor is int8; expected int32 or int64" in refusal(writer.bytes([a], [out]))


@pytest.mark.parametrize(
    ("values", "slices", "text"),
    [
        ([1, 4, 4], ([5], [6], [1]), "index 5; expected -3 to 2"),
        ([1, 4, 4], ([0], [1], [0]), "begins [0], ends [1], strides [0]; expected as many each, no stride 0"),
    ],
)
def test_slices_of_shapes_are_checked(values: list, slices: tuple, text: str) -> None:
    writer = ModelWriter()
    a, b, c = writer.tensor("in", (1, 4)), writer.tensor("b", (1,), "int32", None), writer.tensor("c", (1, 4))
    inputs = [writer.constant("values", values), *(writer.constant("s", each) for each in slices)]
    writer.node("STRIDED_SLICE", inputs, b, 1, "StridedSliceOptions", ShrinkAxisMask=1)
    writer.node("RESHAPE", [a, b], c)
    assert text in refusal(writer.bytes([a], [c]))


def test_packing_of_unequal_shapes_is_refused() -> None:
    writer = ModelWriter()
    a, b, c = writer.tensor("in", (1, 4)), writer.tensor("b", (1,), "int32", None), writer.tensor("c", (1, 4))
    writer.node("PACK", [writer.constant("values", [1, 4]), writer.constant("value", 1)], b, 1, "PackOptions")
    writer.node("RESHAPE", [a, b], c)
    assert "packs [[2], []]; expected one shape" in refusal(writer.bytes([a], [c]))


def test_constant_output_is_refused() -> None:
    writer = ModelWriter()
    a, b = writer.tensor("in", (1, 4)), writer.tensor("b", (4,), "int32", None)
    writer.node("SHAPE", [a], b)
    assert refusal(writer.bytes([a], [b])) == "graph output 'b' is a constant; expected outputs that depend on the input"
