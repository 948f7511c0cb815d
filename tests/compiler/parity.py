# SPDX-License-Identifier: Apache-2.0
"""Compares a compiled model, run by the twin's C, with LiteRT's reference kernels: the outputs, or every layer, byte
for byte.
"""

from collections.abc import Iterable

import numpy as np

from tinytl.compiler import CompileOptions, Image, compile_tflite
from tinytl.compiler.compile import build_image, compile_program
from tinytl.compiler.image.metadata import tflite_metadata
from tinytl.compiler.program import Program
from tinytl.errors import CompileError
from tinytl.tflite.interpreter import Interpreter
from tinytl.tflite.litert_compatibility import readable_by_litert
from tinytl_bridge.twin import TwinModel


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


def assert_outputs_equal(tflite: bytes, samples: np.ndarray, *, family: str = "portable") -> None:
    """Every output of every sample."""
    assert_images_equal(tflite, samples, [compile_tflite(tflite, family=family)])


def assert_images_equal(tflite: bytes, samples: np.ndarray, images: Iterable[Image]) -> None:
    """Every output of every sample, by every image of the model."""
    expected = Interpreter(readable_by_litert(tflite)).run(samples)
    for place, image in enumerate(images):
        twin = TwinModel(image.data)
        for number, sample in enumerate(samples):
            where = f"image {place} ({image.family}, arena of {image.arena_bytes:,}), sample {number}"
            for found, answer in zip(twin.invoke(sample[None]), expected, strict=True):
                np.testing.assert_array_equal(found.reshape(-1), answer[number].reshape(-1), err_msg=where)


def with_less_memory(tflite: bytes, image: Image, optimize: str, seed: int) -> list[Image]:
    """Compile again for 70 to 99 % of the image's arena; empty where it is refused, as documented, with what is missing."""
    limit = image.arena_bytes * (70 + seed % 30) // 100
    try:
        less = compile_tflite(tflite, family=image.family, optimize=optimize, ram_bytes=limit)
    except CompileError as error:
        refused = error
    else:
        assert less.arena_bytes <= limit
        return [less]
    needed = int(refused.what.removeprefix("the arena needs ").split(" bytes")[0].replace(",", ""))
    assert needed > limit
    assert f"{needed - limit:,} more than there are" in refused.what
    return []


def whole_image(program: Program, *, family: str = "portable", optimize: str = "speed") -> Image:
    """Build the image of a program as it is, with its constant channels."""
    return build_image(program, None, tflite_metadata(program), CompileOptions(family, optimize), bundle_id=b"")


def assert_layers_equal(tflite: bytes, samples: np.ndarray, *, family: str = "portable", optimize: str = "speed") -> int:
    """Every operator's output of every sample, read right after it ran. Returns how many were compared."""
    program = compile_program(tflite, fold=False)
    oracle = Interpreter(tflite, preserve_all=True)
    twin = TwinModel(whole_image(program, family=family, optimize=optimize).data)
    compared = 0
    for number, sample in enumerate(samples):
        oracle.run(sample[None])
        expected = {tensor.name: tensor.value for tensor in oracle.tensors()}
        twin.set_input(sample[None])
        for index, operator in enumerate(program.operators):
            twin.invoke_range(index, index + 1)
            output = twin.image.operators[index].outputs[0]
            answer = expected[program.tensors[operator.outputs[0]].name]
            assert answer is not None
            where = f"sample {number}, operator {index} {operator.kind.name} {operator.name}"
            np.testing.assert_array_equal(twin.tensor(output).reshape(-1), answer.reshape(-1), err_msg=where)
            compared += 1
    return compared
