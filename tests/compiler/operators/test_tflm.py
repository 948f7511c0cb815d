# SPDX-License-Identifier: Apache-2.0
"""TFLM's own interpreter, where it is installed, against ours: the published models answer alike, byte for byte.

The anomaly autoencoder is the exception: TFLite's reference kernel rescales fully connected layers in double precision, TFLM's in fixed
point. tinytl does as TFLite does; computing the layers in fixed point gives TFLM's bytes.
"""

from typing import Any

import numpy as np
import pytest
from parity import samples_for
from test_published_models import published
from tflite_writer import ModelWriter

from tinytl.compiler import compile_tflite
from tinytl.compiler.compile import compile_program
from tinytl.compiler.kernels.sums import fixed_point
from tinytl.compiler.program import Program, ProgramOperator, constant_data, operand, parameters_of
from tinytl.tflite.litert_compatibility import readable_by_litert
from tinytl_bridge.twin import TwinModel

runtime: Any = pytest.importorskip("tflite_micro.python.tflite_micro.runtime", reason="needs tflite-micro")

litert: Any = pytest.importorskip("ai_edge_litert.interpreter", reason="needs ai-edge-litert")

ALIKE = ("mlperf_tiny/kws_ref_model", "mlperf_tiny/pretrainedResnet_quant", "mlperf_tiny/vww_96_int8", "tflm/person_detect")
AUTOENCODER = "mlperf_tiny/ad01_int8"
ARENA_BYTES = 400_000


def tflm_answers(tflite: bytes, samples: np.ndarray) -> np.ndarray:
    interpreter = runtime.Interpreter.from_bytes(tflite, arena_size=ARENA_BYTES)
    answers = []
    for sample in samples:
        interpreter.set_input(sample[None], 0)
        interpreter.invoke()
        answers.append(interpreter.get_output(0).reshape(-1).copy())
    return np.stack(answers)


def our_answers(tflite: bytes, samples: np.ndarray) -> np.ndarray:
    twin = TwinModel(compile_tflite(tflite).data)
    return np.stack([twin.invoke(sample[None])[0].reshape(-1) for sample in samples])


@pytest.mark.parametrize("name", ALIKE)
def test_models_answer_as_tflm_does(name: str) -> None:
    tflite = published(f"{name}.tflite")
    samples = samples_for(readable_by_litert(tflite), 10)
    np.testing.assert_array_equal(our_answers(tflite, samples), tflm_answers(tflite, samples))


def sum_model(random: np.random.Generator) -> bytes:
    """A SUM of random rank, axes, scales and zero points."""
    shape = (1, *map(int, random.integers(1, 9, int(random.integers(1, 4)))))
    axes = sorted(map(int, random.choice(np.arange(1, len(shape)), int(random.integers(1, len(shape))), replace=False)))
    keep, scale = bool(random.integers(2)), float(np.exp(random.uniform(-6, 0)))
    kept = tuple(1 if d in axes else side for d, side in enumerate(shape) if keep or d not in axes)
    writer = ModelWriter()
    a = writer.tensor("in", shape, scale=scale, zero_point=int(random.integers(-128, 128)))
    coarser = scale * float(np.exp(random.uniform(0, 4))) if random.random() < 0.8 else scale
    out = writer.tensor("out", kept, scale=coarser, zero_point=int(random.integers(-128, 128)))
    signed = [axis - len(shape) if random.integers(2) else axis for axis in axes]
    writer.node("SUM", [a, writer.constant("axes", signed)], out, 1, "ReducerOptions", KeepDims=keep)
    return writer.bytes([a], [out])


def test_sums_answer_as_tflm_does() -> None:
    """And nearly as LiteRT's default kernel does, which rescales in float. Its reference kernel reads int8 numbers as uint8."""
    random, apart = np.random.default_rng(3), []
    for seed in range(60):
        tflite = sum_model(random)
        samples = samples_for(tflite, 12, seed=seed)
        ours = our_answers(tflite, samples)
        np.testing.assert_array_equal(ours, tflm_answers(tflite, samples))
        apart.append(np.abs(ours.astype(int) - of_default_kernels(tflite, samples)).max())
    assert max(apart) <= 1 and sum(apart) < 30


def of_default_kernels(tflite: bytes, samples: np.ndarray) -> np.ndarray:
    resolver = litert.OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES
    interpreter = litert.Interpreter(model_content=tflite, experimental_op_resolver_type=resolver)
    interpreter.allocate_tensors()
    (source,), (output,) = interpreter.get_input_details(), interpreter.get_output_details()
    answers = []
    for sample in samples:
        interpreter.set_tensor(source["index"], sample[None])
        interpreter.invoke()
        answers.append(interpreter.get_tensor(output["index"]).reshape(-1).copy())
    return np.stack(answers)


def in_fixed_point(program: Program, operator: ProgramOperator, inputs: np.ndarray) -> np.ndarray:
    """Compute a fully connected layer as TFLM does; inputs (count, depth) int64."""
    weights, bias, high, shift, low = (constant_data(program, operator, position) for position in (1, 2, 3, 4, 5))
    named, output = parameters_of(operator), program.tensors[operator.outputs[0]]
    multiplier = high + (low >= 1 << 30)  # the nearest 31 bits
    rescale = fixed_point(multiplier, shift, output.zero_point, named["act_min"], named["act_max"])
    sums = weights @ (inputs - operand(program, operator, 0).zero_point).T + bias[:, None]
    return rescale(sums).T


def test_the_autoencoder_differs_by_its_rescaling_alone() -> None:
    tflite = published(f"{AUTOENCODER}.tflite")
    program, samples = compile_program(tflite), samples_for(tflite, 20)
    theirs, values = tflm_answers(tflite, samples), samples.reshape(len(samples), -1).astype(np.int64)
    for operator in program.operators:
        values = in_fixed_point(program, operator, values)
    np.testing.assert_array_equal(values, theirs)
    assert 0 < np.abs(our_answers(tflite, samples).astype(int) - theirs).max() <= 3
