# SPDX-License-Identifier: Apache-2.0
"""The agent's server: listens, lets connections in, has their frames executed one after the other, ends cleanly.

In: settings, and what the agent answers itself. Out: log lines; the store's files are whole at any moment. All C code runs in one thread of
its own, so that a long command holds up no handshake.
"""

import asyncio
import errno
import logging
import os
import signal
import socket
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

from tinytl.errors import DeviceError
from tinytl_bridge.agent.serving.announcement import Announcement
from tinytl_bridge.agent.serving.doorman import Doorman
from tinytl_bridge.agent.serving.lines import Line
from tinytl_bridge.agent.serving.runs import Runs
from tinytl_bridge.agent.serving.serial_line import SerialLine
from tinytl_bridge.agent.serving.shared_session import Client, SharedSession
from tinytl_bridge.agent.settings import MOST_CONNECTIONS, AgentSettings
from tinytl_bridge.wire import protocol

log = logging.getLogger("tinytl.agent")
_KEEPALIVE = ((socket.TCP_KEEPIDLE, 10), (socket.TCP_KEEPINTVL, 5), (socket.TCP_KEEPCNT, 3))
"""A peer that is gone without a word is let go after 25 s; seconds, seconds, times."""

_GIVE_UP_S = 5.0
"""Until an end does not wait for a measurement any more."""


class Server:
    """One agent's connections.

    Args:
        settings: where it listens. session: what executes frames. doorman: who may come in.
        announcement: told where it listens.
    """

    def __init__(self, settings: AgentSettings, session: SharedSession, doorman: Doorman, announcement: Announcement) -> None:
        self._settings, self._session, self._doorman = settings, session, doorman
        self._announcement = announcement
        self._executor = ThreadPoolExecutor(max_workers=1, thread_name_prefix="session")
        self._open: set[asyncio.Task[None]] = set()
        self._end = asyncio.Event()

    async def serve(self) -> None:
        """Serve until SIGTERM or SIGINT.

        Raises:
            DeviceError: the address is taken or not this machine's; the serial line does not open.
        """
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._end.set)
        loop.add_signal_handler(signal.SIGUSR1, self._doorman.renew)
        server = await self._listening() if self._settings.tcp else None
        try:
            if self._settings.serial:
                line = await SerialLine.open(self._settings)
                self._announcement.serial(line.name)
                self._serve_line(line)
            await self._end.wait()
        finally:
            if server is not None:
                server.close()
            await self._close_all()
            await self._end_session()
            log.info("ended; what was saved is kept in %s", self._settings.state_dir)

    async def _listening(self) -> asyncio.Server:
        address, port = self._settings.address, self._settings.port
        try:
            server = await asyncio.start_server(self._accept, address, port, limit=1 << 16)
        except OSError as error:
            why = os.strerror(error.errno) if error.errno else str(error)  # asyncio's own text repeats the address
            hint = "does an agent run already? --port 0 takes a free port"
            if error.errno == errno.EADDRNOTAVAIL:
                hint = "hostname -I prints this machine's addresses; 0.0.0.0 for every network it is in"
            raise DeviceError(
                f"the agent cannot listen on {address}:{port}: {why}", expected="a free port of this machine", hint=hint
            ) from error
        self._announcement.listening(address, int(server.sockets[0].getsockname()[1]))
        return server

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        peer = writer.get_extra_info("peername") or ("?", 0)
        client = Client(f"{peer[0]}:{peer[1]}", str(peer[0]))
        if len(self._open) >= MOST_CONNECTIONS:
            log.warning("%s turned away: %d connections are open", client.name, len(self._open))
            writer.close()
            return
        assert task is not None
        self._open.add(task)
        try:
            _keep_alive(writer)
            line = await self._doorman.admit(reader, writer, client)
            if line is not None:
                log.info("%s connected", client.name)
                await self._serve(line, client)
        except (DeviceError, OSError, TimeoutError) as error:
            log.warning("%s let go: %s", client.name, str(error).partition("\n")[0] or type(error).__name__)
        except asyncio.CancelledError:
            log.info("%s disconnected: the agent ends", client.name)
        except Exception:
            log.exception("%s let go: a fault of the agent", client.name)
        finally:
            self._open.discard(task)
            self._executor.submit(self._session.leave, client)  # behind its own frames, before those of who comes next
            writer.close()
            with suppress(OSError, asyncio.CancelledError):
                await writer.wait_closed()

    def _serve_line(self, line: SerialLine) -> None:
        task = asyncio.create_task(self._serve(line, Client(line.name, steady=True)))
        self._open.add(task)
        task.add_done_callback(self._line_ended)

    def _line_ended(self, task: "asyncio.Task[None]") -> None:
        self._open.discard(task)
        if not task.cancelled() and task.exception() is not None:
            log.error("%s", str(task.exception()).partition("\n")[0])
            if not self._settings.tcp:
                self._end.set()

    async def _serve(self, line: Line, client: Client) -> None:
        """Execute a client's frames one after the other until its line ends; it is read no faster than its frames are executed."""
        runs, loop = Runs(), asyncio.get_running_loop()
        while data := await line.receive():
            for run in runs.feed(data):
                frame = protocol.decode(run)
                if frame is None:  # noise costs no turn in the session's thread
                    client.noise += 1
                    continue
                answer = await loop.run_in_executor(self._executor, self._session.answer, client, frame, run)
                if answer:
                    await line.send(answer)
        noise = f", {runs.noise_bytes:,} bytes and {client.noise:,} runs of noise" if runs.noise_bytes or client.noise else ""
        log.info("%s left after %s frames%s", client.name, f"{client.frames:,}", noise)

    async def _end_session(self) -> None:
        """Wait for the frame that is being executed; a measurement takes minutes, and nothing of the store is lost with it."""
        idle = asyncio.wrap_future(self._executor.submit(int))
        try:
            await asyncio.wait_for(idle, _GIVE_UP_S)
        except TimeoutError:
            log.warning("ended in the midst of a measurement; what was saved is kept in %s", self._settings.state_dir)
            logging.shutdown()
            os._exit(0)
        self._executor.shutdown(wait=True)

    async def _close_all(self) -> None:
        for task in list(self._open):
            task.cancel()
        await asyncio.gather(*self._open, return_exceptions=True)


def _keep_alive(writer: asyncio.StreamWriter) -> None:
    connection = writer.get_extra_info("socket")
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    for option, value in _KEEPALIVE:
        connection.setsockopt(socket.IPPROTO_TCP, option, value)
