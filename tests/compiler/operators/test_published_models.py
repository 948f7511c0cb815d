# SPDX-License-Identifier: Apache-2.0
"""Models as others published them: MLPerf Tiny's int8 references and TFLM's examples, every layer against LiteRT.

They lie in the folder that TINYTL_DATA_DIR names (`models/mlperf_tiny`, `models/tflm`); without it these tests are
skipped.
"""

from pathlib import Path

import numpy as np
import pytest
from parity import assert_layers_equal, assert_outputs_equal, samples_for

from published import published_file
from thinning import thinned
from tinytl.compiler import compile_tflite
from tinytl.compiler.compile import compile_program
from tinytl.errors import CompileError
from tinytl.tflite.interpreter import Interpreter
from tinytl.tflite.litert_compatibility import readable_by_litert
from tinytl_bridge.twin import TwinModel

MODELS = {
    "mlperf_tiny/ad01_int8.tflite": 264_192,
    "mlperf_tiny/kws_ref_model.tflite": 2_656_768,
    "mlperf_tiny/pretrainedResnet_quant.tflite": 12_501_632,
    "mlperf_tiny/vww_96_int8.tflite": 7_489_664,
    "tflm/micro_speech_quantized.tflite": 336_000,
    "tflm/person_detect.tflite": 7_157_888,
}
"""File → multiply-accumulates."""

FLOAT_MODELS = (
    "mlperf_tiny/ad01_fp32.tflite",
    "mlperf_tiny/kws_ref_model_float32.tflite",
    "mlperf_tiny/vww_96_float.tflite",
)


def published(name: str) -> bytes:
    return published_file(name).read_bytes()


@pytest.mark.parametrize("name", sorted(MODELS))
def test_every_layer_equals_litert(name: str) -> None:
    tflite = published(name)
    program = compile_program(tflite, fold=False)
    assert sum(operator.macs for operator in program.operators) == MODELS[name]
    readable = readable_by_litert(tflite)
    assert assert_layers_equal(readable, samples_for(readable, 3)) == 3 * len(program.operators)
    assert compile_tflite(readable).data == compile_tflite(tflite).data


@pytest.mark.parametrize("optimize", thinned(["speed", "size", "balanced"], every=3))
@pytest.mark.parametrize("name", sorted(MODELS))
@pytest.mark.parametrize("family", ["dsp", "mve"])
def test_every_layer_of_a_family_equals_litert(family: str, name: str, optimize: str) -> None:
    readable = readable_by_litert(published(name))
    assert_layers_equal(readable, samples_for(readable, 3), family=family, optimize=optimize)


@pytest.mark.long
@pytest.mark.parametrize("family", ["portable", "dsp", "mve"])
@pytest.mark.parametrize("name", sorted(MODELS))
def test_outputs_over_fifty_inputs(name: str, family: str) -> None:
    readable = readable_by_litert(published(name))
    assert_outputs_equal(readable, samples_for(readable, 50, seed=3), family=family)


def test_pruned_channels_are_folded_away() -> None:
    """The published VWW model has 971 output channels without a weight; what they add is in biases afterwards."""
    tflite = published("mlperf_tiny/vww_96_int8.tflite")
    assert sum(operator.macs for operator in compile_program(tflite).operators) == 3_766_476
    assert_outputs_equal(tflite, samples_for(tflite, 8))


ARENAS = {
    "mlperf_tiny/pretrainedResnet_quant.tflite": 54_996,
    "mlperf_tiny/kws_ref_model.tflite": 22_820,
    "mlperf_tiny/vww_96_int8.tflite": 100_708,
    "mlperf_tiny/ad01_int8.tflite": 2_580,
    "tflm/person_detect.tflite": 82_308,
}
"""File → arena that TFLM with CMSIS-NN asks for, in bytes."""


@pytest.mark.parametrize("name", sorted(ARENAS))
@pytest.mark.parametrize("family", thinned(["dsp", "mve"], every=2))
def test_arenas_are_no_larger_than_tflms(family: str, name: str) -> None:
    tflite = published(name)
    assert compile_tflite(tflite, family=family, optimize="size").arena_bytes <= ARENAS[name]
    assert compile_tflite(tflite, family=family, optimize="speed").arena_bytes <= 1.15 * ARENAS[name]


IN_STRIPS = {
    "mlperf_tiny/pretrainedResnet_quant.tflite": 30_000,
    "mlperf_tiny/vww_96_int8.tflite": 30_000,
    "mlperf_tiny/kws_ref_model.tflite": 14_000,
    "tflm/person_detect.tflite": 25_000,
}
"""File → RAM in which whole tensors do not fit, in bytes."""


@pytest.mark.parametrize("family", ["portable", pytest.param("dsp", marks=pytest.mark.long)])
@pytest.mark.parametrize("name", sorted(IN_STRIPS))
def test_models_run_in_less_than_whole_tensors_need(name: str, family: str) -> None:
    readable, limit = readable_by_litert(published(name)), IN_STRIPS[name]
    assert compile_tflite(readable, family="portable").arena_bytes > limit
    image = compile_tflite(readable, family=family, ram_bytes=limit)
    assert image.arena_bytes <= limit
    oracle, twin = Interpreter(readable), TwinModel(image.data)
    samples = samples_for(readable, 5)
    for sample, expected in zip(samples, oracle.run(samples)[0], strict=True):
        np.testing.assert_array_equal(twin.invoke(sample[None])[0].reshape(-1), expected.reshape(-1))


@pytest.mark.parametrize("name", FLOAT_MODELS)
def test_float_models_are_refused_with_the_way_out(name: str) -> None:
    with pytest.raises(
        CompileError,
        match=r"^operator 0, \w+ version \d \(output '.*'\): input 0 is float32; expected int8\nhint: quantize",
    ):
        compile_tflite(published(name))


def test_arenas_stay_small() -> None:
    """Activations of the published models, in bytes: a worse plan is a regression."""
    most = {"kws_ref_model": 16_000, "pretrainedResnet_quant": 33_792, "vww_96_int8": 37_632, "ad01_int8": 768, "person_detect": 37_632}
    for name in MODELS:
        limit = most.get(Path(name).stem)
        if limit is not None:
            assert compile_tflite(published(name)).arena_bytes <= limit, name
