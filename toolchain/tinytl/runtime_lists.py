# SPDX-License-Identifier: Apache-2.0
"""The lists (.def) that the C runtime and this package share, read where they lie: one list, two readers.

In: a list's path below the runtime's folder. Out: its text. In a checkout the runtime lies beside the toolchain, in a wheel
inside tinytl_bridge, which the same distribution installs.
"""

from functools import cache
from pathlib import Path

from tinytl import install_hint
from tinytl.errors import BuildError

_PACKAGE = Path(__file__).resolve().parent
_RUNTIMES = (_PACKAGE.parents[1] / "firmware_bridge/runtime", _PACKAGE.parent / "tinytl_bridge/runtime")


@cache
def runtime_list(path: str) -> str:
    """Return the text of one list.

    Args:
        path: below the runtime's folder, such as "kernels/operators.def".

    Raises:
        BuildError: it is in neither place.
    """
    places = [runtime / path for runtime in _RUNTIMES]
    for place in places:
        if place.is_file():
            return place.read_text(encoding="utf-8")
    raise BuildError(f"the runtime's list {path} was not found (looked at {', '.join(map(str, places))})", hint=install_hint.again())
