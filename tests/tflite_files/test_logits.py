# SPDX-License-Identifier: Apache-2.0
"""A softmax at the end left out: the outputs are the bytes that LiteRT's reference kernels hold before it."""

import struct
from collections.abc import Callable

import numpy as np
import pytest
from test_published_models import published
from tflite_writer import ModelWriter

from tinytl.compiler import compile_tflite
from tinytl.compiler.compile import compile_program
from tinytl.errors import ModelError
from tinytl.tflite.interpreter import Interpreter
from tinytl.tflite.litert_compatibility import readable_by_litert
from tinytl.tflite.signature import read_signature
from tinytl.tflite.softmax_removal import without_softmax
from tinytl_bridge.twin import TwinModel

CLASSES = 5
PROBABILITIES = {"scale": 1 / 256, "zero_point": -128}


def classifier(end: Callable[[ModelWriter, int], list[int]]) -> bytes:
    """A dense layer with logits of scale 0.1 and zero point 3, then what `end` adds to them; end: → graph outputs."""
    random = np.random.default_rng(5)
    writer = ModelWriter()
    x = writer.tensor("x", (1, 8), scale=0.05, zero_point=-7)
    weights = writer.tensor("weights", (CLASSES, 8), scale=0.02, data=random.integers(-127, 128, (CLASSES, 8)))
    bias = writer.tensor("bias", (CLASSES,), "int32", scale=0.001, data=random.integers(-200, 200, CLASSES))
    logits = writer.tensor("logits_s8", (1, CLASSES), scale=0.1, zero_point=3)
    writer.node("FULLY_CONNECTED", [x, weights, bias], logits, 1, "FullyConnectedOptions")
    return writer.bytes([x], end(writer, logits))


def softmax(writer: ModelWriter, logits: int) -> int:
    out = writer.tensor("probabilities", (1, CLASSES), **PROBABILITIES)
    writer.node("SOFTMAX", [logits], out, 1, "SoftmaxOptions", Beta=1.0)
    return out


def bare(writer: ModelWriter, logits: int) -> list[int]:
    return [softmax(writer, logits)]


def dequantized(writer: ModelWriter, logits: int) -> list[int]:
    out = writer.tensor("floats", (1, CLASSES), "float32", None)
    writer.node("DEQUANTIZE", [softmax(writer, logits)], out, 2, "DequantizeOptions")
    return [out]


def quantized(writer: ModelWriter, logits: int) -> list[int]:
    out = writer.tensor("bytes", (1, CLASSES), "uint8", scale=1 / 256, zero_point=0)
    writer.node("QUANTIZE", [softmax(writer, logits)], out, 1, "QuantizeOptions")
    return [out]


def in_floats(writer: ModelWriter, logits: int) -> list[int]:
    """A softmax that the compiler cannot take."""
    floats = writer.tensor("float_logits", (1, CLASSES), "float32", None)
    out = writer.tensor("probabilities", (1, CLASSES), "float32", None)
    writer.node("DEQUANTIZE", [logits], floats, 2, "DequantizeOptions")
    writer.node("SOFTMAX", [floats], out, 1, "SoftmaxOptions", Beta=1.0)
    return [out]


def beside_another(writer: ModelWriter, logits: int) -> list[int]:
    """Two outputs: a LOGISTIC, which stays, and a softmax."""
    out = writer.tensor("sigmoid", (1, CLASSES), **PROBABILITIES)
    writer.node("LOGISTIC", [logits], out)
    return [out, softmax(writer, logits)]


def samples(count: int = 40) -> np.ndarray:
    return np.random.default_rng(2).integers(-128, 128, (count, 8)).astype(np.int8)


def outputs_of(tflite: bytes, x: np.ndarray, *, family: str = "portable") -> list[np.ndarray]:
    """Answer with the compiled model; for each output (N, …)."""
    twin = TwinModel(compile_tflite(tflite, family=family).data)
    answers = [[each.copy() for each in twin.invoke(sample[None])] for sample in x]
    return [np.concatenate(each).reshape(len(x), *each[0].shape[1:]) for each in zip(*answers, strict=True)]


def held(tflite: bytes, name: str, x: np.ndarray) -> np.ndarray:
    """Return what a tensor holds in LiteRT's reference kernels, for each sample."""
    oracle = Interpreter(tflite, preserve_all=True)
    answers = []
    for sample in x:
        oracle.run(sample[None])
        (value,) = (tensor.value for tensor in oracle.tensors() if tensor.name == name)
        answers.append(value[0])
    return np.stack(answers)


