# SPDX-License-Identifier: Apache-2.0
"""Constants where activations usually stand: images of a layer, what a pass finds to be a copy of one, an output."""

import numpy as np
import pytest
from layer_chains import SAME, Chain
from parity import assert_images_equal, assert_outputs_equal, samples_for, with_less_memory
from tflite_writer import ModelWriter

from tinytl.compiler import compile_tflite
from tinytl.compiler.records import FAMILIES
from tinytl.errors import CompileError


def layer_of_a_constant(kind: str) -> bytes:
    """A layer of the input plus the same of a constant image, and a pooling behind them."""
    made = Chain(0, sides=(32, 32), channels=8)
    made.layer(kind, 5, 8, padding=SAME)
    first = made.current
    made.shape = (1, 32, 32, 8)
    made.current = made.writer.tensor("image", made.shape, "int8", 0.05, 3, made.random.integers(-128, 128, made.shape))
    made.layer(kind, 5, 8, padding=SAME)
    made.add(first)
    made.max_pool(4, stride=4)
    return made.bytes()


@pytest.mark.parametrize("family", sorted(FAMILIES))
@pytest.mark.parametrize("kind", ["CONV_2D", "DEPTHWISE_CONV_2D"])
def test_layers_of_constant_images(kind: str, family: str) -> None:
    data = layer_of_a_constant(kind)
    whole = compile_tflite(data, family=family)
    images = [whole, *(less for seed in range(4) for less in with_less_memory(data, whole, "speed", seed))]
    assert_images_equal(data, samples_for(data, 6), images)


def copied(kind: str) -> bytes:
    """The input plus what a copy of a constant is."""
    writer = ModelWriter()
    shape = (1, 16, 8) if kind == "reshape" else (1, 4, 4, 8)
    first, out = writer.tensor("in", (1, 4, 4, 8)), writer.tensor("out", (1, 4, 4, 8))
    constant = current = writer.tensor("constant", shape, data=np.arange(128) - 64)
    if kind != "quantize":
        current = writer.tensor("float", shape, "float32", None)
        writer.node("DEQUANTIZE", [constant], current)
    if kind == "reshape":
        reshaped = writer.tensor("reshaped", (1, 4, 4, 8), "float32", None)
        writer.node("RESHAPE", [current, writer.constant("shape", [1, 4, 4, 8])], reshaped)
        current = reshaped
    copy = writer.tensor("copy", (1, 4, 4, 8))
    writer.node("QUANTIZE", [current], copy)
    writer.node("ADD", [first, copy], out, 1, "AddOptions")
    return writer.bytes([first], [out])


@pytest.mark.parametrize("kind", ["quantize", "dequantize", "reshape"])
def test_a_copy_of_a_constant_is_a_constant(kind: str) -> None:
    data = copied(kind)
    assert_outputs_equal(data, samples_for(data, 10))


def test_an_output_that_is_a_copy_of_a_constant_is_refused() -> None:
    writer = ModelWriter()
    first, out = writer.tensor("in", (1, 4)), writer.tensor("out", (1, 4))
    copy = writer.tensor("copy", (1, 4))
    writer.node("QUANTIZE", [writer.tensor("constant", (1, 4), data=np.arange(4))], copy)
    writer.node("RELU", [first], out)
    with pytest.raises(CompileError) as refused:
        compile_tflite(writer.bytes([first], [out, copy]))
    assert "graph output 'copy' is a constant" in str(refused.value) and refused.value.expected == "outputs that depend on the input"
