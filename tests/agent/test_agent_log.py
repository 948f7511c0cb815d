# SPDX-License-Identifier: Apache-2.0
"""The agent's log and its process's number: what a stranger calls himself begins no line, and no other program is taken for the agent."""

import io
import logging
import os
import subprocess
import sys

import pytest

from tinytl.errors import DeviceError
from tinytl_bridge.agent.process_number import running_process, told_process
from tinytl_bridge.agent.running import as_one_line


def test_a_name_begins_no_line_and_commands_no_terminal():
    told = io.StringIO()
    handler = logging.StreamHandler(told)
    handler.addFilter(as_one_line)
    log = logging.Logger("test")
    log.addHandler(handler)
    log.info("engine %s at 100 %%", "x\n2026 INFO forged\x1b[2J\u202e")
    try:
        raise ValueError("\x1b]0;owned\x07")
    except ValueError:
        log.exception("a fault")
    lines = told.getvalue().splitlines()
    assert lines[0] == "engine x\\n2026 INFO forged\\x1b[2J\\u202e at 100 %"
    assert lines[1:3] == ["a fault", "Traceback (most recent call last):"] and lines[-1] == "ValueError: \\x1b]0;owned\\x07"


@pytest.mark.parametrize("words", [["gpg-agent"], ["agent"], ["tinytl", "info"]])
def test_another_program_that_has_the_number_by_now_is_not_the_agent(tmp_path, words):
    with subprocess.Popen([sys.executable, "-c", "input()", *words], stdin=subprocess.PIPE) as other:
        (tmp_path / "agent.pid").write_text(f"{other.pid}\n")
        with pytest.raises(DeviceError, match="no agent runs on"):
            running_process(tmp_path)
        other.kill()


def test_the_agent_tells_its_number_as_long_as_it_runs(tmp_path):
    with told_process(tmp_path):
        assert (tmp_path / "agent.pid").read_text() == f"{os.getpid()}\n"
    assert not (tmp_path / "agent.pid").exists()
