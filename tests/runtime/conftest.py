# SPDX-License-Identifier: Apache-2.0
"""The runtime's tests write models and images with what the compiler's and the learner's tests have for that."""

import sys
from pathlib import Path

for _folder in ("compiler", "learn"):
    sys.path.append(str(Path(__file__).resolve().parents[1] / _folder))
