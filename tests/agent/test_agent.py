# SPDX-License-Identifier: Apache-2.0
"""The agent as a user runs it: a process of its own that is flashed, taught, killed and asked again, over real sockets."""

import json
import platform
import random
import signal
import socket
import threading
import time
from contextlib import ExitStack, nullcontext

import pytest
from click.testing import CliRunner
from running_agent import running_agent

from tinytl.bundle.shipped import find_bundle
from tinytl.data import load_dataset
from tinytl.errors import DeviceError
from tinytl.model_file import read_model
from tinytl_bridge import connect
from tinytl_bridge.agent.folder import agent_folder
from tinytl_bridge.agent.kept_files import KeptFiles
from tinytl_bridge.agent.serving.waiting_room import MOST_WAITING
from tinytl_bridge.fleet import head_of
from tinytl_bridge.targets.pi import PiTarget
from tinytl_bridge.wire.protocol import Command, Frame, encode
from tinytl_cli import cli

DIGITS = read_model(find_bundle("digits"))
LESSONS = 40


@pytest.fixture(scope="module")
def task():
    return load_dataset("uci-digits")


@pytest.fixture(scope="module")
def agent(tmp_path_factory):
    """One agent for the tests that leave it running; it serves a serial line too."""
    with running_agent(tmp_path_factory.mktemp("shared") / "state", "--serial", "pty", lines=3) as running:
        yield running


def said(*command):
    """Return what the command line says, run in this process; a refusal is raised."""
    return CliRunner().invoke(cli, [*map(str, command)], catch_exceptions=False).stdout


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
        assert agent.end() == 0
        log = agent.log.read_text()
        assert "what was saved is kept" in log and "Traceback" not in log


def test_a_session_belongs_to_one_program_until_it_leaves(agent):
    with connect(agent.target) as first:
        with pytest.raises(DeviceError, match="another program opened a session with the device before HELLO"):
            connect(agent.target)
        before = first.status().model_status
    with connect(agent.target) as second:
        assert second.status().model_status == before


def test_ten_clients_each_get_their_turn_and_their_own_answers(agent, task):
    with connect(agent.target) as device:
        device.flash(DIGITS)
        expected = [device.infer(sample).predicted for sample in task.x_test[:10]]
    found, refusals = {}, set()

    def ask(number):
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            try:
                with connect(agent.target) as device:
                    found[number] = device.infer(task.x_test[number]).predicted
                    return
            except DeviceError as error:
                refusals.add(str(error).partition(" before")[0])
                time.sleep(0.02)

    clients = [threading.Thread(target=ask, args=(number,)) for number in range(10)]
    for client in clients:
        client.start()
    for client in clients:
        client.join()
    assert [found.get(number) for number in range(10)] == expected
    assert refusals <= {"another program opened a session with the device"}


def test_a_flood_of_garbage_costs_neither_memory_nor_the_session(agent):
    noise = random.Random(7)
    with connect(agent.target) as device:
        device.flash(DIGITS)
        before = agent.rss_bytes

        def flood(seed):
            with socket.create_connection(("127.0.0.1", agent.port)) as connection:
                data = b"\0" + noise.randbytes(1 << 20) if seed % 2 else b"\0" + bytes(range(1, 256)) * 4000
                with pytest.raises(OSError) if seed == 9 else nullcontext():
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
    agent.expect_in_log("of noise")


def test_a_peer_that_reads_no_answers_is_held_up_alone(agent, tmp_path):
    with socket.create_connection(("127.0.0.1", agent.port)) as deaf:
        before = agent.rss_bytes
        deaf.settimeout(0.5)
        questions = encode(Frame(Command.HELLO, 0, 5)) + encode(Frame(0x7E, 9, 6)) * 20_000
        with pytest.raises(TimeoutError):
            deaf.sendall(questions * 100)  # every frame is answered, and nobody reads the answers
        other = PiTarget(f"127.0.0.1:{agent.port}", name=agent.target, state_dir=tmp_path / "host")
        other.start()
        assert other.call("about", timeout_s=5)["engine"] == "runtime"
        other.stop()
        assert agent.rss_bytes - before < 16 << 20


