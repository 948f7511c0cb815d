# SPDX-License-Identifier: Apache-2.0
"""What an agent prints when it starts: where it listens, and what to type on the other machine. The first line is for programs too."""

import socket
import sys

from tinytl_bridge.agent.serving.doorman import Doorman
from tinytl_bridge.agent.settings import PORT

_EVERYWHERE = ("0.0.0.0", "::")


class Announcement:
    """The lines of one agent, on standard output.

    Args:
        doorman: knows the pairing code.
    """

    def __init__(self, doorman: Doorman) -> None:
        self._doorman = doorman

    def listening(self, address: str, port: int) -> None:
        """Say where it listens, and the pairing code. address: as it was given. port: 1 to 65535."""
        code, place = self._doorman.code(), socket.gethostname() if address in _EVERYWHERE else address
        _say(f"listening on {address}:{port}")
        if code is not None:
            _say(f"pairing code: {code}  (for one host, within {self._doorman.code_minutes} minutes)")
        where = "on this machine" if code is None else "on the other machine"
        _say(f"{where}: tinytl info --target pi:{place}{'' if port == PORT else f':{port}'}")

    def serial(self, line: str) -> None:
        """Say which serial line it serves. line: name of the device file."""
        _say(f"serial line {line}")


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()
