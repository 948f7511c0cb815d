# SPDX-License-Identifier: Apache-2.0
"""An extractor that extracts nothing: a .tflite whose int8 input is its output, for plans that freeze nothing.

In: a shape and the range of real inputs. Out: the bytes of the file. It has no operator, as TFLite's converter writes an identity,
which that leaves in float32, though.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np


def identity_tflite(shape: Sequence[int], *, low: float, high: float) -> bytes:
    """Write the file.

    Args:
        shape: of the tensor, with batch 1.
        low, high: smallest and largest real number, from which its quantization comes as in TFLite: 0 is exact, 255 steps.
    """
    import flatbuffers
    import tflite

    scale, zero_point = _quantization(low, high)
    builder = flatbuffers.Builder(512)
    subgraph = _subgraph(builder, _tensor(builder, shape, scale, zero_point))
    tflite.BufferStart(builder)
    empty = tflite.BufferEnd(builder)
    codes, subgraphs, buffers = (_offsets(builder, offsets) for offsets in ([], [subgraph], [empty]))
    tflite.ModelStart(builder)
    tflite.ModelAddVersion(builder, 3)
    tflite.ModelAddOperatorCodes(builder, codes)
    tflite.ModelAddSubgraphs(builder, subgraphs)
    tflite.ModelAddBuffers(builder, buffers)
    builder.Finish(tflite.ModelEnd(builder), b"TFL3")
    return bytes(builder.Output())


def _quantization(low: float, high: float) -> tuple[np.float32, int]:
    low, high = min(low, 0.0), max(high, 0.0)
    scale = np.float32((high - low) / 255 or 1.0)
    return scale, int(np.clip(round(-128 - low / float(scale)), -128, 127))


def _tensor(builder: Any, shape: Sequence[int], scale: np.float32, zero_point: int) -> int:
    import tflite

    name, sides = builder.CreateString("input"), _numbers(builder, shape, np.int32)
    scales, zero_points = _numbers(builder, [scale], np.float32), _numbers(builder, [zero_point], np.int64)
    tflite.QuantizationParametersStart(builder)
    tflite.QuantizationParametersAddScale(builder, scales)
    tflite.QuantizationParametersAddZeroPoint(builder, zero_points)
    quantization = tflite.QuantizationParametersEnd(builder)
    tflite.TensorStart(builder)
    tflite.TensorAddShape(builder, sides)
    tflite.TensorAddType(builder, tflite.TensorType.INT8)
    tflite.TensorAddName(builder, name)
    tflite.TensorAddQuantization(builder, quantization)
    return int(tflite.TensorEnd(builder))


def _subgraph(builder: Any, tensor: int) -> int:
    import tflite

    tensors, operators = _offsets(builder, [tensor]), _offsets(builder, [])
    inputs, outputs = (_numbers(builder, [0], np.int32) for _ in range(2))
    tflite.SubGraphStart(builder)
    tflite.SubGraphAddTensors(builder, tensors)
    tflite.SubGraphAddInputs(builder, inputs)
    tflite.SubGraphAddOutputs(builder, outputs)
    tflite.SubGraphAddOperators(builder, operators)
    return int(tflite.SubGraphEnd(builder))


def _numbers(builder: Any, values: Sequence[Any], dtype: Any) -> int:
    return int(builder.CreateNumpyVector(np.array(values, dtype)))


def _offsets(builder: Any, tables: list[int]) -> int:
    builder.StartVector(4, len(tables), 4)
    for table in reversed(tables):
        builder.PrependUOffsetTRelative(table)
    return int(builder.EndVector())
