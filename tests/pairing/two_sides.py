# SPDX-License-Identifier: Apache-2.0
"""Both sides of a pairing for the tests: a clock that is moved by hand, randomness from a seed, an agent with its folder, an exchange."""

from collections.abc import Callable
from hashlib import shake_256
from pathlib import Path

from hypothesis import HealthCheck, settings

from tinytl_bridge.pairing.agent_policy import AgentPolicy
from tinytl_bridge.pairing.codes import Code
from tinytl_bridge.pairing.handshake import AgentHandshake, HostHandshake
from tinytl_bridge.pairing.pairings import Pairing, Pairings

PATIENT = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
"""Of property tests: a busy machine is no failure."""
CHEAP = 2
"""scrypt's N of tests that are not about scrypt."""


class Clock:
    """Seconds, moved by hand."""

    def __init__(self) -> None:
        self.now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s


class Seeded:
    """Bytes that look random and are the same for the same seed."""

    def __init__(self, seed: str) -> None:
        self._seed, self._calls = seed, 0

    def __call__(self, count: int) -> bytes:
        self._calls += 1
        return shake_256(f"{self._seed} {self._calls}".encode()).digest(count)


class Agent:
    """An agent's policy with all that is around it; `codes`: what it showed."""

    def __init__(self, folder: Path, random: Callable[[int], bytes] | None = None) -> None:
        self.clock, self.codes = Clock(), list[str]()
        self.pairings = Pairings(folder)
        self.policy = AgentPolicy(
            self.pairings, name="pi", announce=self.codes.append, clock=self.clock, random=random or Seeded("agent"), cost=CHEAP
        )

    def code(self) -> Code:
        """The code in force, as a host has it after somebody read it."""
        return Code.read(self.policy.code())

    def wait(self) -> None:
        """Let the time pass that wrong codes cost."""
        self.clock.now_s += self.policy.lockout.delay_s()


def host_of(secret: Code | Pairing | None, seed: str = "host", *, allow_open: bool = False) -> HostHandshake:
    return HostHandshake(secret, allow_open=allow_open, name="desk", random=Seeded(seed), cost=CHEAP)


def exchange(
    host: HostHandshake, agent: AgentHandshake, alter: Callable[[int, bytes], bytes] = lambda number, message: message
) -> list[bytes]:
    """Carry messages until one side has nothing to say; alter: what somebody in the line makes of the first, second … message.

    Returns:
        The messages as they were sent.
    """
    message: bytes | None = host.begin()
    sent: list[bytes] = []
    while message is not None:
        sent.append(message)
        taker = agent if len(sent) % 2 else host
        message = taker.receive(alter(len(sent), message))
    return sent


def paired(agent: Agent, seed: str = "host") -> Pairing:
    """A host that has paired by code: what it remembers."""
    host = host_of(agent.code(), seed)
    exchange(host, AgentHandshake(agent.policy))
    assert host.pairing is not None
    return host.pairing
