# SPDX-License-Identifier: Apache-2.0
"""Models as others published them, in the folder that TINYTL_DATA_DIR names; tests that need them skip elsewhere."""

import os
from pathlib import Path

import pytest


def published_file(name: str) -> Path:
    """Return the path of a model. name: below the folder `models`, e.g. tflm/person_detect.tflite."""
    folder = os.environ.get("TINYTL_DATA_DIR")
    if not folder:
        pytest.skip("TINYTL_DATA_DIR is not set: no published models")
    path = Path(folder) / "models" / name
    if not path.exists():
        pytest.skip(f"{path} does not exist")
    return path
