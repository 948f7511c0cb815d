# SPDX-License-Identifier: Apache-2.0
"""The handshake: by code, then by what was remembered; what each side is told when it fails."""

import platform
from dataclasses import replace
from pathlib import Path

import pytest
from two_sides import Agent, exchange, host_of, paired

from tinytl_bridge.pairing.agent_policy import OpenPolicy
from tinytl_bridge.pairing.codes import Code, new_code
from tinytl_bridge.pairing.errors import PairingError, Reason
from tinytl_bridge.pairing.framing import FIRST_BYTE, PLAIN_FIRST_BYTE, carried
from tinytl_bridge.pairing.handshake import AgentHandshake, HostHandshake
from tinytl_bridge.pairing.messages import MOST_HANDSHAKE_BYTES
from tinytl_bridge.pairing.pairings import Pairing

SHOWN = "the agent shows a code where it runs: in its terminal, or in its log (journalctl --user -u tinytl-agent)"


@pytest.fixture
def agent(tmp_path: Path) -> Agent:
    return Agent(tmp_path)


def refused(host: HostHandshake, agent: Agent, reason: Reason) -> str:
    """Text of the error with which an exchange ends on both sides."""
    side = AgentHandshake(agent.policy)
    with pytest.raises(PairingError) as caught:
        exchange(host, side)
    assert caught.value.reason is reason
    assert side.refusal is not None and side.refusal.reason is reason
    assert not host.done and host.channel is None and host.pairing is None
    assert not side.done and side.channel is None
    return str(caught.value)


def expect_talk(host: HostHandshake, side: AgentHandshake) -> None:
    assert host.done and side.done and host.channel and side.channel
    assert side.channel.open(host.channel.seal(b"to the agent")) == b"to the agent"
    assert host.channel.open(side.channel.seal(b"to the host")) == b"to the host"


def test_a_code_is_asked_once(agent: Agent) -> None:
    host, side = host_of(agent.code()), AgentHandshake(agent.policy)
    assert len(exchange(host, side)) == 4
    expect_talk(host, side)
    assert host.pairing is not None and host.pairing.name == host.peer_name == "pi" and side.peer_name == "desk"
    assert agent.pairings.all() == [replace(host.pairing, name="desk")] == [side.pairing]

    host, side = host_of(host.pairing, "later"), AgentHandshake(agent.policy)
    assert len(exchange(host, side)) == 4
    expect_talk(host, side)
    assert host.pairing is None and side.peer_name == "desk" and host.peer_name == "pi"
    assert len(agent.pairings.all()) == 1


def test_names_are_the_machines_unless_told(tmp_path: Path) -> None:
    agent = Agent(tmp_path)
    host, side = HostHandshake(agent.code(), allow_open=False, cost=2), AgentHandshake(agent.policy)
    exchange(host, side)
    assert side.peer_name == platform.node()


def test_no_secret_is_on_the_wire(agent: Agent) -> None:
    code = agent.code()
    host = host_of(code)
    line = b"".join(exchange(host, AgentHandshake(agent.policy)))
    assert host.pairing is not None
    for secret in (code.value, agent.codes[0].encode(), host.pairing.key, host.pairing.id, b"desk", b"pi"):
        assert secret not in line


def test_the_first_byte_tells_a_pairing_from_a_plain_session(agent: Agent) -> None:
    for secret in (None, agent.code(), Pairing(bytes(16), bytes(32), "")):
        assert carried(host_of(secret).begin())[:8] == bytes([FIRST_BYTE, 0, 0, 0]) + b"TLPA"
    assert FIRST_BYTE != PLAIN_FIRST_BYTE == 0


def test_long_names_fit_and_odd_ones_are_shown_safely(agent: Agent) -> None:
    host = HostHandshake(agent.code(), allow_open=False, name="\x1b[31mred\n\u202e" + "ä" * 90, cost=2)
    side = AgentHandshake(agent.policy)
    assert max(map(len, exchange(host, side))) <= MOST_HANDSHAKE_BYTES
    assert side.peer_name == "[31mred" + "ä" * 26
    host, side = HostHandshake(host.pairing, allow_open=False, name=""), AgentHandshake(agent.policy)
    exchange(host, side)
    assert side.peer_name == "unnamed"


def test_a_wrong_code_is_refused(agent: Agent) -> None:
    agent.code()
    told = refused(host_of(Code.read(new_code())), agent, Reason.WRONG_CODE)
    assert told == f"wrong pairing code; expected the one that the agent shows now\nhint: {SHOWN}"
    told = refused(host_of(agent.code()), agent, Reason.WAIT)
    assert told == "wait 1 s before another code; expected some time after each wrong code"
    agent.wait()
    exchange(host_of(agent.code()), AgentHandshake(agent.policy))


def test_a_code_expires_and_a_new_one_is_shown(agent: Agent) -> None:
    old = agent.code()
    agent.clock.now_s += 599
    assert agent.code() == old and len(agent.codes) == 1
    agent.clock.now_s += 1
    told = refused(host_of(old), agent, Reason.EXPIRED)
    assert told == f"the pairing code has expired or was used; expected the one that the agent shows now\nhint: {SHOWN}"
    assert len(agent.codes) == 2
    exchange(host_of(Code.read(agent.codes[1])), AgentHandshake(agent.policy))


