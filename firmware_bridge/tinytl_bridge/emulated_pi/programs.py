# SPDX-License-Identifier: Apache-2.0
"""The programs that an emulated Pi is made with: where they are, and what they say when they fail.

In: a program's name and arguments. Out: its output. A missing one is told with the command that installs it.
"""

import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from tinytl.errors import BuildError

EMULATOR = "qemu-aarch64"
PACKAGES = {EMULATOR: "qemu-user", "aarch64-linux-gnu-gcc": "gcc-aarch64-linux-gnu libc6-dev-arm64-cross"}
"""Program → Debian's packages that hold it."""
_NO_APT = "a system with apt is needed: Debian, Ubuntu, or a container of Debian 12 (docker run -it debian:12)"
_TOLD_LINES = 6


def find_program(name: str, purpose: str) -> str:
    """Return the path of a program.

    Args:
        name: of the program. purpose: what it does for an emulated Pi, as a verb with its object.

    Raises:
        BuildError: it is not in the PATH.
    """
    path = shutil.which(name)
    if path is None:
        raise BuildError(
            f"{name}, which {purpose} an emulated Pi, was not found", expected=f"{name} in the PATH",
            hint=f"sudo apt-get install -y {PACKAGES[name]}" if name in PACKAGES else _NO_APT,
        )  # fmt: skip
    return path


def run_program(what: str, command: Sequence[str | Path], *, hint: str, environment: Mapping[str, str] | None = None) -> str:
    """Run a program to its end.

    Args:
        what: it was doing, for the error: «fetching …». command: program and arguments. hint: what helps when it fails.
        environment: variables beside this process's own.

    Returns:
        what it wrote to its standard output.

    Raises:
        BuildError: it cannot be started, or failed; with its last lines.
    """
    values = {**os.environ, **(environment or {})}
    try:
        ran = subprocess.run([str(word) for word in command], stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace",
                             env=values, check=False)  # fmt: skip
    except OSError as error:
        raise BuildError(f"{what} failed: {error}", hint=hint) from error
    if ran.returncode:
        said = (ran.stderr.strip() or ran.stdout.strip()).splitlines()[-_TOLD_LINES:]
        raise BuildError(f"{what} failed (exit code {ran.returncode}):\n" + "\n".join(said), hint=hint)
    return ran.stdout
