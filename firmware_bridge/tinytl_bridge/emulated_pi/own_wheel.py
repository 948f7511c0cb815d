# SPDX-License-Identifier: Apache-2.0
"""The wheel of tinytl for an emulated Pi: named, built from this checkout, or fetched as this tinytl's version.

In: nothing. Out: a wheel for aarch64. A checkout's wheel is built once for every content of its sources, as `make wheels` does it.
"""

import os
import sys
from importlib.metadata import version
from pathlib import Path

from tinytl.errors import BuildError
from tinytl.progress import Progress
from tinytl_bridge.emulated_pi.cache import cache_folder, key_of, made_once
from tinytl_bridge.emulated_pi.programs import find_program, run_program
from tinytl_bridge.emulated_pi.python_packages import PLATFORMS

NAMED = "TINYTL_PI_WHEEL"
_PROCESSOR = "aarch64"
_STAGE = "setting up an emulated Pi: wheel of tinytl"
_BUILT_FROM = (
    "pyproject.toml", "CMakeLists.txt", "README.md", "firmware_bridge", "toolchain/tinytl", "models/tinytl_models",
    "benchmarks/tinytl_bench", "command_line/tinytl_cli",
)  # fmt: skip
_TAKES_NO_PART = {".pyc", ".so", ".o"}


def own_wheel(progress: Progress) -> Path:
    """Return a wheel of tinytl for aarch64: TINYTL_PI_WHEEL if set, this checkout's, or this version's from the package index.

    Args:
        progress: of building.

    Raises:
        BuildError: the named one is missing, there is no cross compiler, or the index has none.
    """
    if named := os.environ.get(NAMED):
        if not Path(named).is_file():
            raise BuildError(f"{NAMED}={named} is no file", expected="a wheel of tinytl for aarch64", hint="make wheels builds one")
        return Path(named).resolve()
    checkout = Path(__file__).resolve().parents[3]
    builder = checkout / "firmware_bridge/linux/make_wheels.py"
    if builder.exists():
        folder = cache_folder() / "wheels" / source_key(checkout)
        return _only_wheel(made_once(folder, lambda part: _build(builder, part, progress)))
    folder = cache_folder() / "wheels" / f"index-{version('tinytl')}"
    return _only_wheel(made_once(folder, _fetch))


def source_key(checkout: Path) -> str:
    """Return the key of everything that a checkout's wheel is made of: names and contents of its files.

    Args:
        checkout: folder of pyproject.toml.
    """
    parts: list[str | bytes] = []
    for name in _BUILT_FROM:
        top = checkout / name
        for path in sorted(top.rglob("*")) if top.is_dir() else [top]:
            if path.is_file() and path.suffix not in _TAKES_NO_PART:
                parts += [str(path.relative_to(checkout)), path.read_bytes()]
    return key_of(parts)


def _only_wheel(folder: Path) -> Path:
    (wheel,) = folder.glob("*.whl")
    return wheel


def _build(builder: Path, folder: Path, progress: Progress) -> None:
    """Run the builder of `make wheels` for a Pi alone, with tools of its own."""
    find_program("aarch64-linux-gnu-gcc", "compiles the runtime of")
    progress(_STAGE, 0, 2)
    key = key_of([builder.with_name("requirements.txt").read_bytes(), sys.version])
    tools = made_once(cache_folder() / "tools" / key, lambda part: _fill_tools(part, builder))
    progress(_STAGE, 1, 2)
    command: list[str | Path] = [tools / "bin/python", builder, _PROCESSOR, "--out", folder]
    run_program("building tinytl for a Pi", command, hint=f"make wheels tells more; {NAMED}=FILE names a wheel")
    progress(_STAGE, 2, 2)


def _fill_tools(folder: Path, builder: Path) -> None:
    """Make the virtual environment that `make wheels` has in build/wheel-tools."""
    run_program("making a virtual environment", [sys.executable, "-m", "venv", folder], hint="sudo apt-get install -y python3-venv")
    _pip(folder / "bin/python", "install", "-r", builder.with_name("requirements.txt"))


def _fetch(folder: Path) -> None:
    platforms = [word for platform in PLATFORMS for word in ("--platform", platform)]
    _pip(sys.executable, "download", "--no-deps", "--only-binary=:all:", *platforms, "--dest", folder, f"tinytl=={version('tinytl')}")


def _pip(python: str | Path, command: str, *arguments: str | Path) -> None:
    words: list[str | Path] = [python, "-m", "pip", command, "--quiet", "--disable-pip-version-check", *arguments]
    run_program(
        f"pip {command} for the wheel of an emulated Pi", words, hint=f"is the network there? {NAMED}=FILE names a wheel that is here"
    )