def test_a_connection_that_says_nothing_or_nonsense_is_let_go(agent):
    with socket.create_connection(("127.0.0.1", agent.port)) as connection:
        connection.sendall(b"GET / HTTP/1.1\r\n\r\n")
        connection.settimeout(5)
        assert connection.recv(100) == b""
    agent.expect_in_log("let go: it began something else than tinytl's frames")


def test_silent_connections_keep_nobody_out(agent):
    with ExitStack() as held:
        silent = [held.enter_context(socket.create_connection(("127.0.0.1", agent.port))) for _ in range(MOST_WAITING + 4)]
        begin = time.monotonic()
        with connect(agent.target) as device:
            assert device.info.board.startswith("linux-")
        assert time.monotonic() - begin < 5
        silent[0].settimeout(5)
        assert silent[0].recv(1) == b""
        agent.expect_in_log("let go: it did not come in in time")


def test_a_second_agent_on_one_store_or_port_is_refused_in_words(agent, tmp_path):
    with pytest.raises(DeviceError, match="is in use by another process"):
        said("agent", "--state", agent.state, "--port", 0)
    with pytest.raises(DeviceError, match=f"cannot listen on 127.0.0.1:{agent.port}") as refused:
        said("agent", "--state", tmp_path / "other", "--port", agent.port)
    assert "address already in use; expected" in str(refused.value).lower() and "--port 0" in str(refused.value)
    with pytest.raises(DeviceError, match=r"cannot listen on 192\.0\.2\.77:7707: .*\nhint: hostname -I"):
        said("agent", "--state", tmp_path / "other", "--address", "192.0.2.77")


def test_the_log_says_who_came_and_what_was_changed(agent):
    before = len(agent.log.read_text())
    with connect(agent.target) as device:
        device.flash(DIGITS)
        device.save()
        device.rollback("factory")
        with pytest.raises(DeviceError):
            device.rollback("previous")
        device.put_head(head_of(device).state)
        with pytest.raises(DeviceError):
            device.put_head(bytes(20))
    for line in ("a head came from the host and was saved as number 2", "a head was refused: "):
        agent.expect_in_log(line, after=before)
    assert agent.log.read_text()[before:].count("a head came from the host") == 1
    for line in ("connected", "a model was flashed", "the head was saved as number 1", "the head went back to number 0"):
        agent.expect_in_log(line, after=before)
    for line in ("a rollback was refused: ", " left after "):
        agent.expect_in_log(line, after=before)


def test_the_command_line_flashes_and_tells_of_an_agent(agent):
    assert json.loads(said("flash", "digits", "--target", agent.target, "--json"))["image_bytes"] > 50_000
    told = json.loads(said("info", "--target", agent.target, "--json"))
    assert told["board"].startswith("linux-") and told["name"] == "digits"


