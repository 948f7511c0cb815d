# SPDX-License-Identifier: Apache-2.0
"""Small files of a Linux machine, under a folder that stands for `/`, and the answers of its programs. What cannot be had is None."""

import os
import shutil
import subprocess
from pathlib import Path

ROOT = Path("/")
MOST_BYTES = 1 << 20
"""Read of one file: none here is longer, and a file that never ends must not fill memory."""
_SECONDS = 5.0
_BIN = ("usr/bin", "bin", "opt/vc/bin")


def text_of(root: Path, path: str) -> str | None:
    """Read a small file.

    Args:
        root: folder that stands for `/`.
        path: of the file below it, e.g. `proc/cpuinfo`.

    Returns:
        Its text without NUL bytes and without blanks at the ends, bytes that are no UTF-8 replaced; None where it cannot be read or is
        empty.
    """
    try:
        with (root / path).open("rb") as file:
            data = file.read(MOST_BYTES)
    except OSError:
        return None
    return data.replace(b"\0", b"").decode("utf-8", "replace").strip() or None


def number_of(root: Path, path: str) -> float | None:
    """Read a file that holds one decimal whole number.

    Args:
        root: folder that stands for `/`.
        path: of the file below it.

    Returns:
        The number, in the unit of the file; None where there is none.
    """
    text = text_of(root, path)
    try:
        return float(int(text)) if text is not None else None
    except ValueError:
        return None


def fields_of(text: str) -> dict[str, str]:
    """Read lines `name : value`, as `/proc/cpuinfo` and `/proc/self/status` write them; of equal names the first counts.

    Args:
        text: of the file.

    Returns:
        Values by name, both without blanks at the ends.
    """
    fields: dict[str, str] = {}
    for line in text.splitlines():
        name, colon, value = line.partition(":")
        if colon:
            fields.setdefault(name.strip(), value.strip())
    return fields


def program_answer(root: Path, name: str, *arguments: str) -> tuple[str | None, str]:
    """Run a program of the machine and take what it prints.

    Below another root than `/` only a program that lies in that folder runs, so that a recorded tree never answers for this machine.

    Args:
        root: folder that stands for `/`.
        name: of the program, e.g. `vcgencmd`; of `/` it is searched on PATH.
        arguments: of its command line.

    Returns:
        What it printed and an empty text; or None and why there is no answer, in words.
    """
    path = shutil.which(name) if root == ROOT else shutil.which(name, path=os.pathsep.join(str(root / folder) for folder in _BIN))
    if path is None:
        return None, f"there is no program {name}"
    command = " ".join((name, *arguments))
    try:
        ran = subprocess.run([path, *arguments], capture_output=True, timeout=_SECONDS, check=False, stdin=subprocess.DEVNULL)
    except subprocess.TimeoutExpired:
        return None, f"`{command}` did not answer in {_SECONDS:g} s"
    except OSError as error:
        return None, f"`{command}` does not run: {error.strerror}"
    output = ran.stdout.decode("utf-8", "replace").strip()
    if ran.returncode != 0 or not output or output.startswith("error="):
        said = (output or ran.stderr.decode("utf-8", "replace").strip() or "nothing").splitlines()[0][:80]
        return None, f"`{command}` said {said!r} and ended with {ran.returncode}"
    return output, ""
