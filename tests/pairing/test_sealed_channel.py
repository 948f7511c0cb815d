# SPDX-License-Identifier: Apache-2.0
"""The sealed channel: what was sent arrives; anything else ends it, whatever somebody in the line does with the messages."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from two_sides import PATIENT

from tinytl_bridge.pairing.errors import PairingError, Reason
from tinytl_bridge.pairing.framing import Messages, carried
from tinytl_bridge.pairing.sealed_channel import MOST_DATA_BYTES, MOST_MESSAGE_BYTES, SealedChannel
from tinytl_bridge.pairing.sealed_stream import SealedStream

TAMPERED = (
    "a sealed message was altered, repeated, reordered or cut; expected messages as they were sent, one after another\n"
    "hint: connect again; if it comes again, somebody is in the line"
)
PIECES = st.lists(st.binary(max_size=80), min_size=2, max_size=6)


def ends() -> tuple[SealedChannel, SealedChannel]:
    left, right = bytes(32), bytes([1] * 32)
    return SealedChannel(sending=left, receiving=right), SealedChannel(sending=right, receiving=left)


def expect_ended(channel: SealedChannel, message: bytes) -> None:
    """The message is refused, and so is everything after it, in both directions."""
    for refused in (lambda: channel.open(message), lambda: channel.open(message), lambda: channel.seal(b"x")):
        with pytest.raises(PairingError) as caught:
            refused()
        assert str(caught.value) == TAMPERED and caught.value.reason is Reason.TAMPERED


@PATIENT
@given(st.lists(st.tuples(st.booleans(), st.binary(max_size=200))))
def test_what_is_sent_arrives_in_both_directions(sent: list[tuple[bool, bytes]]) -> None:
    host, agent = ends()
    for is_host, data in sent:
        sender, taker = (host, agent) if is_host else (agent, host)
        message = sender.seal(data)
        assert len(message) == len(data) + 16
        assert taker.open(message) == data


@PATIENT
@given(PIECES, st.data())
def test_a_message_that_comes_again_ends_the_channel(pieces: list[bytes], data: st.DataObject) -> None:
    host, agent = ends()
    messages = [host.seal(piece) for piece in pieces]
    count = data.draw(st.integers(1, len(messages)))
    for message in messages[:count]:
        agent.open(message)
    expect_ended(agent, data.draw(st.sampled_from(messages[:count])))


@PATIENT
@given(PIECES, st.data())
def test_a_message_before_its_turn_ends_the_channel(pieces: list[bytes], data: st.DataObject) -> None:
    """So one that is left out does, too."""
    host, agent = ends()
    messages = [host.seal(piece) for piece in pieces]
    turn = data.draw(st.integers(0, len(messages) - 2))
    for message in messages[:turn]:
        agent.open(message)
    expect_ended(agent, data.draw(st.sampled_from(messages[turn + 1 :])))


@PATIENT
@given(st.binary(max_size=80), st.data())
def test_a_message_that_was_cut_or_grew_ends_the_channel(piece: bytes, data: st.DataObject) -> None:
    host, agent = ends()
    message = host.seal(piece)
    cut = message[: data.draw(st.integers(0, len(message) - 1))]
    expect_ended(agent, data.draw(st.sampled_from([cut, message + b"\0", message[1:]])))


@PATIENT
@given(st.binary(max_size=80), st.data())
def test_a_message_of_which_one_bit_differs_ends_the_channel(piece: bytes, data: st.DataObject) -> None:
    host, agent = ends()
    message = bytearray(host.seal(piece))
    message[data.draw(st.integers(0, len(message) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    expect_ended(agent, bytes(message))


@PATIENT
@given(st.binary(max_size=80))
def test_a_message_that_is_sent_back_ends_the_channel(piece: bytes) -> None:
    host, _ = ends()
    expect_ended(host, host.seal(piece))


def test_equal_data_looks_different_each_time() -> None:
    host, _ = ends()
    assert host.seal(b"same") != host.seal(b"same")


def test_64_kib_is_the_most() -> None:
    host, agent = ends()
    assert agent.open(host.seal(bytes(MOST_DATA_BYTES))) == bytes(MOST_DATA_BYTES)
    with pytest.raises(PairingError) as caught:
        host.seal(bytes(MOST_DATA_BYTES + 1))
    assert str(caught.value) == "65537 bytes for one sealed message; expected at most 65536\nhint: send pieces"
    assert agent.open(host.seal(b"goes on")) == b"goes on"
    expect_ended(agent, bytes(MOST_MESSAGE_BYTES + 1))


@PATIENT
@given(st.lists(st.binary(max_size=100)), st.integers(1, 50))
def test_a_stream_goes_through_however_it_is_cut(pieces: list[bytes], size: int) -> None:
    host, agent = (SealedStream(end) for end in ends())
    line = b"".join(host.write(piece) for piece in pieces)
    read = b"".join(agent.read(line[at : at + size]) for at in range(0, len(line), size))
    assert read == b"".join(pieces)


def test_a_long_write_is_several_messages() -> None:
    host, agent = (SealedStream(end) for end in ends())
    data = bytes(range(256)) * 600
    line = host.write(data)
    assert [len(message) for message in Messages(MOST_MESSAGE_BYTES).feed(line)] == [65552, 65552, 153600 - 2 * 65536 + 16]
    assert agent.read(line) == data
    assert host.write(b"") == b""


@PATIENT
@given(st.lists(st.binary(min_size=1, max_size=30)), st.integers(1, 12))
def test_messages_are_split_however_they_come(messages: list[bytes], size: int) -> None:
    line, splitter = b"".join(map(carried, messages)), Messages(30)
    assert [each for at in range(0, len(line), size) for each in splitter.feed(line[at : at + size])] == messages


@pytest.mark.parametrize(
    ("length", "told"), [(0, "a message of 0 bytes"), (31, "a message of 31 bytes"), (2**32 - 1, "a message of 4294967295 bytes")]
)
def test_a_length_that_no_message_has_ends_the_stream(length: int, told: str) -> None:
    splitter = Messages(30)
    assert splitter.feed(carried(b"before")) == [b"before"]
    for data in (length.to_bytes(4, "little"), b"more" * 100):
        with pytest.raises(PairingError) as caught:
            splitter.feed(data)
        assert str(caught.value) == f"{told}; expected 1 to 30\nhint: is that port a tinytl agent's?"