def test_a_code_that_expires_between_two_messages_is_refused(agent: Agent) -> None:
    code = agent.code()
    host, side = host_of(code), AgentHandshake(agent.policy)
    proof = host.receive(side.receive(host.begin()) or b"")
    agent.clock.now_s += 600
    with pytest.raises(PairingError, match="has expired"):
        host.receive(side.receive(proof or b"") or b"")
    assert agent.pairings.all() == []


def test_a_code_is_for_one_pairing(agent: Agent) -> None:
    """Even for two hosts that both got a challenge before one of them proved to know it."""
    code = agent.code()
    first, second = (host_of(code, seed) for seed in ("first", "second"))
    sides = [AgentHandshake(agent.policy) for _ in range(2)]
    proofs = [host.receive(side.receive(host.begin()) or b"") for host, side in zip((first, second), sides, strict=True)]
    first.receive(sides[0].receive(proofs[0] or b"") or b"")
    assert first.done
    with pytest.raises(PairingError, match="expired or was used"):
        second.receive(sides[1].receive(proofs[1] or b"") or b"")
    refused(host_of(code, "third"), agent, Reason.EXPIRED)
    assert len(agent.pairings.all()) == 1


def test_an_agent_that_was_reset_says_how_to_pair_again(agent: Agent) -> None:
    pairing = paired(agent)
    assert agent.pairings.forget(pairing.id)
    told = refused(host_of(pairing), agent, Reason.UNKNOWN_PAIRING)
    assert told == (
        f"the agent does not know this pairing; expected one that it remembers; it was reset, or has forgotten this host\nhint: pair again; {SHOWN}"
    )


def test_another_key_under_a_known_id_is_refused(agent: Agent) -> None:
    pairing = paired(agent)
    told = refused(host_of(replace(pairing, key=bytes(32))), agent, Reason.WRONG_KEY)
    assert told == f"the agent remembers another key for this pairing; expected the same on both sides\nhint: pair again; {SHOWN}"
    assert agent.policy.lockout.failures == 0


def test_a_host_without_a_secret_learns_that_one_is_needed(agent: Agent) -> None:
    told = refused(host_of(None, allow_open=True), agent, Reason.PAIRING_DEMANDED)
    assert told == f"the agent demands a pairing; expected its code once, or a remembered pairing\nhint: {SHOWN}"


@pytest.mark.parametrize("has_secret", [False, True])
def test_an_open_agent_is_taken_only_where_allowed(has_secret: bool) -> None:
    secret = Code(bytes(10)) if has_secret else None
    host, side = host_of(secret, allow_open=True), AgentHandshake(OpenPolicy())
    assert len(exchange(host, side)) == 2
    assert host.done and side.done and host.channel is None and side.channel is None and host.peer_name == ""
    host = host_of(secret)
    with pytest.raises(PairingError) as caught:
        exchange(host, AgentHandshake(OpenPolicy()))
    assert str(caught.value) == (
        "who answered offers a session without a pairing; expected a proof: only on this machine a session may be open\n"
        "hint: check the address; somebody else may be answering there"
    )
    assert not host.done


def test_an_agent_that_cannot_write_pairs_nobody_and_keeps_its_code(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    agent = Agent(tmp_path / "file/state")
    told = refused(host_of(agent.code()), agent, Reason.NOT_KEPT)
    assert told == "the agent cannot remember the pairing; expected a disk with room that may be written\nhint: its log says why"
    assert len(agent.codes) == 1 and agent.policy.lockout.failures == 0


def test_the_log_of_an_agent_with_a_damaged_file_can_say_why(agent: Agent, tmp_path: Path) -> None:
    pairing = paired(agent)
    (tmp_path / "pairings.json").write_text("{")
    side = AgentHandshake(agent.policy)
    with pytest.raises(PairingError, match="the agent cannot remember the pairing"):
        exchange(host_of(pairing), side)
    assert side.refusal is not None and "is damaged" in str(side.refusal.__cause__)


def test_nothing_is_taken_after_the_end(agent: Agent) -> None:
    host, side = host_of(agent.code()), AgentHandshake(agent.policy)
    sent = exchange(host, side)
    assert side.receive(sent[2]) is None and host.done
    with pytest.raises(PairingError, match="cannot be read"):
        host.receive(sent[3])
    expect_talk(host, side)


def test_a_refusal_of_a_later_version_is_told_as_it_is(agent: Agent) -> None:
    host = host_of(agent.code())
    host.begin()
    with pytest.raises(PairingError) as caught:
        host.receive(b"TLPA\x01\x05\x21\x00" + bytes(4))
    assert (
        str(caught.value)
        == "the agent refused the pairing for reason 33; expected a reason from 1 to 10\nhint: bring tinytl on both sides to one version"
    )


def test_another_version_is_refused_by_its_name(agent: Agent) -> None:
    side = AgentHandshake(agent.policy)
    answer = side.receive(b"TLPA\x02" + host_of(agent.code()).begin()[5:])
    host = host_of(agent.code())
    host.begin()
    with pytest.raises(PairingError) as caught:
        host.receive(answer or b"")
    assert (
        str(caught.value)
        == "the agent speaks another version of the pairing; expected version 1\nhint: bring tinytl on both sides to one version"
    )
