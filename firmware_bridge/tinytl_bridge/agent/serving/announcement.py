# SPDX-License-Identifier: Apache-2.0
"""What an agent prints when it starts: where it listens, and what to type on the other machine. The first line is for programs too."""

import socket
import sys
from contextlib import suppress

from tinytl_bridge.agent.serving.doorman import Doorman
from tinytl_bridge.target_names import AGENT_PORT

_EVERYWHERE = ("0.0.0.0", "::")
_ELSEWHERE = ("192.0.2.1", 9)
"""An address of no machine (RFC 5737)."""


class Announcement:
    """The lines of one agent, on standard output.

    Args:
        doorman: knows the pairing code.
    """

    def __init__(self, doorman: Doorman) -> None:
        self._doorman = doorman

    def listening(self, address: str, port: int) -> None:
        """Say where it listens, and the pairing code. address: as it was given. port: 1 to 65535."""
        code, places = self._doorman.code(), _places() if address in _EVERYWHERE else [address]
        _say(f"listening on {address}:{port}")
        if code is not None:
            _say(f"pairing code: {code}  (for one host, within {self._doorman.code_minutes} minutes)")
        where = "on this machine" if code is None else "on the other machine"
        first, *others = (f"pi:{_bracketed(place)}{'' if port == AGENT_PORT else f':{port}'}" for place in places)
        _say(f"{where}: tinytl info --target {first}{''.join(f', or {other}' for other in others)}")

    def serial(self, line: str) -> None:
        """Say which serial line it serves. line: name of the device file."""
        _say(f"serial line {line}")


def _places() -> list[str]:
    """Return under which name and address others reach this machine: its name in the local network, and what it sends from."""
    name = socket.gethostname()
    places = [name if "." in name else f"{name}.local"]
    with suppress(OSError), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.connect(_ELSEWHERE)  # of a datagram: nothing is sent
        places.append(str(probe.getsockname()[0]))
    return places


def _bracketed(place: str) -> str:
    return f"[{place}]" if ":" in place else place


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()
