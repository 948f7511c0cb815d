# SPDX-License-Identifier: Apache-2.0
"""An agent from start to end: its store, its C session, its server. `run_agent` returns when it is told to end.

In: settings. Out: on standard output where it listens and how to pair; on standard error what happens.
"""

import asyncio
import logging
import os
import platform
import signal
from collections.abc import Callable
from typing import Any

from tinytl.errors import BundleError, DeviceError
from tinytl.version import __version__
from tinytl_bridge.agent.calls import AgentCalls
from tinytl_bridge.agent.extractor_choice import ExtractorChoice
from tinytl_bridge.agent.kept_files import KeptFiles
from tinytl_bridge.agent.measuring import Measuring
from tinytl_bridge.agent.process_number import told_process
from tinytl_bridge.agent.serving.announcement import Announcement
from tinytl_bridge.agent.serving.doorman import Doorman
from tinytl_bridge.agent.serving.server import Server
from tinytl_bridge.agent.serving.shared_session import SharedSession
from tinytl_bridge.agent.settings import AgentSettings
from tinytl_bridge.agent.slot_files import SlotFiles
from tinytl_bridge.machine.cpu import examine_cpu
from tinytl_bridge.targets.host import HEAD_SLOT_BYTES, MODEL_SLOT_BYTES, HostTarget
from tinytl_bridge.targets.state_folder import state_folder

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
    store = state_folder(settings.state_dir / "store")
    memory = SlotFiles(store, model_slot_bytes=MODEL_SLOT_BYTES, head_slot_bytes=HEAD_SLOT_BYTES)
    target = HostTarget(memory=memory, mailbox=False, board=board_name())
    target.start()
    try:
        files = KeptFiles(settings.state_dir / "files")
        choice = ExtractorChoice(settings.engine, target, files, settings.state_dir)
        own_calls = {"about": lambda _: about() | dict(choice.facts()), **Measuring(files, choice).calls()}
        calls = AgentCalls(own_calls, keeper(files, choice))
        server = Server(settings, SharedSession(target, calls, memory), doorman, Announcement(doorman))
        signal.signal(signal.SIGUSR1, signal.SIG_IGN)  # until the server takes it: unheard it would end the process
        with told_process(settings.state_dir):
            asyncio.run(server.serve())
    finally:
        target.stop()


def board_name() -> str:
    """Return what the device calls its board: `linux-` and the machine, at most 23 characters."""
    return f"linux-{platform.machine()}"[:23]


def about() -> dict[str, Any]:
    """Return what an agent says of its machine: versions, processor, model."""
    cpu = examine_cpu()
    return {"agent": __version__, "python": platform.python_version(), "machine": cpu.board or cpu.machine, "processor": cpu.processor}


def keeper(files: KeptFiles, choice: ExtractorChoice) -> Callable[[str, bytes], None]:
    """Return what keeps files that arrive, by name and bytes; it raises DeviceError where the disk takes none.

    Args:
        files: where they are kept. choice: looks again when a bundle came, which may run in another engine.
    """

    def keep(name: str, data: bytes) -> None:
        try:
            files.keep(name, data)
        except BundleError as error:
            log.error("%s", error.what)
            hint = "free some space there, then send it again"
            raise DeviceError(f"the agent cannot keep the file {name!r}: {error.what}", expected="room on its disk", hint=hint) from error
        if name == "model":
            choice.renew()

    return keep


def as_one_line(record: logging.LogRecord) -> bool:
    """Make a record's text one line without commands to a terminal: a peer or a model's file may call itself anything.

    Args:
        record: of the log; its text is changed. A traceback of ours that follows keeps its lines.
    """
    record.msg, record.args = _shown(record.getMessage()), None
    if record.exc_info:
        record.exc_text = "\n".join(map(_shown, logging.Formatter().formatException(record.exc_info).splitlines()))
    return True


def _shown(text: str) -> str:
    return "".join(each if each.isprintable() else repr(each)[1:-1] for each in text)


def _start_log() -> None:
    """Send log lines to standard error; the journal of a service adds the time itself."""
    form = "%(message)s" if "JOURNAL_STREAM" in os.environ else "%(asctime)s %(levelname)s %(message)s"
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter(form))
    handler.addFilter(as_one_line)
    log.addHandler(handler)
    log.setLevel(logging.INFO)
