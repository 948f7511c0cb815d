# SPDX-License-Identifier: Apache-2.0
"""`teach --stream` as a process: real pipes, sockets, a serial port, signals; exit codes, and what is saved."""

import json
import os
import pty
import signal
import socket
import struct
import subprocess
import threading
import time
import tty
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result
from streamed import ended, image, json_lines, npy, teach

from tinytl.bundle.bundle import read_bundle
from tinytl.bundle.shipped import find_bundle
from tinytl_bench.studies.guard import with_settings
from tinytl_bridge import connect
from tinytl_cli import cli


def saved(state: Path) -> tuple[str, int]:
    with connect("host", state_dir=state) as device:
        return device.status().head_status, device.status().steps


def invoke(state: Path, *arguments: str) -> Result:
    return CliRunner().invoke(cli, ["teach", "--target", "host", "--state", str(state), *arguments])


def lent(data: bytes, *, ends_by_reset: bool = False) -> str:
    """Have somebody serve bytes once, at an address that `--stream tcp:` reaches."""
    listening = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        with listening, listening.accept()[0] as connection:
            connection.sendall(data)
            if ends_by_reset:
                time.sleep(0.3)  # a reset takes back what was not read yet
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    threading.Thread(target=serve).start()
    return f"tcp:127.0.0.1:{listening.getsockname()[1]}"


def until(process: "subprocess.Popen[bytes]", text: bytes) -> bytes:
    """Read what a process says until a line begins so."""
    assert process.stderr is not None
    for line in process.stderr:
        if line.startswith(text):
            return line
    raise AssertionError(f"it never said {text!r}")


def test_a_pipe_to_its_end(state: Path, tmp_path: Path) -> None:
    test = tmp_path / "test.npz"
    x, y = np.stack([image(n % 10, 500 + n) for n in range(30)]), np.arange(30) % 10
    np.savez(test, x_train=x[:20], y_train=y[:20], x_test=x[20:], y_test=y[20:])
    log = tmp_path / "story.json"
    process = teach(state, "--stream", "-", "--json", "--data", str(test), "--log", str(log))
    code, facts, said = ended(process, json_lines(60) + b"nonsense\n" + json_lines(3, first=100))
    assert code == 0, said
    told = {"data": "standard input", "came": 64, "refused": 1, "taught": 63, "lost": 40, "ended_by": "end of the stream", "saved_as": 1}
    assert facts | told == facts
    assert facts["accuracy_before"] < 0.5 < facts["accuracy_after"]
    assert "sample 61 refused: 'nonsense': Expecting value" in said and "40 samples lost between 59 and 100" in said
    assert saved(state) == ("saved", 63)
    assert len(json.loads(log.read_text())["curve"]["correct"]) == 63


@pytest.mark.parametrize("number", [signal.SIGINT, *(pytest.param(n, marks=pytest.mark.long) for n in (signal.SIGTERM, signal.SIGHUP))])
def test_a_signal_ends_the_stream_and_what_was_learned_is_saved(state: Path, number: signal.Signals) -> None:
    process = teach(state, "--stream", "-", "--trace", "--json")
    assert process.stdin is not None
    process.stdin.write(json_lines(7))
    process.stdin.flush()
    until(process, b"step 7:")
    process.send_signal(number)
    assert process.stdout is not None
    facts = json.loads(process.stdout.read())  # while standard input is still open
    assert process.wait(20) == 0
    assert (facts["taught"], facts["ended_by"], facts["saved_as"]) == (7, "stopped", 1)
    assert saved(state) == ("saved", 7)
    process.communicate()


@pytest.mark.long
def test_ctrl_c_does_not_end_the_emulator_before_the_head_is_saved(tmp_path: Path) -> None:
    """A terminal sends it to the whole group of processes."""
    target = "qemu:mps2-an386"
    with connect(target, state_dir=tmp_path) as device:
        device.flash(read_bundle(find_bundle("digits")))
    process = teach(tmp_path, "--stream", "-", "--trace", "--json", target=target, start_new_session=True)
    assert process.stdin is not None
    process.stdin.write(json_lines(3))
    process.stdin.flush()
    until(process, b"step 3:")
    os.killpg(process.pid, signal.SIGINT)
    code, facts, said = ended(process)
    assert (code, facts.get("taught"), facts.get("saved_as")) == (0, 3, 1), said


