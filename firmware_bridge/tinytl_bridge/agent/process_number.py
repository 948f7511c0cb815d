# SPDX-License-Identifier: Apache-2.0
"""Which process the agent of a folder is, so that another command can speak to it.

In: the agent's folder. Out: a number, as long as that process runs.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tinytl.errors import DeviceError
from tinytl.files import write_whole

NAME = "agent.pid"


@contextmanager
def told_process(folder: Path) -> Iterator[None]:
    """Tell this process's number in the agent's folder as long as the block runs."""
    path = folder / NAME
    write_whole(path, f"{os.getpid()}\n".encode())
    try:
        yield
    finally:
        path.unlink(missing_ok=True)


def running_process(folder: Path) -> int:
    """Return the number of the agent's process.

    Raises:
        DeviceError: no agent runs on this folder.
    """
    try:
        number = int((folder / NAME).read_text())
        command = Path(f"/proc/{number}/cmdline").read_bytes().split(b"\0")
    except (OSError, ValueError):
        number, command = 0, []
    if b"agent" not in command or not any(b"tinytl" in word for word in command):  # another program may have the number by now
        raise DeviceError(f"no agent runs on {folder}", expected="one that was started with this --state", hint="tinytl agent")
    return number
