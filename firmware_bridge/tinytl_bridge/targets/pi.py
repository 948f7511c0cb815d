# SPDX-License-Identifier: Apache-2.0
"""A Linux machine that runs tinytl's agent, such as a Raspberry Pi: `pi:HOST[:PORT]`.

In: where it is; once, the code that it shows. Out: the stream of its session, and calls beside it. Away from this machine all of it travels
in a sealed channel; the pairing is kept in the state folder, so the code is asked once.
"""

import ipaddress
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from tinytl.asking import ASKER
from tinytl.errors import DeviceError
from tinytl.progress import Progress, silent
from tinytl_bridge.pairing.codes import Code
from tinytl_bridge.pairing.errors import PairingError, Reason
from tinytl_bridge.pairing.framing import Messages, carried
from tinytl_bridge.pairing.handshake import HostHandshake
from tinytl_bridge.pairing.messages import MOST_HANDSHAKE_BYTES
from tinytl_bridge.pairing.pairings import Pairing, Pairings
from tinytl_bridge.target_names import AGENT_PORT
from tinytl_bridge.targets.base import Target
from tinytl_bridge.targets.state_folder import state_folder
from tinytl_bridge.targets.tcp_stream import SealedTcpStream, TcpStream
from tinytl_bridge.wire.agent_link import AgentLink
from tinytl_bridge.wire.link import Stream

HANDSHAKE_S = 20.0
"""Of all of it: who sends a byte now and then keeps nobody waiting."""


class PiTarget(Target):
    """An agent somewhere.

    Args:
        place: HOST or HOST:PORT; an IPv6 address stands in brackets. name: as the user gave the target.
        state_dir: folder that keeps pairings; None: the user's own.
        code: pairing code, for who has no terminal; None: a person is asked. anew: pair once more, whatever is known.

    Raises:
        DeviceError: no host, or no port.
    """

    is_emulated = False
    """Whether its time says nothing about a machine."""
    timeout_s = 10.0  # the stream loses nothing: only an agent that hangs is asked again

    def __init__(self, place: str, *, name: str, state_dir: Path | None = None, code: str | None = None, anew: bool = False) -> None:
        self.name = name
        self._host, self._port = _host_and_port(place, name)
        self._place = f"{self._host}:{self._port}"
        self._state_dir, self._code, self._anew = state_dir, code, anew
        self._stream: Stream | None = None
        self._agent: AgentLink | None = None

    def start(self) -> Stream:
        """Connect, and open the sealed channel where the agent is not on this machine.

        Raises:
            DeviceError: nobody answers; the code or the pairing is refused.
        """
        pairings = Pairings(state_folder(self._state_dir))
        known = None if self._anew else pairings.find_address(self._place)
        self._stream = (None if known or self._anew else self._plain()) or self._sealed(pairings, known)
        self._agent = AgentLink(self._stream)
        return self._stream

    def stop(self) -> None:
        """Disconnect."""
        if self._stream is not None:
            self._stream.close()
        self._stream = self._agent = None

    def call(self, name: str, *, timeout_s: float = 30.0, **fields: Any) -> Mapping[str, Any]:
        """Ask the agent beside its session. Args, Raises: as `AgentLink.call`."""
        return self._started().call(name, timeout_s=timeout_s, **fields)

    def keep_model(self, data: bytes, *, progress: Progress) -> None:
        """Have the agent keep the model's file, for the engine that runs its .tflite. Args, Raises: as `send_file`."""
        self.send_file("model", data, progress=progress)

    def facts(self) -> Mapping[str, Any]:
        """Return the agent's version, its machine, and which engine runs the extractor, and why."""
        return self.call("about")

    def send_file(self, name: str, data: bytes, *, progress: Progress = silent) -> None:
        """Have the agent keep a file. Args, Raises: as `AgentLink.send_file`."""
        self._started().send_file(name, data, progress=progress)

    def _started(self) -> AgentLink:
        if self._agent is None:
            raise DeviceError(f"target {self.name!r} is not connected", expected="a started target")
        return self._agent

    def _plain(self) -> Stream | None:
        """Connect to an agent that wants no pairing, which only one of this machine may; None where it wants one."""
        tcp = self._connected()
        try:
            self._shaken(tcp, HostHandshake(None, allow_open=ipaddress.ip_address(tcp.address).is_loopback))
        except PairingError as error:
            if error.reason is not Reason.PAIRING_DEMANDED:
                raise
            return None
        return tcp

    def _sealed(self, pairings: Pairings, known: Pairing | None) -> Stream:
        """Connect by the pairing that there is, or by the code that the agent shows now."""
        secret = known or Code.read(self._asked())
        handshake, tcp = HostHandshake(secret, allow_open=False), self._connected()
        try:
            self._shaken(tcp, handshake)
        except PairingError as error:
            raise self._refused(error) from error
        assert handshake.channel is not None  # only an open agent has none
        if handshake.pairing is not None:
            pairings.add(replace(handshake.pairing, address=self._place))
        return SealedTcpStream(tcp, handshake.channel)

    def _refused(self, error: PairingError) -> DeviceError:
        """Say how to pair again where the agent does not know us any more."""
        if error.reason not in (Reason.UNKNOWN_PAIRING, Reason.WRONG_KEY):
            return error
        return DeviceError(error.what, expected=error.expected, hint=f"tinytl pair --target {self.name}, with the code that it shows")

    def _connected(self) -> TcpStream:
        return TcpStream(self._host, self._port, self.name)

    def _shaken(self, tcp: TcpStream, handshake: HostHandshake) -> None:
        """Go through the handshake; the connection is closed where it fails."""
        messages, deadline = Messages(MOST_HANDSHAKE_BYTES), time.monotonic() + HANDSHAKE_S
        try:
            tcp.write(carried(handshake.begin()))
            while not handshake.done:
                left_s = deadline - time.monotonic()
                data = tcp.read(left_s) if left_s > 0 else b""
                if not data:
                    raise DeviceError(f"who listens at {self._place} does not answer the handshake", expected="a tinytl agent")
                for message in messages.feed(data):
                    answer = handshake.receive(message)
                    if answer is not None:
                        tcp.write(carried(answer))
        except BaseException:
            tcp.close()
            raise

    def _asked(self) -> str:
        if self._code is not None:
            return self._code
        ask = ASKER.get()
        if ask is None:
            raise DeviceError(
                f"{self.name!r} is not paired with this machine, and nobody is here to type the code",
                expected="the code that `tinytl agent` shows on it",
                hint=f"run tinytl pair --target {self.name} at a terminal once, or set TINYTL_PAIRING_CODE",
            )  # fmt: skip
        return ask(f"Pairing code of {self._host}, as `tinytl agent` shows it there: ")


def _host_and_port(place: str, name: str) -> tuple[str, int]:
    """Take `HOST`, `HOST:PORT`, `[IPv6]` or `[IPv6]:PORT` apart."""
    bare, colon, port = place.rpartition(":")
    if not colon or place.endswith("]"):
        bare, port = place, str(AGENT_PORT)
    host = bare[1:-1] if bare.startswith("[") and bare.endswith("]") else bare
    if not host or not (port.isascii() and port.isdigit() and 0 < int(port) < 1 << 16):
        raise DeviceError(f"target {name!r} names no host and port", expected="pi:HOST or pi:HOST:PORT", hint="pi:raspberrypi.local")
    return host, int(port)
