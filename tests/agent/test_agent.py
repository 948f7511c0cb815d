# SPDX-License-Identifier: Apache-2.0
"""The agent as a user runs it: a process of its own that is flashed, taught, killed and asked again, over real sockets."""

import json
import random
import signal
import socket
import subprocess
import sys
import threading
import time

import pytest
from running_agent import running_agent

from tinytl.bundle.shipped import find_bundle
from tinytl.data import load_dataset
from tinytl.errors import DeviceError
from tinytl.model_file import read_model
from tinytl_bridge import connect

DIGITS = read_model(find_bundle("digits"))
LESSONS = 40


@pytest.fixture(scope="module")
def task():
    return load_dataset("uci-digits")


def test_what_is_taught_on_an_agent_is_what_the_twin_learns_and_outlives_a_kill(tmp_path, task):
    x, y = task.x_train[:LESSONS], task.y_train[:LESSONS]
    with connect("host", state_dir=tmp_path / "host") as twin:
        twin.flash(DIGITS)
        twin.teach(x, y, classes=task.classes)
        expected, sequence = twin.status().head_crc32, twin.save()
    with running_agent(tmp_path / "state") as agent:
        with connect(agent.target) as device:
            assert device.info.board.startswith("linux-")
            device.flash(DIGITS)
            device.teach(x, y, classes=task.classes)
            assert device.status().head_crc32 == expected
            assert device.save() == sequence
        agent.end(signal.SIGKILL)
    with running_agent(tmp_path / "state") as agent, connect(agent.target) as device:
        status = device.status()
        assert (status.head_crc32, status.head_status, status.store_sequence) == (expected, "saved", sequence)
        device.rollback("factory")
        assert device.status().head_crc32 != expected


def test_a_session_belongs_to_one_program_until_it_leaves(tmp_path):
    with running_agent(tmp_path / "state") as agent:
        with connect(agent.target) as first:
            with pytest.raises(DeviceError, match="another program opened a session with the device before HELLO"):
                connect(agent.target)
            assert first.status().model_status == "no_model"
        with connect(agent.target) as second:
            assert second.status().model_status == "no_model"


def test_ten_clients_each_get_their_turn_and_their_own_answers(tmp_path, task):
    with running_agent(tmp_path / "state") as agent:
        with connect(agent.target) as device:
            device.flash(DIGITS)
            expected = [device.infer(sample).predicted for sample in task.x_test[:10]]
        found = {}

        def ask(number):
            deadline = time.monotonic() + 30
            while time.monotonic() < deadline:
                try:
                    with connect(agent.target) as device:
                        found[number] = device.infer(task.x_test[number]).predicted
                        return
                except DeviceError as error:
                    assert "another program opened a session" in str(error)
                    time.sleep(0.02)

        clients = [threading.Thread(target=ask, args=(number,)) for number in range(10)]
        for client in clients:
            client.start()
        for client in clients:
            client.join()
        assert [found.get(number) for number in range(10)] == expected


def test_a_flood_of_garbage_costs_neither_memory_nor_the_session(tmp_path):
    noise = random.Random(7)
    with running_agent(tmp_path / "state") as agent:
        with connect(agent.target) as device:
            device.flash(DIGITS)
            before = agent.rss_bytes

            def flood(seed):
                with socket.create_connection(("127.0.0.1", agent.port)) as connection:
                    data = b"\0" + noise.randbytes(1 << 20) if seed % 2 else b"\0" + bytes(range(1, 256)) * 4000
                    with pytest.raises(OSError) if seed == 9 else _nothing():
                        for _ in range(4):
                            connection.sendall(data)
                        if seed == 9:
                            raise OSError

            floods = [threading.Thread(target=flood, args=(seed,)) for seed in range(10)]
            for thread in floods:
                thread.start()
            answers = [device.status().model_status for _ in range(20)]
            for thread in floods:
                thread.join()
            assert answers == ["ok"] * 20
            assert agent.rss_bytes - before < 16 << 20
        agent.end()
        assert "of noise" in agent.log.read_text()


def _nothing():
    from contextlib import nullcontext

    return nullcontext()


def test_a_peer_that_reads_no_answers_is_held_up_alone(tmp_path):
    from tinytl_bridge.wire.protocol import Command, Frame, encode

    with running_agent(tmp_path / "state") as agent, socket.create_connection(("127.0.0.1", agent.port)) as deaf:
        deaf.setblocking(False)
        hello = encode(Frame(Command.HELLO, 0, 5)) + encode(Frame(0x7E, 9, 6)) * 2000
        sent = 0
        with pytest.raises(BlockingIOError):
            while sent < 64 << 20:
                sent += deaf.send(hello)
        before = agent.rss_bytes
        deaf.setblocking(True)
        deaf.shutdown(socket.SHUT_WR)
        with socket.create_connection(("127.0.0.1", agent.port)) as other:
            other.sendall(b"\0")
            assert other.recv(1) == b"\0"
        assert agent.rss_bytes - before < 16 << 20


def test_a_connection_that_says_nothing_or_nonsense_is_let_go(tmp_path):
    with running_agent(tmp_path / "state") as agent:
        with socket.create_connection(("127.0.0.1", agent.port)) as connection:
            connection.sendall(b"GET / HTTP/1.1\r\n\r\n")
            connection.settimeout(5)
            assert connection.recv(100) == b""
        assert "let go" in agent.log.read_text()


def test_a_second_agent_on_one_store_or_port_is_refused_in_words(tmp_path):
    with running_agent(tmp_path / "state") as agent:
        command = [sys.executable, "-m", "tinytl_cli", "agent", "--state", str(tmp_path / "state"), "--port", "0"]
        second = subprocess.run(command, capture_output=True, text=True, timeout=30)
        assert second.returncode == 1 and "is in use by another process" in second.stderr
        command = [sys.executable, "-m", "tinytl_cli", "agent", "--state", str(tmp_path / "other"), "--port", str(agent.port)]
        second = subprocess.run(command, capture_output=True, text=True, timeout=30)
        assert second.returncode == 1 and f"cannot listen on 127.0.0.1:{agent.port}" in second.stderr and "--port 0" in second.stderr


def test_the_log_says_who_came_and_the_end_is_clean(tmp_path):
    with running_agent(tmp_path / "state") as agent:
        with connect(agent.target) as device:
            device.flash(DIGITS)
        time.sleep(0.2)
        assert agent.end() == 0
        log = agent.log.read_text()
    assert "connected" in log and "left after" in log and "what was saved is kept" in log and "Traceback" not in log


def test_the_command_line_flashes_and_tells_of_an_agent(tmp_path):
    with running_agent(tmp_path / "state") as agent:
        run = lambda *command: subprocess.run(  # noqa: E731
            [sys.executable, "-m", "tinytl_cli", *command, "--target", agent.target, "--json"],
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        )
        assert json.loads(run("flash", "digits").stdout)["image_bytes"] > 50_000
        told = json.loads(run("info").stdout)
        assert told["board"].startswith("linux-") and told["name"] == "digits"
