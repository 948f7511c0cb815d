# SPDX-License-Identifier: Apache-2.0
"""Whom an agent lets in: one policy for all its connections, so that wrong codes are counted together.

In: remembered pairings, a clock, randomness. Out: the code in force, and a yes or a refusal. A code counts for ten minutes and for one
pairing. Wrong codes slow down and lock out codes alone: hosts that are paired come in by their key, whatever somebody else tries.
"""

import math
import os
import platform
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from threading import Lock, RLock

from tinytl_bridge.pairing.codes import COST, code_key, new_code, read_code
from tinytl_bridge.pairing.errors import PairingError, Reason, pairing_error
from tinytl_bridge.pairing.lockout import Lockout
from tinytl_bridge.pairing.pairings import ID_BYTES, KEY_BYTES, Pairing, Pairings
from tinytl_bridge.pairing.primitives import require_library

LIFETIME_S = 600.0
SALT_BYTES = 16


@dataclass(eq=False)
class IssuedCode:
    """A code of this agent; `eq=False`: each is itself alone.

    Attributes:
        text: as shown. salt: 16 random bytes, told in the clear. expires_s: on the policy's clock.
    """

    text: str = field(repr=False)
    salt: bytes
    expires_s: float
    cost: int
    _key: bytes = field(default=b"", repr=False)
    _making: Lock = field(default_factory=Lock, repr=False)

    def key(self) -> bytes:
        """Return its key (32 bytes); computed once, so that asking often costs an agent nothing."""
        with self._making:
            self._key = self._key or code_key(read_code(self.text), self.salt, cost=self.cost)
            return self._key


class AgentPolicy:
    """The policy of an agent that demands a pairing. Its methods may be called from several threads.

    Args:
        pairings: that it remembers. name: what it calls itself; by default the machine's name. announce: called with every new code, to
            show it to whoever is at the agent. lifetime_s: of a code. clock: seconds that never go back. random: gives so many random
            bytes. cost: N of scrypt; another one only in tests.

    Attributes:
        lockout: the count of wrong codes.

    Raises:
        TinytlError: the library `cryptography` is missing.
    """

    is_open = False

    def __init__(
        self,
        pairings: Pairings,
        *,
        name: str | None = None,
        announce: Callable[[str], None] = lambda code: None,
        lifetime_s: float = LIFETIME_S,
        clock: Callable[[], float] = time.monotonic,
        random: Callable[[int], bytes] = os.urandom,
        cost: int = COST,
    ) -> None:
        require_library()
        self.pairings, self.name, self.random = pairings, platform.node() if name is None else name, random
        self.lockout = Lockout(clock)
        self._announce, self._lifetime_s, self._clock, self._cost = announce, lifetime_s, clock, cost
        self._code: IssuedCode | None = None
        self._lock = RLock()

    def code(self) -> str:
        """Return the code in force; a new one is made, and announced, if the last has expired or was used.

        Raises:
            PairingError: locked after too many wrong codes: `renew` is needed.
        """
        with self._lock:
            if self.lockout.locked:
                raise pairing_error(Reason.LOCKED)
            return (self._code if self._in_force() and self._code else self._issue()).text

    def renew(self) -> str:
        """Make a new code and forget the wrong ones. Only for whoever is at the agent itself: never for a peer."""
        with self._lock:
            self.lockout.succeeded()
            return self._issue().text

    def offer(self) -> IssuedCode:
        """Return the code that a host may now prove to know.

        Raises:
            PairingError: LOCKED; WAIT; EXPIRED, where no code was in force: a new one has been announced.
        """
        with self._lock:
            self._expect_patience()
            if self._code is None or not self._in_force():
                self._issue()
                raise pairing_error(Reason.EXPIRED)
            return self._code

    def admit(self, offered: IssuedCode, check: Callable[[], str | None]) -> Pairing:
        """Look at a host's proof of an offered code and remember the host.

        Args:
            offered: of `offer`. check: looks, and returns the host's name, None if the proof is false; not called while codes must wait,
                so that neither answers nor their time tell anything about a code that came too early.

        Raises:
            PairingError: LOCKED, WAIT, EXPIRED, WRONG_CODE; NOT_KEPT: the file cannot be written.
        """
        with self._lock:
            self._expect_patience()
            if self._code is not offered or not self._in_force():
                raise pairing_error(Reason.EXPIRED)
            name = check()
            if name is None:
                self.lockout.failed()
                raise pairing_error(Reason.WRONG_CODE)
            pairing = Pairing(self.random(ID_BYTES), self.random(KEY_BYTES), name)
            try:
                self.pairings.add(pairing)
            except PairingError as error:
                raise pairing_error(Reason.NOT_KEPT) from error
            self._code = None
            self.lockout.succeeded()
            return pairing

    def paired(self, id: bytes) -> Pairing:
        """Return the remembered pairing of an id (16 bytes).

        Raises:
            PairingError: UNKNOWN_PAIRING; NOT_KEPT: the file cannot be read.
        """
        try:
            pairing = self.pairings.find(id)
        except PairingError as error:
            raise pairing_error(Reason.NOT_KEPT) from error
        if pairing is None:
            raise pairing_error(Reason.UNKNOWN_PAIRING)
        return pairing

    def _in_force(self) -> bool:
        return self._code is not None and self._clock() < self._code.expires_s

    def _issue(self) -> IssuedCode:
        self._code = IssuedCode(new_code(self.random), self.random(SALT_BYTES), self._clock() + self._lifetime_s, self._cost)
        self._announce(self._code.text)
        return self._code

    def _expect_patience(self) -> None:
        if self.lockout.locked:
            raise pairing_error(Reason.LOCKED)
        if (delay_s := self.lockout.delay_s()) > 0:
            raise pairing_error(Reason.WAIT, wait_s=math.ceil(delay_s))


class OpenPolicy:
    """The policy of an agent that can be reached from its own machine alone: whoever comes is let in, unsealed."""

    is_open = True
