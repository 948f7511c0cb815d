# SPDX-License-Identifier: Apache-2.0
"""Code of the published models' libraries for the emulated Cortex-M4F, as arm-none-eabi-size sees it at -O2, without the image.

They lie in the folder that TINYTL_DATA_DIR names; without it these tests are skipped.
"""

import shutil
from pathlib import Path

import pytest

from published import published_file
from tinytl.model_file import read_model
from tinytl_bridge.firmware.compile_options import options_for_target
from tinytl_bridge.library.library import build_library

pytestmark = pytest.mark.long

LIMITS = {
    "mlperf_tiny/pretrainedResnet_quant.tflite": 20 * 1024,
    "mlperf_tiny/kws_ref_model.tflite": 12 * 1024,
    "mlperf_tiny/vww_96_int8.tflite": 12 * 1024,
    "mlperf_tiny/ad01_int8.tflite": 12 * 1024,
    "tflm/person_detect.tflite": 12 * 1024,
}
TARGET = "qemu:mps2-an386-large"


@pytest.mark.parametrize("optimize", ["speed", pytest.param("size", marks=pytest.mark.long)])
@pytest.mark.parametrize("name", sorted(LIMITS))
def test_code_keeps_within_its_limit(name: str, optimize: str, tmp_path: Path) -> None:
    if shutil.which("arm-none-eabi-gcc") is None:
        pytest.skip("needs arm-none-eabi-gcc")
    model, options = read_model(published_file(name)), options_for_target(TARGET, optimize=optimize)
    library = build_library(model, options, tmp_path / "library", target=TARGET)
    assert library.code_bytes is not None and library.code_bytes <= LIMITS[name]
    assert f"{library.code_bytes:,} bytes" in (library.folder / "README.txt").read_text()