def test_a_host_pairs_once_and_all_it_says_is_sealed(tmp_path, task, monkeypatch):
    x, y = task.x_train[:10], task.y_train[:10]
    with running_agent(tmp_path / "state", "--address", "127.0.0.1", "--always-pair", lines=3) as agent:
        with pytest.raises(DeviceError, match="is not paired with this machine") as refused:
            connect(agent.target, state_dir=tmp_path / "host")
        assert "TINYTL_PAIRING_CODE" in str(refused.value)
        monkeypatch.setenv("TINYTL_PAIRING_CODE", agent.code.lower().replace("-", " "))
        with connect(agent.target, state_dir=tmp_path / "host") as device:
            device.flash(DIGITS)
        monkeypatch.delenv("TINYTL_PAIRING_CODE")
        agent.expect_in_log(f"is paired now: tinytl agent --forget {platform.node()}")
        assert "WARNING" not in agent.log.read_text()
        with connect(agent.target, state_dir=tmp_path / "host") as device:
            device.teach(x, y, classes=task.classes)
            assert device.save() == 1
        with pytest.raises(DeviceError, match="is not paired"):
            connect(agent.target, state_dir=tmp_path / "stranger")
        with socket.create_connection(("127.0.0.1", agent.port)) as plain:
            plain.sendall(encode(Frame(Command.HELLO, 0, 5)))
            plain.settimeout(5)
            assert plain.recv(100) == b""
        listed = said("agent", "--state", tmp_path / "state", "--pairings")
        assert "Paired hosts" in listed and platform.node() in listed
        assert "forgotten" in said("agent", "--state", tmp_path / "state", "--forget", platform.node())
        with pytest.raises(DeviceError, match="does not know this pairing") as refused:
            connect(agent.target, state_dir=tmp_path / "host")
        assert f"tinytl pair --target {agent.target}" in str(refused.value)
        said("agent", "--state", tmp_path / "state", "--new-code")
        agent.expect_in_log("new pairing code: ")
        code = agent.log.read_text().rpartition("new pairing code: ")[2].partition(",")[0]
        again = ("pair", "--target", agent.target, "--state", tmp_path / "host", "--json")
        with pytest.raises(DeviceError, match="nobody is here to type the code"):
            said(*again)
        monkeypatch.setenv("TINYTL_PAIRING_CODE", code)
        assert json.loads(said(*again))["target"] == agent.target
        monkeypatch.delenv("TINYTL_PAIRING_CODE")
        with connect(agent.target, state_dir=tmp_path / "host") as device:
            assert device.status().store_sequence == 1


def test_an_agent_for_all_networks_says_where_it_is_and_refuses_a_wrong_code(tmp_path, monkeypatch):
    with running_agent(tmp_path / "state", "--address", "0.0.0.0", lines=3) as agent:
        name = platform.node() if "." in platform.node() else f"{platform.node()}.local"
        assert agent.said[2].startswith(f"on the other machine: tinytl info --target pi:{name}:{agent.port}")
        for place in agent.said[2].split(", or pi:")[1:]:
            with pytest.raises(DeviceError, match="is not paired"):
                connect(f"pi:{place}", state_dir=tmp_path / "host")
        monkeypatch.setenv("TINYTL_PAIRING_CODE", "0000-0000-0000-0000")
        with pytest.raises(DeviceError, match="wrong pairing code"):
            connect(agent.target, state_dir=tmp_path / "host")
        with pytest.raises(DeviceError, match="wait 1 s before another code"):
            connect(agent.target, state_dir=tmp_path / "host")
        assert "turned away: wrong pairing code" in agent.log.read_text()


def test_a_new_code_is_asked_of_the_agent_that_runs(agent):
    assert "the agent makes a new code" in said("agent", "--state", agent.state, "--new-code")
    agent.expect_in_log("no code is made: this agent serves its own machine alone")


def test_a_serial_line_is_a_device_too(agent):
    (line,) = [said for said in agent.said if said.startswith("serial line ")]
    target = f"serial:{line.split()[2]}"
    for _ in range(2):
        with connect(target) as device:
            device.flash(DIGITS)
            assert device.status().model_status == "ok"


def test_the_file_of_a_model_stays_with_the_agent_and_may_run_in_litert(tmp_path, task):
    pytest.importorskip("ai_edge_litert")
    with running_agent(tmp_path / "state", "--engine", "litert") as agent:
        with connect(agent.target) as device:
            assert device.target.facts()["engine"] == "runtime"
            device.flash(DIGITS)
            for sample in task.x_test[:5]:
                device.infer(sample)
            told = device.target.facts()
            assert (told["engine"], told["engine_samples"], told["runtime_samples"]) == ("litert", 5, 0)
        agent.end(signal.SIGKILL)
    assert KeptFiles(agent_folder(tmp_path / "state") / "files").path("model").read_bytes() == find_bundle("digits").read_bytes()
