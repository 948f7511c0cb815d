# SPDX-License-Identifier: Apache-2.0
"""A .tflite with two inputs and two outputs of different types, and what it answers, computed in NumPy."""

import numpy as np
from tflite_writer import ModelWriter

SCALE = 0.5


SIDES = (3, 4, 2)


def two_ended(sides: tuple[int, ...] = SIDES) -> bytes:
    """a (1, *sides) float32 is quantized; the int8 b of that shape is added: `sum` int8; `wide` is the sum as float32."""
    shape = (1, *sides)
    writer = ModelWriter()
    a = writer.tensor("a", shape, "float32", None)
    b = writer.tensor("b", shape, scale=SCALE)
    quantized = writer.tensor("quantized", shape, scale=SCALE)
    total = writer.tensor("sum", shape, scale=SCALE)
    wide = writer.tensor("wide", shape, "float32", None)
    writer.node("QUANTIZE", [a], quantized, 1, "QuantizeOptions")
    writer.node("ADD", [quantized, b], total, 1, "AddOptions")
    writer.node("DEQUANTIZE", [total], wide, 1, "DequantizeOptions")
    return writer.bytes([a, b], [total, wide])


def samples(count: int, sides: tuple[int, ...] = SIDES, *, seed: int = 1) -> dict[str, np.ndarray]:
    """Inputs by name: small enough that nothing saturates."""
    random = np.random.default_rng(seed)
    a = (random.integers(-60, 60, (count, *sides)) * SCALE).astype(np.float32)
    return {"a": a, "b": random.integers(-60, 60, (count, *sides)).astype(np.int8)}


def expected(inputs: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """What the model answers."""
    total = (inputs["a"] / SCALE).astype(np.int32) + inputs["b"]
    return {"sum": total.astype(np.int8), "wide": (total * SCALE).astype(np.float32)}
