# SPDX-License-Identifier: Apache-2.0
"""The libraries' tests write models, build and emulate with what the compiler's, the runtime's and the command line's tests have."""

import sys
from pathlib import Path

for _folder in ("compiler", "runtime"):
    sys.path.append(str(Path(__file__).resolve().parents[1] / _folder))
