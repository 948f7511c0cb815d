# SPDX-License-Identifier: Apache-2.0
"""The published models on emulated boards, with the kernels of each board: byte for byte what LiteRT's reference kernels answer."""

import os
import shutil

import numpy as np
import pytest
from parity import samples_for

from published import published_file
from tinytl.model_file import read_model
from tinytl.tflite.interpreter import Interpreter
from tinytl.tflite.litert_compatibility import readable_by_litert
from tinytl_bridge.running import run_model

MODELS = (
    *("mlperf_tiny/ad01_int8", "mlperf_tiny/kws_ref_model", "mlperf_tiny/pretrainedResnet_quant", "mlperf_tiny/vww_96_int8"),
    *("tflm/micro_speech_quantized", "tflm/person_detect"),
)
BOARDS = ("qemu:mps2-an386-large", "qemu:mps3-an547")
COUNT = 8 if os.environ.get("TINYTL_SHORT") else 50


@pytest.mark.long
@pytest.mark.skipif(
    not (shutil.which("qemu-system-arm") and shutil.which("arm-none-eabi-gcc")), reason="needs qemu-system-arm and arm-none-eabi-gcc"
)
@pytest.mark.parametrize("target", BOARDS)
@pytest.mark.parametrize("optimize", ["speed", "size"])
@pytest.mark.parametrize("name", MODELS)
def test_outputs_over_fifty_inputs(name: str, optimize: str, target: str) -> None:
    path = published_file(f"{name}.tflite")
    oracle = Interpreter(readable_by_litert(path.read_bytes()))
    samples = samples_for(readable_by_litert(path.read_bytes()), COUNT, seed=11)
    ran = run_model(read_model(path), {oracle.input.name: samples}, target=target, optimize=optimize)
    (answers,) = ran.answers.values()
    np.testing.assert_array_equal(answers.reshape(COUNT, -1), oracle.run(samples)[0].reshape(COUNT, -1))
