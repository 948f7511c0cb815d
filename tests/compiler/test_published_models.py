# SPDX-License-Identifier: Apache-2.0
"""Models as others published them: MLPerf Tiny's int8 references and TFLM's examples, every layer against LiteRT.

They lie in the folder that TINYTL_DATA_DIR names (`models/mlperf_tiny`, `models/tflm`); without it these tests are
skipped.
"""

import os
from pathlib import Path

import pytest
from parity import assert_layers_equal, samples_for

from tinytl.compiler import compile_tflite
from tinytl.errors import CompileError
from tinytl.litert_quirks import readable_by_litert

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
    folder = os.environ.get("TINYTL_DATA_DIR")
    if not folder:
        pytest.skip("TINYTL_DATA_DIR is not set: no published models")
    path = Path(folder) / "models" / name
    if not path.exists():
        pytest.skip(f"{path} does not exist")
    return path.read_bytes()


@pytest.mark.parametrize("name", sorted(MODELS))
def test_every_layer_equals_litert(name: str) -> None:
    tflite = published(name)
    image = compile_tflite(tflite)
    assert sum(operator.macs for operator in image.operators) == MODELS[name]
    readable = readable_by_litert(tflite)
    assert assert_layers_equal(readable, samples_for(readable, 3)) == 3 * len(image.operators)
    assert compile_tflite(readable).data == image.data


@pytest.mark.parametrize("name", FLOAT_MODELS)
def test_float_models_are_refused_with_the_way_out(name: str) -> None:
    with pytest.raises(
        CompileError,
        match=r"^operator 0, \w+ version \d \(output '.*'\): input 0 is float32; expected int8\nhint: quantize",
    ):
        compile_tflite(published(name))


def test_arenas_stay_small() -> None:
    """Activations of the published models, in bytes: a worse plan is a regression."""
    most = {"kws_ref_model": 16_000, "pretrainedResnet_quant": 49_152, "vww_96_int8": 55_296, "ad01_int8": 768}
    for name in MODELS:
        limit = most.get(Path(name).stem)
        if limit is not None:
            assert compile_tflite(published(name)).arena_bytes <= limit, name
