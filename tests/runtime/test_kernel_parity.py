# SPDX-License-Identifier: Apache-2.0
"""Every kernel alone against LiteRT's reference kernel, byte for byte."""

import numpy as np
import pytest
from parity import assert_outputs_equal, samples_for
from single_operators import MODELS, arg_max, softmax
from tflite_writer import ModelWriter

from tinytl.compiler import compile_tflite
from tinytl_bridge.twin import TwinModel

SAMPLES = 64


@pytest.mark.parametrize("name", MODELS)
def test_kernel_equals_the_reference(name: str) -> None:
    tflite = MODELS[name]()
    kinds = [operator.kind for operator in compile_tflite(tflite).operators]
    assert name.startswith(kinds[0]), f"the compiler made {kinds} of it"
    assert_outputs_equal(tflite, samples_for(tflite, SAMPLES, seed=len(name)))


@pytest.mark.parametrize(("classes", "expected"), [(511, -127), (512, -128), (1000, -128), (4096, -128)])
def test_softmax_of_many_equal_values(classes: int, expected: int) -> None:
    """Each gets 1 / classes, in steps of 1/256. From 512 on the reference kernel stops the process instead of answering."""
    twin = TwinModel(compile_tflite(softmax((1, classes), 0.1)).data)
    (found,) = twin.invoke(np.full(classes, 7, np.int8))
    np.testing.assert_array_equal(found.reshape(-1), expected)


@pytest.mark.parametrize("name", ["quantize to int8", "quantize to uint8"])
def test_quantize_has_an_answer_for_every_float(name: str) -> None:
    """What is beyond the range saturates; NaN, where the reference is undefined, becomes the zero point."""
    twin = TwinModel(compile_tflite(MODELS[name]()).data)
    values = np.resize(np.array([np.inf, -np.inf, 3e38, -3e38, 1e-45, -0.0, np.nan], np.float32), 300)
    (found,) = twin.invoke(values)
    limits, point = np.iinfo(found.dtype), twin.image.tensors[twin.image.outputs[0]].zero_point
    assert found.reshape(-1)[:7].tolist() == [limits.max, limits.min, limits.max, limits.min, point, point, point]


def test_random_arg_max() -> None:
    """Few different numbers, so that many are equal: the first one counts."""
    random = np.random.default_rng(8)
    for _ in range(40):
        shape = (1, *map(int, random.integers(1, 12, int(random.integers(1, 4)))))
        axis = int(random.integers(1, len(shape))) - (len(shape) if random.integers(2) else 0)
        low = int(random.integers(-128, 125))
        assert_outputs_equal(arg_max(shape, axis), random.integers(low, low + 3, (12, *shape[1:])).astype(np.int8))


def test_arg_max_behind_a_classifier_is_the_class() -> None:
    random = np.random.default_rng(9)
    writer = ModelWriter()
    a, logits = writer.tensor("in", (1, 12)), writer.tensor("logits", (1, 5), scale=0.1)
    weights = writer.tensor("weights", (5, 12), scale=0.02, data=random.integers(-127, 128, (5, 12)))
    writer.node("FULLY_CONNECTED", [a, weights], logits, 1, "FullyConnectedOptions")
    out = writer.tensor("class", (1,), "int32", None)
    writer.node("ARG_MAX", [logits, writer.constant("axis", [-1])], out, 1, "ArgMaxOptions", OutputType=2)
    tflite = writer.bytes([a], [out])
    assert [operator.kind for operator in compile_tflite(tflite).operators] == ["fully_connected", "arg_max"]
    for family in ("portable", "dsp", "mve"):
        assert_outputs_equal(tflite, samples_for(tflite, SAMPLES), family=family)


@pytest.mark.parametrize("operator", ["ADD", "MUL", "SUB", "PRELU"])
def test_all_pairs_of_bytes(operator: str) -> None:
    """65,536 pairs at once, by mutual broadcasting, at random scales and zero points."""
    random, codes = np.random.default_rng(6), np.arange(-128, 128, dtype=np.int8)
    for _ in range(12):
        writer = ModelWriter()
        scales = np.exp(random.uniform(-6, 0, 2))
        span = scales.prod() * 60 if operator in ("MUL", "PRELU") else scales.max()
        points = random.integers(-128, 128, 3).tolist()
        shape = (1, 256, 256 if operator == "PRELU" else 1)  # whose first operand may not repeat
        a = writer.tensor("in", shape, "int8", float(scales[0]), points[0])
        b = writer.tensor("b", (256,), "int8", float(scales[1]), points[1], codes)
        out = writer.tensor("out", (1, 256, 256), "int8", float(span * np.exp(random.uniform(-1, 2))), points[2])
        writer.node(operator, [a, b], out, 1, "" if operator == "PRELU" else f"{operator.capitalize()}Options")
        assert_outputs_equal(writer.bytes([a], [out]), np.broadcast_to(codes.reshape(1, 256, 1), shape))
