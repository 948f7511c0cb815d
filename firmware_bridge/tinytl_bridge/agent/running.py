# SPDX-License-Identifier: Apache-2.0
"""An agent from start to end: its store, its C session, its server. `run_agent` returns when it is told to end.

In: settings. Out: on standard output where it listens and how to pair; on standard error what happens.
"""

import asyncio
import logging
import os
import platform
import socket
import sys

from tinytl.version import __version__
from tinytl_bridge.agent.calls import AgentCalls
from tinytl_bridge.agent.doorman import Doorman
from tinytl_bridge.agent.kept_files import KeptFiles
from tinytl_bridge.agent.process_number import told_process
from tinytl_bridge.agent.server import Server
from tinytl_bridge.agent.settings import AgentSettings
from tinytl_bridge.agent.shared_session import SharedSession
from tinytl_bridge.agent.slot_files import SlotFiles
from tinytl_bridge.targets.host import HEAD_SLOT_BYTES, MODEL_SLOT_BYTES, HostTarget

log = logging.getLogger("tinytl.agent")


def run_agent(settings: AgentSettings) -> None:
    """Serve until SIGTERM or Ctrl-C.

    Args:
        settings: where and what.

    Raises:
        DeviceError: the store is in use or unusable, the port taken, the serial line not there.
    """
    _start_log()
    doorman = Doorman(settings)
    memory = SlotFiles(settings.state_dir / "store", model_slot_bytes=MODEL_SLOT_BYTES, head_slot_bytes=HEAD_SLOT_BYTES)
    target = HostTarget(memory=memory, mailbox=False, board=board_name())
    target.start()
    try:
        files = KeptFiles(settings.state_dir / "files")
        calls = AgentCalls({"about": lambda _: about(settings)}, files.keep)
        server = Server(settings, SharedSession(target, calls), doorman, lambda *place: announce(settings, doorman, *place))
        with told_process(settings.state_dir):
            asyncio.run(server.serve())
    finally:
        target.stop()


def board_name() -> str:
    """Return what the device calls its board: `linux-` and the machine, at most 23 characters."""
    return f"linux-{platform.machine()}"[:23]


def about(settings: AgentSettings) -> dict[str, object]:
    """Return what an agent says of itself: versions, machine and engine."""
    return {"tinytl": __version__, "python": platform.python_version(), "machine": platform.machine(), "engine": settings.engine}


def announce(settings: AgentSettings, doorman: Doorman, address: str, port: int) -> None:
    """Print where the agent listens, and what to type on the other machine."""
    say = sys.stdout.write
    say(f"listening on {address}:{port}\n")
    code = doorman.code()
    if code is None:
        say(f"for programs of this machine alone: tinytl info --target pi:{address}:{port}\n")
    else:
        place = socket.gethostname() if address in ("0.0.0.0", "::") else address
        say(f"pairing code: {code}  (once, for {doorman.code_minutes} minutes; a new one with every start)\n")
        say(f"on the other machine: tinytl info --target pi:{place}{'' if port == 7707 else f':{port}'}\n")
    sys.stdout.flush()


def _start_log() -> None:
    """Send log lines to standard error; the journal of a service adds the time itself."""
    form = "%(message)s" if "JOURNAL_STREAM" in os.environ else "%(asctime)s %(levelname)s %(message)s"
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter(form))
    log.addHandler(handler)
    log.setLevel(logging.INFO)
