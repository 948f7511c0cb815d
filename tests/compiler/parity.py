# SPDX-License-Identifier: Apache-2.0
"""Compares a compiled model, run by the twin's C, with LiteRT's reference kernels: the outputs, or every layer, byte
for byte.
"""

import numpy as np
import tflite as schema

from tinytl.compiler import compile_tflite
from tinytl.compiler.compile import compile_program
from tinytl.interpreter import Interpreter
from tinytl_bridge.twin import TwinModel


def readable_by_litert(tflite: bytes) -> bytes:
    """Return the file with TILE of version 3 said to be of version 2, the last one that LiteRT's reference kernels are registered for.

    Version 3 adds types, for int8 the two are one.
    """
    changed = bytearray(tflite)
    model = schema.Model.GetRootAs(changed, 0)
    for number in range(model.OperatorCodesLength()):
        code = model.OperatorCodes(number)
        place = code._tab.Offset(8)
        if code.BuiltinCode() == schema.BuiltinOperator.TILE and code.Version() == 3 and place:
            changed[code._tab.Pos + place] = 2
    return bytes(changed)


def samples_for(tflite: bytes, count: int, *, seed: int = 0) -> np.ndarray:
    """Draw inputs: noise over the whole range, constants and the two extremes. (count, *input shape)."""
    wanted = Interpreter(readable_by_litert(tflite)).input
    random = np.random.default_rng(seed)
    if wanted.dtype == np.float32:
        return random.normal(0.0, 1.5, (count, *wanted.shape[1:])).astype(np.float32)
    limits = np.iinfo(wanted.dtype)
    samples = random.integers(limits.min, limits.max + 1, (count, *wanted.shape[1:])).astype(wanted.dtype)
    samples[:1], samples[1:2] = limits.min, limits.max
    smooth = random.integers(limits.min, limits.max + 1, (len(samples[2::4]), *(1 for _ in wanted.shape[1:])))
    samples[2::4] = smooth
    return samples


def assert_outputs_equal(tflite: bytes, samples: np.ndarray) -> None:
    """Every output of every sample."""
    oracle, twin = Interpreter(readable_by_litert(tflite)), TwinModel(compile_tflite(tflite).data)
    expected = oracle.run(samples)
    for number, sample in enumerate(samples):
        for found, answer in zip(twin.invoke(sample[None]), expected, strict=True):
            np.testing.assert_array_equal(found.reshape(-1), answer[number].reshape(-1), err_msg=f"sample {number}")


def assert_layers_equal(tflite: bytes, samples: np.ndarray) -> int:
    """Every operator's output of every sample, read right after it ran. Returns how many were compared."""
    oracle, twin = Interpreter(tflite, preserve_all=True), TwinModel(compile_tflite(tflite).data)
    program = compile_program(tflite)
    compared = 0
    for number, sample in enumerate(samples):
        oracle.run(sample[None])
        expected = {tensor.name: tensor.value for tensor in oracle.tensors()}
        twin.set_input(sample[None])
        for index, operator in enumerate(program.operators):
            twin.invoke_range(index, index + 1)
            output = operator.outputs[0]
            answer = expected[program.tensors[output].name]
            assert answer is not None
            where = f"sample {number}, operator {index} {operator.kind.name} {operator.name}"
            np.testing.assert_array_equal(twin.tensor(output).reshape(-1), answer.reshape(-1), err_msg=where)
            compared += 1
    return compared
