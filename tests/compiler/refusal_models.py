# SPDX-License-Identifier: Apache-2.0
"""Small graphs of one operator that a converter does not write, and the text of their refusal."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from tflite_writer import ModelWriter

from tinytl.compiler import compile_tflite
from tinytl.errors import CompileError

UNEQUAL = {"scale": 0.07, "zero_point": 4}
CONV = {"Padding": 1, "StrideH": 1, "StrideW": 1, "DilationHFactor": 1, "DilationWFactor": 1}
POOL = {"Padding": 1, "StrideH": 1, "StrideW": 1, "FilterHeight": 1, "FilterWidth": 1}


def refusal(data: bytes) -> str:
    with pytest.raises(CompileError) as caught:
        compile_tflite(data)
    return str(caught.value)


def one_node(
    operator: str, schema: str = "", *, shape: tuple[int, ...] = (1, 4, 4, 2), source: dict | None = None,
    output: dict | None = None, extra: Callable[[ModelWriter], list[int]] | None = None, **fields: Any,
) -> bytes:  # fmt: skip
    """A graph of one operator; `extra` adds its further inputs."""
    writer = ModelWriter()
    a = writer.tensor("in", **{"shape": shape, **(source or {})})
    inputs = [a, *(extra(writer) if extra else [])]
    b = writer.tensor("out", **{"shape": shape, **(output or {})})
    writer.node(operator, inputs, b, 1, schema, **fields)
    return writer.bytes([a], [b])


def weights(shape: tuple[int, ...], *, bias: Any = None, **fields: Any) -> Callable[[ModelWriter], list[int]]:
    def add(writer: ModelWriter) -> list[int]:
        data = None if fields.get("computed") else np.zeros(shape)
        chosen = {key: value for key, value in fields.items() if key != "computed"}
        numbers = [writer.tensor("weights", shape, data=data, **{"scale": 0.01, **chosen})]
        return numbers if bias is None else [*numbers, writer.constant("bias", *bias)]

    return add


def conv(extra: Callable[[ModelWriter], list[int]], **fields: Any) -> bytes:
    return one_node("CONV_2D", "Conv2DOptions", extra=extra, **{**CONV, **fields})


def dense(extra: Callable[[ModelWriter], list[int]], **fields: Any) -> bytes:
    return one_node("FULLY_CONNECTED", "FullyConnectedOptions", extra=extra, **fields)


def constants(*arrays: Any, dtype: str = "int32") -> Callable[[ModelWriter], list[int]]:
    return lambda writer: [writer.constant(f"constant {i}", array, dtype) for i, array in enumerate(arrays)]
