# SPDX-License-Identifier: Apache-2.0
"""Pillow is imported where pictures are, and its absence is told with the way out."""

import subprocess
import sys

import numpy as np
import pytest

from tinytl.data import fit_samples
from tinytl.errors import DataError


def test_importing_tinytl_imports_no_pillow() -> None:
    code = "import sys, tinytl, tinytl.data, tinytl.report, tinytl_bridge, tinytl_cli; print(sorted(n for n in sys.modules if n == 'PIL' or n == 'msgspec'))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


@pytest.mark.parametrize(("machine", "hint"), [("armv7l", "sudo apt install python3-pil, and"), ("x86_64", "pip install pillow")])
def test_a_resize_without_pillow_is_refused(monkeypatch: pytest.MonkeyPatch, machine: str, hint: str) -> None:
    monkeypatch.setitem(sys.modules, "PIL.Image", None)
    monkeypatch.setattr("platform.machine", lambda: machine)
    x = np.zeros((1, 8, 8, 1), np.uint8)
    with pytest.raises(
        DataError, match=f"pictures need Pillow, which cannot be imported here: .*; expected the package pillow\nhint: {hint}"
    ):
        fit_samples(x, shape=(4, 4, 1), value_range=(0.0, 1.0))
    assert fit_samples(x, shape=(8, 8, 1), value_range=(0.0, 1.0)).shape == (1, 8, 8, 1), "samples of the model's own size need no Pillow"
