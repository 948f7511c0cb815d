# SPDX-License-Identifier: Apache-2.0
"""The examples of SPEC.md hold a small .tflite, written with what the compiler's tests have for that."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[1] / "compiler"))
