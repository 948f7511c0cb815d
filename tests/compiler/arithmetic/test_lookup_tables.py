# SPDX-License-Identifier: Apache-2.0
"""Functions of one byte as tables: every entry against LiteRT's reference kernels at many scales, rounding ties sought out;
chains of them joined.
"""

import ctypes
import ctypes.util
import math
from collections.abc import Callable

import numpy as np
import pytest
from tflite_writer import ModelWriter

from tinytl.compiler import compile_tflite
from tinytl.compiler.arithmetic.float_functions import exp_of, expm1_of, tanh_of
from tinytl.compiler.compile import compile_program
from tinytl.errors import CompileError, ModelError
from tinytl.tflite.interpreter import Interpreter
from tinytl_bridge.twin import TwinModel

BYTES = np.arange(256, dtype=np.uint8).view(np.int8)[None]
FIXED_OUTPUTS = {"LOGISTIC": (1 / 256, -128), "TANH": (1 / 128, 0)}


def model(operator: str, source: tuple[float, int], output: tuple[float, int], alpha: float = 0.0) -> bytes:
    writer = ModelWriter()
    a, b = writer.tensor("in", (1, 256), "int8", *source), writer.tensor("out", (1, 256), "int8", *output)
    options = ("LeakyReluOptions", {"Alpha": alpha}) if operator == "LEAKY_RELU" else ("", {})
    writer.node(operator, [a], b, 1, options[0], **options[1])
    return writer.bytes([a], [b])


def table_on_twin(tflite: bytes) -> np.ndarray:
    return TwinModel(compile_tflite(tflite).data).invoke(BYTES)[0].reshape(-1)


def assert_equals_reference(tflite: bytes, where: str) -> None:
    """Equal bytes; what LiteRT refuses, the compiler refuses."""
    try:
        expected = Interpreter(tflite).run(BYTES)[0][0]
    except ModelError:
        with pytest.raises(CompileError):
            compile_tflite(tflite)
        return
    np.testing.assert_array_equal(table_on_twin(tflite), expected, err_msg=where)


@pytest.mark.parametrize("operator", ["LOGISTIC", "TANH", "HARD_SWISH", "LEAKY_RELU"])
def test_every_byte_at_random_scales(operator: str) -> None:
    random = np.random.default_rng(8)
    for _ in range(150):
        scale, point = float(np.float32(np.exp(random.uniform(-9, 3)))), int(random.integers(-128, 128))
        output = float(np.float32(scale * np.exp(random.uniform(-3, 3)))), int(random.integers(-128, 128))
        alpha = float(np.float32(random.uniform(-1, 2)))
        tflite = model(operator, (scale, point), FIXED_OUTPUTS.get(operator, output), alpha)
        assert_equals_reference(tflite, f"{operator} {scale} {point} {output} {alpha}")


@pytest.mark.parametrize("operator", ["LOGISTIC", "TANH", "HARD_SWISH", "LEAKY_RELU"])
def test_every_byte_at_scales_that_no_calibration_gives(operator: str) -> None:
    """Among them outputs so coarse that nothing is left of the input: the reference's 16-bit rounding then gives −1 or 1."""
    random = np.random.default_rng(9)
    for _ in range(200):
        scale, point = float(np.float32(10 ** random.uniform(-9, 3))), int(random.choice((-128, 127, 5)))
        output = float(np.float32(scale * 10 ** random.uniform(-1, 9))), int(random.choice((-128, 127, 5)))
        alpha = float(np.float32(random.uniform(-1, 2)))
        tflite = model(operator, (scale, point), FIXED_OUTPUTS.get(operator, output), alpha)
        try:
            assert_equals_reference(tflite, f"{operator} {scale} {point} {output} {alpha}")
        except CompileError as error:
            if operator != "HARD_SWISH" or "the input's scale is" not in str(error):
                raise


def _c_function(name: str) -> Callable[[float], float]:
    path = ctypes.util.find_library("m")
    if path is None:
        pytest.skip("no C library for mathematics")
    function = getattr(ctypes.CDLL(path), name)
    function.restype, function.argtypes = ctypes.c_float, [ctypes.c_float]
    return function


def _library_is_fdlibm() -> bool:
    """Since glibc 2.41 tanhf is rounded correctly; this argument tells the two apart."""
    place = np.float32(0.17)
    return float(np.float32(_c_function("tanhf")(float(place)))) == float(tanh_of(place)) and all(
        np.float32(_c_function("tanhf")(x)) == tanh_of(np.float32(x)) for x in np.linspace(0.1, 0.9, 50).astype(np.float32)
    )


@pytest.mark.parametrize(("operator", "steps"), [("LOGISTIC", 256), ("TANH", 128)])
def test_rounding_ties(operator: str, steps: int) -> None:
    """Scales at which an entry falls within a float's last bits of a half."""
    if operator == "TANH" and not _library_is_fdlibm():
        pytest.skip("this C library's tanhf has other last bits than fdlibm's")
    random = np.random.default_rng(1)
    for _ in range(150):
        if operator == "LOGISTIC":
            y = (random.integers(1, 255) + 0.5) / steps
            x = math.log(y / (1 - y))
        else:
            x = math.atanh((random.integers(-126, 126) + 0.5) / steps)
        code = int(random.integers(1, 128)) * (1 if x > 0 else -1)
        scale = np.nextafter(np.float32(x / code), np.float32(random.choice([0, 9])), dtype=np.float32)
        assert_equals_reference(model(operator, (float(scale), 0), FIXED_OUTPUTS[operator]), f"{scale} {code}")


