# SPDX-License-Identifier: Apache-2.0
"""What an agent is told when it starts."""

import ipaddress
import socket
from dataclasses import dataclass
from pathlib import Path

from tinytl.errors import DeviceError
from tinytl_bridge.target_names import AGENT_PORT

LOOPBACK = "127.0.0.1"
MOST_CONNECTIONS = 32


@dataclass(frozen=True)
class AgentSettings:
    """How an agent runs.

    Attributes:
        state_dir: folder of the store, of what was flashed and of the pairings; its owner's alone.
        address: where it listens: an IP address or a name. port: 0 takes a free one.
        serial: device file that it serves beside TCP, "" for none; "pty" makes a pair of its own. baud: of it.
        tcp: whether it listens at all.
        engine: "auto", "runtime" or "litert": who runs the extractor.
        always_pair: whether programs of this machine have to pair too.
    """

    state_dir: Path
    address: str = LOOPBACK
    port: int = AGENT_PORT
    serial: str = ""
    baud: int = 115_200
    tcp: bool = True
    engine: str = "auto"
    always_pair: bool = False


def is_loopback(address: str) -> bool:
    """Tell whether an address reaches this machine alone.

    Args:
        address: an IP address, or a name that is looked up: all that it stands for must be loopback.

    Raises:
        DeviceError: there is no such address.
    """
    try:
        found = socket.getaddrinfo(address, None, type=socket.SOCK_STREAM)
    except OSError as error:
        raise DeviceError(
            f"address {address!r} is unknown: {error.strerror or error}", expected="an IP address or a name of this machine",
            hint="127.0.0.1 for this machine alone, 0.0.0.0 for every network it is in",
        ) from error  # fmt: skip
    return all(ipaddress.ip_address(str(entry[4][0]).partition("%")[0]).is_loopback for entry in found)
