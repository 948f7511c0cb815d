# SPDX-License-Identifier: Apache-2.0
"""One C session for many connections: who holds it, and a plain refusal for who comes meanwhile.

In: whole frames, each from a client. Out: the bytes that go back to that client. A session belongs to the client whose HELLO opened it,
until that client leaves: a microcontroller has one line, so one program at a time is what its protocol knows.
"""

import logging
import struct
from dataclasses import dataclass, field

from tinytl_bridge.agent.calls import CALLS, AgentCalls
from tinytl_bridge.agent.serving.deeds import deed_of
from tinytl_bridge.agent.slot_files import SlotFiles
from tinytl_bridge.targets.host import HostTarget
from tinytl_bridge.wire import protocol
from tinytl_bridge.wire.protocol import Command, Frame
from tinytl_bridge.wire.statuses import status_names

log = logging.getLogger("tinytl.agent")
_ERROR = struct.Struct("<HHII")


@dataclass(eq=False)
class Client:
    """Who sends runs.

    Attributes:
        name: for log lines. address: IP address, "" of a serial line.
        steady: a line that never hangs up, such as a serial port: others may take the session from it.
        frames, noise: runs so far that were frames, and those that were not.
    """

    name: str
    address: str = ""
    steady: bool = False
    frames: int = field(default=0)
    noise: int = field(default=0)


class SharedSession:
    """The C session and its holder.

    Args:
        target: started. calls: what the agent answers itself. memory: the target's, which knows why a save was refused.
    """

    def __init__(self, target: HostTarget, calls: AgentCalls, memory: SlotFiles) -> None:
        self._target, self._calls, self._memory = target, calls, memory
        self._failure: OSError | None = None
        self.holder: Client | None = None
        self._number = 0

    def answer(self, client: Client, frame: Frame, run: bytes) -> bytes:
        """Have a frame executed.

        Args:
            client: who sent it. frame: what it says. run: the same as it came: stuffed, without the zeros around it.

        Returns:
            The bytes for that client, whole frames.
        """
        client.frames += 1
        if frame.type in CALLS:
            return self._calls.answer(frame, client, is_taken=self._is_taken(client))
        if frame.type == Command.HELLO and frame.sequence == 0:
            if self._is_taken(client):
                return self._refusal(frame)
            self.holder, self._number = client, frame.session
        self._target.receive(b"\0" + run + b"\0")
        if self._memory.failure is not self._failure:
            self._failure = self._memory.failure
            if self._failure is not None:
                log.error("the store takes no more: %s; what was saved before is kept", self._failure)
        answer = self._target.take()
        if deed := deed_of(frame.type, answer):
            log.info("%s: %s", client.name, deed)
        return answer

    def leave(self, client: Client) -> None:
        """Give the session free where this client held it: its connection is closed."""
        if self.holder is client:
            self.holder = None
        self._calls.leave(client)

    def _is_taken(self, client: Client) -> bool:
        return self.holder is not None and self.holder is not client and not self.holder.steady

    def _refusal(self, frame: Frame) -> bytes:
        """Answer as the session does where another one is open."""
        status = status_names().index("no_session")
        payload = _ERROR.pack(status, 0, frame.session, self._number)
        return protocol.encode(Frame(protocol.ERROR, frame.sequence, frame.session, payload))