@pytest.mark.parametrize("end", [bare, quantized])
@pytest.mark.parametrize("family", ["portable", "dsp"])
def test_the_output_is_what_litert_holds_before_the_softmax(end: Callable, family: str) -> None:
    tflite, x = classifier(end), samples()
    (answered,) = outputs_of(without_softmax(tflite), x, family=family)
    expected = held(tflite, "logits_s8", x)
    assert answered.dtype == np.int8 and len(np.unique(expected)) > 40
    np.testing.assert_array_equal(answered, expected)
    program = compile_program(without_softmax(tflite))
    assert [operator.kind.name for operator in program.operators] == ["fully_connected"]
    assert len(compile_tflite(without_softmax(tflite)).data) < len(compile_tflite(tflite).data)


@pytest.mark.parametrize("end", [dequantized, in_floats])
def test_floats_are_dequantized_logits(end: Callable) -> None:
    tflite, x = classifier(end), samples()
    (answered,) = outputs_of(without_softmax(tflite), x)
    assert answered.dtype == np.float32
    real = (held(tflite, "logits_s8", x).astype(np.float32) - np.float32(3)) * np.float32(0.1)
    np.testing.assert_array_equal(answered, real)
    np.testing.assert_array_equal(answered, Interpreter(without_softmax(tflite)).run(x)[0])


def test_other_outputs_stay() -> None:
    tflite, x = classifier(beside_another), samples()
    sigmoid, logits = outputs_of(without_softmax(tflite), x)
    np.testing.assert_array_equal(sigmoid, Interpreter(tflite).run(x)[0])
    np.testing.assert_array_equal(logits, held(tflite, "logits_s8", x))


def logistic(writer: ModelWriter, logits: int) -> list[int]:
    return beside_another(writer, logits)[:1]


def with_logits(writer: ModelWriter, logits: int) -> list[int]:
    return [logits, softmax(writer, logits)]


def read_twice(writer: ModelWriter, logits: int) -> list[int]:
    out, doubled = softmax(writer, logits), writer.tensor("doubled", (1, CLASSES), scale=0.01)
    writer.node("ADD", [out, out], doubled, 1, "AddOptions")
    return [out, doubled]


@pytest.mark.parametrize(
    ("end", "text"),
    [
        (lambda _, logits: [logits], "output 'logits_s8' comes from FULLY_CONNECTED"),
        (logistic, "output 'sigmoid' comes from LOGISTIC"),
        (with_logits, "output 'logits_s8' comes from FULLY_CONNECTED, output 'probabilities' comes from SOFTMAX"),
        (read_twice, "output 'probabilities' comes from SOFTMAX, output 'doubled' comes from ADD"),
        (lambda *_: [0], "output 'x' comes from no operator"),
    ],
)
def test_without_a_softmax_at_the_end_it_is_refused(end: Callable, text: str) -> None:
    with pytest.raises(ModelError) as caught:
        without_softmax(classifier(end))
    assert caught.value.text() == (
        f"--logits: no softmax to leave out: {text}; expected a graph that ends with a SOFTMAX (a DEQUANTIZE or QUANTIZE may follow) whose "
        "output nothing else reads\nhint: leave --logits out"
    )


def test_damaged_files_are_refused_or_taken() -> None:
    """Nothing but a ModelError comes out, whichever byte is wrong."""
    whole, refused = classifier(dequantized), 0
    for place in range(8, len(whole), 3):
        damaged = bytearray(whole)
        damaged[place] ^= 0x55
        try:
            without_softmax(bytes(damaged))
        except ModelError:
            refused += 1
    assert refused > 20
    cut = struct.pack("<I", 8) + b"TFL3" + b"\xff" * 8
    with pytest.raises(ModelError, match=r"^the \.tflite file is damaged: \w+; expected a complete file"):
        without_softmax(cut)


@pytest.mark.parametrize("name", ["kws_ref_model", "pretrainedResnet_quant", "vww_96_int8"])
def test_published_models_answer_logits(name: str) -> None:
    readable = readable_by_litert(published(f"mlperf_tiny/{name}.tflite"))
    patched = without_softmax(readable)
    whole, without = compile_program(readable), compile_program(patched)
    assert [each.kind.name for each in whole.operators[:-1]] == [each.kind.name for each in without.operators]
    oracle = Interpreter(readable)
    x = np.random.default_rng(1).integers(-128, 128, (3, *oracle.input.shape[1:])).astype(np.int8)
    (logits,) = read_signature(patched).outputs
    (answered,) = outputs_of(patched, x, family="dsp")
    np.testing.assert_array_equal(answered, held(readable, logits.name, x))
