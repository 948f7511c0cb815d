# SPDX-License-Identifier: Apache-2.0
"""Where the C parts are: the twin's shared library, the runtime's sources, the boards.

In a wheel they lie inside this package; in a checkout (editable install) the sources lie beside it and the library where
the build put it. Nothing is built here.
"""

import os
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from tinytl import install_hint
from tinytl.errors import BuildError
from tinytl.runtime_lists import runtime_dir as runtime_dir

_HERE = Path(__file__).resolve().parent
_LIBRARY = "libtinytl_twin.so"


def _installed() -> Path | None:
    try:
        return Path(str(distribution("tinytl").locate_file("tinytl_bridge")))
    except PackageNotFoundError:
        return None


def _existing(candidates: list[Path | None], what: str, hint: str) -> Path:
    for candidate in candidates:
        if candidate is not None and candidate.exists():
            return candidate
    tried = ", ".join(str(candidate) for candidate in candidates if candidate is not None)
    raise BuildError(f"{what} was not found (looked at {tried})", hint=hint)


def twin_library() -> Path:
    """Return the twin's shared library; `TINYTL_TWIN_LIBRARY` names another one (sanitizer builds, tests).

    Raises:
        BuildError: there is none, with the command that builds it.
    """
    override = os.environ.get("TINYTL_TWIN_LIBRARY")
    if override:
        return _existing([Path(override)], "the twin library named by TINYTL_TWIN_LIBRARY", "unset it to use the installed one")
    installed = _installed()
    candidates = [installed / _LIBRARY if installed else None, _HERE / _LIBRARY, _HERE.parents[1] / "build/host" / _LIBRARY]
    return _existing(candidates, "the twin library", f"{install_hint.again()} (needs a C compiler), or: make setup")


def boards_dir() -> Path:
    """Return the folder with one sub-folder a board; it lies beside the runtime's.

    Raises:
        BuildError: this installation has none.
    """
    return _existing([runtime_dir().parent / "boards"], "the folder of the boards", install_hint.again())