@pytest.mark.parametrize(("name", "function"), [("expm1f", expm1_of), ("tanhf", tanh_of)])
def test_float_functions_have_the_bits_of_the_c_library(name: str, function: Callable[[np.float32], np.float32]) -> None:
    if not _library_is_fdlibm():
        pytest.skip("this C library is none of fdlibm's")
    library, random = _c_function(name), np.random.default_rng(2)
    reals = np.exp(random.uniform(-20, 4.4, 20_000)) * random.choice([-1, 1], 20_000)
    for real in [*reals.astype(np.float32), np.float32(0), np.float32(1), np.float32(-88)]:
        assert np.float32(library(float(real))) == function(real), real


def test_exponential_is_the_c_library_s_but_for_rare_last_bits() -> None:
    library = _c_function("expf")
    reals = np.random.default_rng(2).uniform(-80, 80, 20_000).astype(np.float32)
    found, expected = np.array([exp_of(x) for x in reals]), np.array([library(float(x)) for x in reals], np.float32)
    assert (found != expected).mean() < 0.01
    np.testing.assert_array_max_ulp(found, expected, 1)
    assert exp_of(np.float32(100)) == np.inf


def chain(*operators: tuple[str, float, int]) -> bytes:
    writer = ModelWriter()
    first = last = writer.tensor("in", (1, 256), "int8", 0.05, 9)
    for number, (operator, scale, point) in enumerate(operators):
        dtype = "uint8" if point > 127 else "int8"
        output = writer.tensor(f"tensor {number}", (1, 256), dtype, scale, point)
        writer.node(operator, [last], output, 1, "LeakyReluOptions" if operator == "LEAKY_RELU" else "")
        last = output
    return writer.bytes([first], [last])


@pytest.mark.parametrize(
    ("operators", "kinds"),
    [
        ([("QUANTIZE", 0.07, -3), ("LOGISTIC", 1 / 256, -128), ("QUANTIZE", 1 / 256, 0)], ["lookup"]),
        ([("RELU", 0.03, -128), ("TANH", 1 / 128, 0), ("RELU6", 0.004, -128), ("HARD_SWISH", 0.004, 0)], ["lookup"]),
        ([("LEAKY_RELU", 0.05, 0), ("QUANTIZE", 0.05, 128)], ["lookup"]),
        ([("RELU", 0.03, -128), ("QUANTIZE", 0.05, 4)], ["relu", "requantize"]),
    ],
)
def test_chains_become_one_table(operators: list[tuple[str, float, int]], kinds: list[str]) -> None:
    tflite = chain(*operators)
    assert [operator.kind.name for operator in compile_program(tflite).operators] == kinds
    assert len(compile_program(tflite, passes=()).operators) == len(operators)
    np.testing.assert_array_equal(table_on_twin(tflite), Interpreter(tflite).run(BYTES)[0][0])


def test_value_that_others_read_stays() -> None:
    writer = ModelWriter()
    a, b = writer.tensor("in", (1, 8)), writer.tensor("b", (1, 8), scale=1 / 256, zero_point=-128)
    c, d = writer.tensor("c", (1, 8), scale=1 / 128), writer.tensor("d", (1, 8), scale=0.02)
    writer.node("LOGISTIC", [a], b)
    writer.node("TANH", [b], c)
    writer.node("ADD", [b, c], d, 1, "AddOptions")
    kinds = [operator.kind for operator in compile_tflite(writer.bytes([a], [d])).operators]
    assert kinds == ["lookup", "lookup", "add"]
    kinds = [operator.kind for operator in compile_tflite(writer.bytes([a], [b, d])).operators]
    assert kinds == ["lookup", "lookup", "add"]


def test_chain_is_joined_across_a_reshape() -> None:
    """The table's input is then seen with the dims of its output, which the runtime demands."""
    writer = ModelWriter()
    a, b = writer.tensor("in", (1, 256), "int8", 0.05, 9), writer.tensor("b", (1, 256), "int8", 1 / 256, -128)
    c, d = writer.tensor("c", (1, 64, 4), "int8", 1 / 256, -128), writer.tensor("d", (1, 64, 4), "uint8", 1 / 256, 0)
    writer.node("LOGISTIC", [a], b)
    writer.node("RESHAPE", [b, writer.constant("sides", [1, 64, 4])], c)
    writer.node("QUANTIZE", [c], d)
    tflite = writer.bytes([a], [d])
    assert [operator.kind.name for operator in compile_program(tflite).operators] == ["lookup"]
    (found,) = TwinModel(compile_tflite(tflite).data).invoke(BYTES)
    np.testing.assert_array_equal(found, Interpreter(tflite).run(BYTES)[0].reshape(found.shape))
