# SPDX-License-Identifier: Apache-2.0
"""The tests that lean on TensorFlow's kernels hold whichever kernels it takes: with oneDNN, without it, and for an old processor.

TensorFlow decides by the processor, so that a test could pass on one machine and fail on the next.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.long
TESTS = Path(__file__).parents[1]
TRAINS = ("learn/test_graph_in_keras.py", "learn/test_training_parity.py", "training/test_keras_graph.py")
"""Compare what TensorFlow computes; the shortened run."""
CONVERTS = (
    "training/test_pretraining.py", "cutting/test_cutting.py", "cutting/test_cut_convolutions.py", "cutting/test_channel_plans.py",
    "exporting/test_exporting.py", "exporting/test_quantizing.py", "exporting/test_tflite_export.py", "tflite_files/test_interpreter.py",
    "compiler/operators/test_keras_operators.py", "compiler/operators/test_keras_networks.py", "device/test_zoo_parity.py",
)  # fmt: skip
KERNELS = {
    "without oneDNN": {"TF_ENABLE_ONEDNN_OPTS": "0"},
    "with oneDNN": {"TF_ENABLE_ONEDNN_OPTS": "1"},
    "with oneDNN for SSE 4.1": {"TF_ENABLE_ONEDNN_OPTS": "1", "ONEDNN_MAX_CPU_ISA": "SSE41"},
}


@pytest.mark.parametrize("kernels", KERNELS)
def test_everyday_tests_hold_with_other_kernels_of_tensorflow(kernels: str) -> None:
    pytest.importorskip("tensorflow", reason="needs tinytl[host]")
    files = TRAINS if os.environ.get("TINYTL_SHORT") else TRAINS + CONVERTS
    command = [sys.executable, "-m", "pytest", "-p", "no:xdist", "-m", "not long", "-x", *(str(TESTS / file) for file in files)]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")} | KERNELS[kernels]
    result = subprocess.run(command, env=environment, cwd=TESTS.parent, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout[-4000:] + result.stderr[-1000:]
