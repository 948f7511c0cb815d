# SPDX-License-Identifier: Apache-2.0
"""Connections that have not come in yet. Where they are too many, the oldest of the address that holds most has to go.

In: a peer's address. Out: a place to wait in, until the connection came in, gave up or was put out. So one machine that only holds
connections open keeps nobody else out.
"""

import asyncio
import ipaddress
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

MOST_WAITING = 16
_HOME_PREFIX = 64
"""Bits of an IPv6 address that one network has: a machine takes as many addresses in it as it wants."""


class WaitingRoom:
    """The places.

    Args:
        most: connections that wait at the same time.
    """

    def __init__(self, most: int = MOST_WAITING) -> None:
        self._most = most
        self._waiting: dict[asyncio.Timeout, str] = {}  # oldest first

    @contextmanager
    def place(self, limit: asyncio.Timeout, address: str) -> Iterator[None]:
        """Wait inside the block.

        Args:
            limit: entered; its end is brought forward when this connection has to go. address: of the peer, an IP address or any text.
        """
        while len(self._waiting) >= self._most:
            self._put_one_out()
        self._waiting[limit] = _home(address)
        try:
            yield
        finally:
            self._waiting.pop(limit, None)

    def _put_one_out(self) -> None:
        (crowded, _), *_ = Counter(self._waiting.values()).most_common(1)
        oldest = next(limit for limit, home in self._waiting.items() if home == crowded)
        del self._waiting[oldest]
        oldest.reschedule(asyncio.get_running_loop().time())


def _home(address: str) -> str:
    """Return what an address shares with the others that the same peer can take."""
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(found, ipaddress.IPv4Address):
        return address
    return str(found.ipv4_mapped or ipaddress.ip_network((found, _HOME_PREFIX), strict=False))
