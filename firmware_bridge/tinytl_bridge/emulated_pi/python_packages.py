# SPDX-License-Identifier: Apache-2.0
"""Python packages for a Pi, put into a folder by this machine's pip and compiled ahead: nothing of them runs.

In: wheels or requirements. Out: a folder for PYTHONPATH. Emulated, compiling takes longer than all the rest of a start.
"""

import os
import sys
import zipfile
from importlib.util import find_spec
from pathlib import Path
from shutil import rmtree

from tinytl.errors import BuildError
from tinytl_bridge.emulated_pi.debian import PYTHON
from tinytl_bridge.emulated_pi.programs import run_program

PLATFORMS = (*tuple(f"manylinux_2_{minor}_aarch64" for minor in (36, 34, 31, 28, 27, 17)), "manylinux2014_aarch64", "linux_aarch64")
"""Debian 12 has glibc 2.36. pip takes only the tags that it is given."""
_NEEDED_BELOW_312 = ("typing-extensions", "backports-strenum")
"""pip asks whether these are needed for the Python that runs it, not for the Pi's."""
_OWN = "tinytl*"


def requirements_of(wheel: Path) -> list[str]:
    """Return what a wheel of tinytl requires with the extra `pi`, as its METADATA has it; the key of a userland takes them.

    Raises:
        BuildError: it is no wheel.
    """
    try:
        with zipfile.ZipFile(wheel) as archive:
            (name,) = (name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
            lines = archive.read(name).decode("utf-8").partition("\n\n")[0].splitlines()
    except (OSError, ValueError, zipfile.BadZipFile) as error:
        raise BuildError(f"{wheel} cannot be read as a wheel: {error}", hint="make wheels builds one") from error
    required = [line.partition(": ")[2] for line in lines if line.startswith("Requires-Dist: ")]
    return [text for text in required if "extra ==" not in text or "pi" in text.rpartition("extra ==")[2]]


def install_required(wheel: Path, folder: Path) -> None:
    """Put everything that `tinytl[pi]` requires into a folder, tinytl itself left out.

    Args:
        wheel: of tinytl, for aarch64. folder: made here.

    Raises:
        BuildError: there is no pip, or a package cannot be had; in pip's words.
    """
    if find_spec("pip") is None:
        raise BuildError(f"{sys.executable} has no pip, which fetches the Python packages of an emulated Pi", hint="python -m ensurepip")
    platforms = [word for platform in PLATFORMS for word in ("--platform", platform)]
    command: list[str | Path] = [
        sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-compile", "--target", folder, *platforms,
        "--python-version", PYTHON, "--implementation", "cp", "--abi", "cp311", "--abi", "abi3", "--abi", "none", "--only-binary=:all:",
        f"{wheel}[pi]", *_NEEDED_BELOW_312,
    ]  # fmt: skip
    run_program("fetching the Pi's Python packages", command, hint="is the network there? pip download numpy must work on this machine")
    for own in folder.glob(_OWN):
        rmtree(own)


def unpack_wheel(wheel: Path, folder: Path) -> None:
    """Unpack a wheel into a folder; pip needs no more than that of a wheel without scripts."""
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder)


def compile_ahead(folder: Path, *, told_as: Path) -> bool:
    """Compile a folder's Python files with this machine's Python, if it writes what the Pi's reads.

    Args:
        folder: of Python files. told_as: where they will lie, for tracebacks.

    Returns:
        False: this machine has another Python; the first start compiles then.
    """
    if f"{sys.version_info.major}.{sys.version_info.minor}" != PYTHON:
        return False
    # Some packages carry files of other Pythons: that one of them does not compile is no failure.
    command: list[str | Path] = [
        sys.executable, "-m", "compileall", "-qq", "-j", str(min(os.cpu_count() or 1, 4)), "-x", r"/(tests?|lib2to3|idlelib)/",
        "--invalidation-mode", "unchecked-hash", "-s", folder, "-p", told_as, folder,
    ]  # fmt: skip
    try:
        run_program("compiling the Pi's Python files", command, hint="")
    except BuildError:
        return True
    return True
