# SPDX-License-Identifier: Apache-2.0
"""What the agent answers itself: files in pieces, long answers, faults; each sender has its own, and none outlives who sent it."""

import hashlib
import json
import struct

import pytest

from tinytl.errors import DeviceError
from tinytl_bridge.agent.calls import MOST_FILE_BYTES, AgentCalls
from tinytl_bridge.wire import protocol
from tinytl_bridge.wire.agent_link import CALL, DATA, PIECE_BYTES
from tinytl_bridge.wire.link import LONGEST_RUN_BYTES
from tinytl_bridge.wire.protocol import Frame

HERE, THERE = "here", "there"
LONG = {"text": "x" * 40_000}


@pytest.fixture
def kept():
    return {}


@pytest.fixture
def calls(kept):
    def refuse(_request):
        raise DeviceError("no", expected="yes", hint="ask again")

    own = {"about": lambda _: {"engine": "runtime"}, "long": lambda _: LONG, "refuse": refuse, "fail": lambda _: {}["nothing"]}
    return AgentCalls(own, kept.__setitem__)


def ask(calls, sender=HERE, *, is_taken=False, payload=None, **request):
    data = json.dumps(request).encode() if payload is None else payload
    frame = protocol.decode(calls.answer(Frame(CALL, 0, 7, data), sender, is_taken=is_taken).strip(b"\0"))
    assert (frame.type, frame.session) == (protocol.ANSWER | CALL, 7)
    return json.loads(frame.payload)


def send(calls, offset, piece, sender=HERE):
    frame = protocol.decode(calls.answer(Frame(DATA, 0, 7, struct.pack("<I", offset) + piece), sender).strip(b"\0"))
    if frame.type == protocol.ANSWER | DATA:
        return struct.unpack("<I", frame.payload)[0]
    return json.loads(frame.payload)["error"]["what"]


def end(calls, data, sender=HERE):
    return ask(calls, sender, call="file-end", sha256=hashlib.sha256(data).hexdigest())


def test_a_file_arrives_whole_and_a_piece_that_comes_twice_counts_once(calls, kept):
    ask(calls, call="file-begin", file="model", bytes=6)
    assert [send(calls, 0, b"abc"), send(calls, 0, b"abc"), send(calls, 3, b"def")] == [3, 3, 6]
    assert end(calls, b"abcdef") == {"result": {"sha256": hashlib.sha256(b"abcdef").hexdigest()}}
    assert kept == {"model": b"abcdef"}


def test_a_damaged_file_is_refused_and_not_kept(calls, kept):
    ask(calls, call="file-begin", file="model", bytes=3)
    send(calls, 0, b"abX")
    error = end(calls, b"abc")["error"]
    assert error["what"].startswith("file 'model' arrived with 3 bytes and SHA-256") and error["hint"] == "send it again"
    assert not kept
    assert end(calls, b"abX")["error"]["what"] == "no file of this program is on its way"


def test_two_senders_do_not_mix_their_files(calls, kept):
    ask(calls, HERE, call="file-begin", file="model", bytes=3)
    send(calls, 0, b"abc", HERE)
    assert send(calls, 0, b"xyz", THERE) == "no file of this program is on its way"
    ask(calls, THERE, call="file-begin", file="samples", bytes=3)
    assert send(calls, 0, b"xyz", THERE) == 3
    assert "on its way" in end(calls, b"abc", HERE)["error"]["what"]
    assert "result" in end(calls, b"xyz", THERE)
    assert kept == {"samples": b"xyz"}


def test_half_a_file_goes_with_its_sender(calls):
    ask(calls, call="file-begin", file="model", bytes=MOST_FILE_BYTES)
    send(calls, 0, bytes(PIECE_BYTES))
    calls.leave(THERE)
    assert send(calls, PIECE_BYTES, b"more") == PIECE_BYTES + 4
    calls.leave(HERE)
    assert send(calls, PIECE_BYTES + 4, b"more") == "no file of this program is on its way"


@pytest.mark.parametrize("size", [0, -1, MOST_FILE_BYTES + 1, True, "6", None, 1.5])
def test_a_file_of_no_such_size_is_refused(calls, size):
    assert ask(calls, call="file-begin", file="model", bytes=size)["error"]["what"] == f"file 'model' of {size!r} bytes"


def test_a_piece_outside_the_file_is_refused(calls):
    ask(calls, call="file-begin", file="model", bytes=4)
    assert send(calls, 2, b"ab") == "bytes 2 on of file 'model'"
    assert send(calls, 0, b"abcde") == "bytes 0 on of file 'model'"


def test_a_long_answer_is_fetched_by_who_asked(calls):
    size = ask(calls, HERE, call="long")["bytes"]
    assert ask(calls, THERE, call="rest", offset=0)["error"]["what"] == "bytes 0 on of an answer of 0"
    text = "".join(ask(calls, HERE, call="rest", offset=at)["result"]["piece"] for at in range(0, size, PIECE_BYTES))
    assert json.loads(text) == {"result": LONG}
    calls.leave(HERE)
    assert "of an answer of 0" in ask(calls, HERE, call="rest", offset=0)["error"]["what"]


DEEP = b"[" * 9000


@pytest.mark.parametrize("payload", [b"", b"\xff", b"[]", b"{}", b'{"call": 3}', b'{"call": "dance"}', pytest.param(DEEP, id="deep")])
def test_nonsense_is_refused_in_words(calls, payload):
    error = ask(calls, payload=payload)["error"]
    assert error["what"].startswith("the agent knows no call ") and "about, fail, file-begin" in error["expected"]


def test_a_refusal_fits_into_a_frame_whatever_it_quotes(calls):
    for name in ("x" * 15_000, "\U0001f600" * 1200):
        frame = calls.answer(Frame(CALL, 0, 7, json.dumps({"call": name}).encode()), HERE)
        assert len(frame) <= LONGEST_RUN_BYTES
        assert json.loads(protocol.decode(frame.strip(b"\0")).payload)["error"]["what"].startswith("the agent knows no call ")


def test_a_refusal_travels_and_a_fault_of_ours_costs_one_answer(calls, caplog):
    assert ask(calls, call="refuse") == {"error": {"what": "no", "expected": "yes", "hint": "ask again"}}
    assert ask(calls, call="fail")["error"]["what"] == "the agent failed: KeyError: 'nothing'"
    assert "a call failed" in caplog.text
    assert ask(calls, call="about") == {"result": {"engine": "runtime"}}


def test_while_another_program_holds_the_session_facts_alone_are_told(calls):
    assert ask(calls, is_taken=True, call="about") == {"result": {"engine": "runtime"}}
    refused = ask(calls, is_taken=True, call="file-begin", file="model", bytes=3)["error"]
    assert refused["what"] == "another program holds the agent's session, so 'file-begin' waits"
