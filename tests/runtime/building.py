# SPDX-License-Identifier: Apache-2.0
"""Compiles the runtime for tests: with sanitizers around a harness, or into a small library around wrappers."""

import shutil
import subprocess
from pathlib import Path

import pytest

from tinytl_bridge.paths import runtime_dir

HARNESS = Path(__file__).parent / "harness"
STRICT = ("-std=c99", "-Wall", "-Wextra", "-Wconversion", "-Wshadow", "-pedantic", "-Werror")
SANITIZERS = ("-fsanitize=address,undefined,float-cast-overflow", "-fno-sanitize-recover=all")


FAMILIES = tuple(f"kernels/{family}{part}" for family in ("dsp", "mve") for part in ("", "/plain"))
"""Every family's kernels as the host runs them."""


LEARNER = ("learn", "learn/arithmetic", "learn/check", "learn/int8", "learn/layers")
"""The learner's folders."""


def compiler(name: str) -> str:
    """Return the path of a C compiler; skip the test where it is not installed."""
    found = shutil.which(name)
    if found is None:
        pytest.skip(f"{name} is not installed")
    return found


def sources(*folders: str) -> list[Path]:
    """Return the C files of folders of the runtime, but for what makes a runtime one of a single family."""
    files = [path for folder in folders for path in sorted((runtime_dir() / folder).glob("*.c"))]
    return [path for path in files if path.name != "family.c"]


def compile_c(output: Path, files: list[Path], *flags: str, name: str = "gcc") -> Path:
    """Compile and link; fail with the compiler's words."""
    root = runtime_dir()
    command = [compiler(name), *flags, "-ffp-contract=off", f"-I{root}", f"-I{root}/include", *map(str, files), "-lm", "-o", str(output)]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    return output
