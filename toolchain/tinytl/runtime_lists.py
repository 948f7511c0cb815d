# SPDX-License-Identifier: Apache-2.0
"""The lists that the C runtime and Python share: X-macro files (`.def`) of the runtime, read where they stand.

In: a list's path below `runtime/`. Out: its text, or its rows. A list is C's own source, so it cannot disagree with what a device does;
here it is read as data. In a checkout the runtime lies in `firmware_bridge/`, in a wheel inside `tinytl_bridge`, which the same
distribution installs.
"""

import re
from functools import cache
from pathlib import Path

from tinytl import install_hint
from tinytl.errors import BuildError

_PACKAGE = Path(__file__).resolve().parent
_RUNTIMES = (_PACKAGE.parents[1] / "firmware_bridge/runtime", _PACKAGE.parent / "tinytl_bridge/runtime")
_COMMENT = re.compile(r"/\*.*?\*/", re.DOTALL)
_ROW = re.compile(r"^(\w+)\((.*)\)\s*$", re.MULTILINE)
_ARGUMENT = re.compile(r'"((?:[^"\\]|\\.)*)"|([^,\s][^,]*)')


def runtime_dir() -> Path:
    """Return the folder of the C runtime.

    Raises:
        BuildError: it is in neither place.
    """
    for folder in _RUNTIMES:
        if folder.is_dir():
            return folder
    raise BuildError(f"the folder of the C runtime was not found (looked at {', '.join(map(str, _RUNTIMES))})", hint=install_hint.again())


@cache
def runtime_list(path: str) -> str:
    """Return the text of one list.

    Args:
        path: below the runtime's folder, such as "kernels/operators.def".

    Raises:
        BuildError: the runtime has none, or is not there itself.
    """
    place = runtime_dir() / path
    if not place.is_file():
        raise BuildError(f"the runtime's list {path!r} was not found (looked at {place})", hint=install_hint.again())
    return place.read_text(encoding="utf-8")


@cache
def rows(path: str) -> tuple[tuple[str, ...], ...]:
    """Return the rows `MACRO(argument, …)` of a list, one a line.

    Args:
        path: below the runtime's folder, such as "learn/settings.def".

    Returns:
        (macro, argument, …) of each row, in order, as texts; quoted ones without their quotes.

    Raises:
        BuildError: this installation has no such list.
    """
    matches = _ROW.findall(_COMMENT.sub("", runtime_list(path)))
    return tuple((macro, *(quoted or plain.strip() for quoted, plain in _ARGUMENT.findall(arguments))) for macro, arguments in matches)


@cache
def limit(name: str) -> int:
    """Return a limit of what an image's head or a saved head may hold, from "include/tinytl_limits.def".

    Args:
        name: such as "MAX_CLASSES".

    Raises:
        BuildError: this installation has no such list.
    """
    return {row[1]: int(row[2]) for row in rows("include/tinytl_limits.def")}[name]
