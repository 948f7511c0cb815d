# SPDX-License-Identifier: Apache-2.0
"""Who comes in: everybody from this machine where the agent listens on it alone, else who is paired or has the code.

In: a new connection. Out: its line, plain or sealed, or none where it is turned away. A plain session begins with a zero byte, a pairing
with the length of its first message.
"""

import asyncio
import logging

from tinytl_bridge.agent.serving.lines import Line, PlainLine, SealedLine
from tinytl_bridge.agent.serving.shared_session import Client
from tinytl_bridge.agent.serving.waiting_room import WaitingRoom
from tinytl_bridge.agent.settings import AgentSettings, is_loopback
from tinytl_bridge.pairing.agent_policy import LIFETIME_S, AgentPolicy, OpenPolicy
from tinytl_bridge.pairing.errors import PairingError, Reason
from tinytl_bridge.pairing.framing import FIRST_BYTE, PLAIN_FIRST_BYTE, Messages, carried
from tinytl_bridge.pairing.handshake import AgentHandshake
from tinytl_bridge.pairing.messages import MOST_HANDSHAKE_BYTES
from tinytl_bridge.pairing.pairings import Pairings

log = logging.getLogger("tinytl.agent")
HANDSHAKE_S = 15.0
"""Until a connection that has not come in is let go."""


class Doorman:
    """The agent's door.

    Args:
        settings: of the agent; its address decides whether a pairing is demanded.

    Raises:
        DeviceError: no such address. TinytlError: a pairing is demanded and the library for it is missing.
    """

    code_minutes = round(LIFETIME_S / 60)

    def __init__(self, settings: AgentSettings) -> None:
        self.pairings = Pairings(settings.state_dir)
        is_open = not settings.always_pair and (not settings.tcp or is_loopback(settings.address))
        self._policy = OpenPolicy() if is_open else AgentPolicy(self.pairings, announce=self._announce)
        self._is_told, self._waiting = False, WaitingRoom()

    def code(self) -> str | None:
        """Return the pairing code in force, None where none is demanded."""
        if isinstance(self._policy, OpenPolicy):
            return None
        code = self._policy.code()
        self._is_told = True
        return code

    def renew(self) -> None:
        """Make a new code and look at codes again: somebody at the agent asks for it."""
        if isinstance(self._policy, OpenPolicy):
            log.info("no code is made: this agent serves its own machine alone, which needs none")
        else:
            self._policy.renew()

    async def admit(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, client: Client) -> Line | None:
        """Let a connection in, or not.

        Args:
            reader, writer: of the connection. client: gets the name that the host gives itself.

        Returns:
            Its line; None where it was turned away, which the log says.

        Raises:
            TimeoutError: it took too long, or others waited too. PairingError, OSError: it is not one of ours.
        """
        try:
            async with asyncio.timeout(HANDSHAKE_S) as limit:
                with self._waiting.place(limit, client.address):
                    return await self._admitted(reader, writer, client)
        except TimeoutError as error:
            raise TimeoutError("it did not come in in time") from error

    async def _admitted(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, client: Client) -> Line | None:
        begun = await reader.read(1)
        if not begun:
            return None
        if begun[0] == PLAIN_FIRST_BYTE and isinstance(self._policy, OpenPolicy):
            return PlainLine(reader, writer, begun)
        if begun[0] != FIRST_BYTE:
            wants = "a plain session, and a pairing is demanded" if begun[0] == PLAIN_FIRST_BYTE else "something else than tinytl's frames"
            log.warning("%s let go: it began %s", client.name, wants)
            return None
        return await self._paired(PlainLine(reader, writer, begun), client)

    async def _paired(self, line: PlainLine, client: Client) -> Line | None:
        handshake, messages = AgentHandshake(self._policy), Messages(MOST_HANDSHAKE_BYTES)
        waiting: list[bytes] = []
        while not handshake.done:
            data = await line.receive()
            if not data:
                return None
            waiting = messages.feed(data)
            while waiting and not handshake.done:
                answer = await asyncio.to_thread(handshake.receive, waiting.pop(0))  # scrypt takes a while
                if answer is not None:
                    await line.send(carried(answer))
                if handshake.refusal is not None:
                    _log_refusal(handshake.refusal, client)
                    return None
        if waiting:
            log.warning("%s let go: it sent on before the handshake was over", client.name)
            return None
        if handshake.channel is None:
            return line
        client.name = f"{client.name} ({handshake.peer_name})" if handshake.peer_name else client.name
        if handshake.is_new:
            log.info("%s is paired now: tinytl agent --forget %s undoes it", client.name, handshake.peer_name)
        return SealedLine(line, messages.rest(), handshake.channel)

    def _announce(self, code: str) -> None:
        """Tell of a code that was made while the agent runs; the first is printed at its start."""
        if self._is_told:
            log.info("new pairing code: %s, once, for %d minutes", code, self.code_minutes)


def _log_refusal(refusal: PairingError, client: Client) -> None:
    """Say why a host was turned away. Each one that has no pairing yet begins by asking whether it needs one: that is no warning."""
    level = logging.INFO if refusal.reason is Reason.PAIRING_DEMANDED else logging.WARNING
    log.log(level, "%s turned away: %s%s", client.name, refusal.what, f" ({refusal.__cause__})" if refusal.__cause__ else "")
