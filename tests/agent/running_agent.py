# SPDX-License-Identifier: Apache-2.0
"""A real agent in a process of its own, for tests: started, asked, killed."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path


@dataclass
class RunningAgent:
    """A started agent: its process, what it printed, where it listens."""

    process: "subprocess.Popen[str]"
    said: list[str]
    log: Path
    state: Path

    @property
    def port(self) -> int:
        return int(re.search(r":(\d+)$", self.said[0])[1])

    @property
    def target(self) -> str:
        return f"pi:127.0.0.1:{self.port}"

    @property
    def code(self) -> str | None:
        found = re.search(r"pairing code: (\S+)", "\n".join(self.said))
        return found and found[1]

    @property
    def rss_bytes(self) -> int:
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(r"VmRSS:\s+(\d+) kB", status)[1]) << 10

    def expect_in_log(self, text: str, *, after: int = 0) -> None:
        """Wait for a text in the log. after: characters that were in it before."""
        deadline = time.monotonic() + 5
        while text not in self.log.read_text()[after:]:
            assert time.monotonic() < deadline, (text, self.log.read_text()[after:])
            time.sleep(0.02)

    def end(self, how: signal.Signals = signal.SIGTERM) -> int:
        self.process.send_signal(how)
        return self.process.wait(timeout=20)


@contextmanager
def running_agent(state: Path, *arguments: str, lines: int = 2) -> Iterator[RunningAgent]:
    """Start `tinytl agent` on a free port; at the end it is killed."""
    state.mkdir(exist_ok=True)
    log = state.parent / f"{state.name}.log"
    command = [sys.executable, "-m", "tinytl_cli", "agent", "--port", "0", "--state", str(state), *arguments]
    with log.open("a") as errors:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, text=True, env=os.environ | {"PYTHONUNBUFFERED": "1"})
    assert process.stdout is not None
    said = []
    for _ in range(lines):
        line = process.stdout.readline().rstrip("\n")
        if not line:
            break
        said.append(line)
    try:
        assert said and said[0].startswith("listening on "), (said, log.read_text())
        yield RunningAgent(process, said, log, state)
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
