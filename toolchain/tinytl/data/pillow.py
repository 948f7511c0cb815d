# SPDX-License-Identifier: Apache-2.0
"""Pillow, imported where pictures are read, resized or drawn and nowhere else: there are systems without a wheel of it.

In: the name of one of its modules. Out: the module, or a refusal that says how to get it.
"""

import platform
from importlib import import_module
from typing import Any

from tinytl.errors import DataError

_DEBIAN = "sudo apt install python3-pil, and a virtual environment made with --system-site-packages: 32-bit Arm has no wheel of Pillow"


def pillow(module: str = "Image") -> Any:
    """Import one module of Pillow.

    Args:
        module: e.g. "Image" or "ImageDraw".

    Raises:
        DataError: Pillow is not installed, or cannot be loaded here.
    """
    try:
        return import_module(f"PIL.{module}")
    except ImportError as error:
        hint = _DEBIAN if platform.machine().startswith("armv") else "pip install pillow"
        raise DataError(
            f"pictures need Pillow, which cannot be imported here: {error}", expected="the package pillow", hint=hint
        ) from error