def test_so_many_samples_end_a_stream_that_goes_on(state: Path) -> None:
    result = invoke(state, "--stream", lent(json_lines(20)), "--samples", "5", "--no-save", "--json")
    facts = json.loads(result.stdout)
    assert (result.exit_code, facts["taught"], facts["ended_by"], facts["saved_as"]) == (0, 5, "samples", None)
    assert saved(state)[0] == "factory"


def test_a_connection_that_breaks_saves_and_says_so(state: Path) -> None:
    where = lent(json_lines(4) + b'{"x": ', ends_by_reset=True)
    result = invoke(state, "--stream", where, "--json")
    facts = json.loads(result.stdout)
    assert (result.exit_code, facts["taught"], facts["refused"], facts["ended_by"], facts["saved_as"]) == (1, 4, 1, "lost", 1)
    assert str(result.exception) == (
        f"{where} was lost: Connection reset by peer; taught before: 4; the head was saved as 1\n"
        "hint: does the sender still run, is the network there?"
    )
    assert saved(state) == ("saved", 4)


def test_a_serial_port_whose_cable_is_pulled(state: Path) -> None:
    ours, theirs = pty.openpty()
    tty.setraw(theirs)
    name = os.ttyname(theirs)

    def send() -> None:
        data = b"9,9\n" + json_lines(6)  # joined in the middle of a line, so the format is named
        while data:
            data = data[os.write(ours, data[:512]) :]
        time.sleep(0.6)
        os.close(ours)

    sender = threading.Thread(target=send)
    threading.Timer(0.3, sender.start).start()
    result = invoke(state, "--stream", f"serial:{name}?baud=230400", "--stream-format", "json", "--json")
    facts = json.loads(result.stdout)
    assert (facts["data"], facts["taught"], facts["refused"], facts["saved_as"]) == (f"serial:{name}", 6, 1, 1)
    assert f"serial:{name} was lost: " in str(result.exception) and "is the cable in place?" in str(result.exception)
    os.close(theirs)


def test_a_strict_stream_exits_with_1(state: Path) -> None:
    result = invoke(state, "--stream", lent(json_lines(3) + b"{}\n" + json_lines(3)), "--strict", "--json")
    facts = json.loads(result.stdout)
    assert (result.exit_code, facts["taught"], facts["ended_by"]) == (1, 3, "refused")
    assert "sample 4: '{}': x is missing; taught before: 3; the head was saved as 1" in str(result.exception)


def test_where_nothing_could_be_taught_nothing_is_saved(state: Path) -> None:
    result = invoke(state, "--stream", lent(b"1,2,3\n4,5,6\n"))
    assert result.exit_code == 1
    assert "none of the 2 samples could be taught; taught before: 0; nothing was saved" in str(result.exception)
    assert "samples have shape 2; expected 28×28×1" in result.stderr.replace("\n", " ")
    result = invoke(state, "--stream", lent(b""))
    assert result.exit_code == 0
    assert "warning: no sample came from tcp:127.0.0.1:" in result.stderr
    assert saved(state)[0] == "factory"


def test_frames_with_one_label_are_a_new_class(state: Path) -> None:
    result = invoke(state, "--stream", lent(b"".join(npy(image(3, n)) for n in range(8))), "--label", "cup", "--json")
    facts = json.loads(result.stdout)
    assert (facts["taught"], facts["classes"], facts["classes_added"]) == (8, 11, "cup")


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ((), "Missing option '--data', or '--stream' for samples as they come"),
        (("--stream", "-", "--resume"), "--resume and --again are for --data"),
        (("--data", "uci-digits", "--strict"), "--strict, --stream-format and --stream-dtype are for --stream"),
    ],
)
def test_options_that_do_not_go_together(tmp_path: Path, arguments: tuple[str, ...], text: str) -> None:
    result = invoke(tmp_path, *arguments)
    assert result.exit_code == 2
    assert text in result.stderr


def test_a_camera_needs_a_label(state: Path) -> None:
    refused = invoke(state, "--stream", "camera:0").exception
    assert str(refused) == "camera:0 tells no labels; expected --label NAME, the class of all that it sees"


def test_the_guard_judges_a_stream(tmp_path: Path) -> None:
    guarded = with_settings(find_bundle("digits"), tmp_path / "guarded.tinytl", guard_buffer_bytes=8192, guard_every=2)
    with connect("host", state_dir=tmp_path / "state") as device:
        device.flash(guarded)
    result = invoke(tmp_path / "state", "--stream", lent(json_lines(80)), "--json")
    facts = json.loads(result.stdout)
    assert facts["held_out"] == 40 and facts["guard"] in ("committed", "undone", "waits")
    assert (facts["saved_as"] is not None) == (facts["guard"] == "committed")
