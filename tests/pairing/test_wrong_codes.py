# SPDX-License-Identifier: Apache-2.0
"""A thousand wrong codes through the real handshake: none gets in, waits grow, the lockout holds, paired hosts still come in."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from random import Random
from threading import Barrier

import pytest
from two_sides import Agent, exchange, host_of, paired

from tinytl_bridge.pairing.codes import Code
from tinytl_bridge.pairing.errors import PairingError, Reason
from tinytl_bridge.pairing.handshake import AgentHandshake
from tinytl_bridge.pairing.pairings import Pairing

LOCKED = (
    "the agent looks at no more codes; expected a new code after too many wrong ones\nhint: have the agent make a new code where it runs"
)


@pytest.fixture
def agent(tmp_path: Path) -> Agent:
    return Agent(tmp_path)


def attempt(agent: Agent, code: Code) -> PairingError | None:
    """Try a code on a connection of its own; returns the refusal, None when it got in."""
    try:
        exchange(host_of(code), AgentHandshake(agent.policy))
    except PairingError as error:
        return error
    return None


def expect_paired_host_gets_in(agent: Agent, pairing: Pairing) -> None:
    host, side = host_of(pairing), AgentHandshake(agent.policy)
    exchange(host, side)
    assert host.done and side.done and side.peer_name == "desk"


def test_a_thousand_wrong_codes(agent: Agent) -> None:
    pairing, random = paired(agent), Random(1)
    begun_s, looked_at, waits = agent.clock.now_s, 0, []
    agent.policy.renew()
    while looked_at < 1000:
        error = attempt(agent, Code(random.randbytes(10)))
        assert error is not None, "a wrong code got in"
        if error.reason is Reason.WRONG_CODE:
            looked_at += 1
        elif error.reason is Reason.WAIT:
            waits.append(error.wait_s)
            agent.clock.now_s += error.wait_s
        elif error.reason is Reason.LOCKED:
            assert str(error) == LOCKED and looked_at % 10 == 0
            expect_paired_host_gets_in(agent, pairing)
            agent.policy.renew()
        else:
            assert error.reason is Reason.EXPIRED
        if looked_at % 100 == 0:
            expect_paired_host_gets_in(agent, pairing)
    assert [each.id for each in agent.pairings.all()] == [pairing.id]
    assert waits == [1, 2, 4, 8, 16, 32, 64, 128, 256] * 100
    assert agent.clock.now_s - begun_s >= 100 * 511


def test_the_lockout_outlives_time_and_connections_and_the_right_code(agent: Agent) -> None:
    right = agent.code()
    for number in range(10):
        error = attempt(agent, Code(bytes([number] * 10)))
        assert error is not None and error.reason is Reason.WRONG_CODE
        agent.wait()
    agent.clock.now_s += 10 * 365 * 86400
    for _ in range(3):
        error = attempt(agent, right)
        assert error is not None and str(error) == LOCKED
    with pytest.raises(PairingError, match="looks at no more codes"):
        agent.policy.code()
    assert len(agent.codes) == 1
    assert attempt(agent, Code.read(agent.policy.renew())) is None


def test_a_code_that_expires_does_not_forget_the_wrong_ones(agent: Agent) -> None:
    agent.code()
    for expected in range(1, 10):
        assert attempt(agent, Code(bytes(10))) is not None
        agent.clock.now_s += 1000
        agent.code()
        assert agent.policy.lockout.failures == expected
    assert attempt(agent, Code(bytes(10))) is not None
    assert agent.policy.lockout.locked and len(agent.codes) == 10


def test_many_connections_at_once_get_one_look(agent: Agent) -> None:
    """A hundred challenges are had before the first proof; then all proofs come at once, the right one among the late ones."""
    right = agent.code()
    hosts = [host_of(Code(bytes([number] * 10)), str(number)) for number in range(100)] + [host_of(right)]
    sides = [AgentHandshake(agent.policy) for _ in hosts]
    proofs = [host.receive(side.receive(host.begin()) or b"") for host, side in zip(hosts, sides, strict=True)]
    answers = [side.receive(proof or b"") for side, proof in zip(sides, proofs, strict=True)]
    reasons = [side.refusal and side.refusal.reason for side in sides]
    assert reasons == [Reason.WRONG_CODE] + [Reason.WAIT] * 100
    assert agent.policy.lockout.failures == 1
    assert len(set(answers[1:])) == 1, "what waits is told the same, whether the code is right or not"


def test_threads_at_once_get_one_look_too(agent: Agent) -> None:
    agent.code()
    proven = []
    for number in range(32):
        host, side = host_of(Code(bytes([number] * 10)), str(number)), AgentHandshake(agent.policy)
        proven.append((side, host.receive(side.receive(host.begin()) or b"") or b""))
    with ThreadPoolExecutor(len(proven)) as threads:
        start = Barrier(len(proven))
        list(threads.map(lambda each: (start.wait(), each[0].receive(each[1])), proven))
    assert sorted(side.refusal.reason for side, _ in proven if side.refusal) == [Reason.WRONG_CODE] + [Reason.WAIT] * 31
    assert agent.policy.lockout.failures == 1


def test_wrong_codes_never_cost_a_paired_host_time(agent: Agent) -> None:
    pairing = paired(agent)
    agent.policy.renew()
    assert attempt(agent, Code(bytes(10))) is not None
    assert agent.policy.lockout.delay_s() > 0
    expect_paired_host_gets_in(agent, pairing)
    assert agent.policy.lockout.failures == 1, "a paired host that comes in says nothing about codes"


def test_forged_keys_of_a_paired_host_lock_out_nobody(agent: Agent) -> None:
    pairing = paired(agent)
    for number in range(50):
        side = AgentHandshake(agent.policy)
        with pytest.raises(PairingError, match="remembers another key"):
            exchange(host_of(replace(pairing, key=bytes([number] * 32))), side)
    assert agent.policy.lockout.failures == 0
    expect_paired_host_gets_in(agent, pairing)


def test_asking_often_makes_scrypt_run_once(agent: Agent) -> None:
    """Challenges of one code have one salt, so that nobody can make an agent compute for him."""
    agent.code()
    answers = [AgentHandshake(agent.policy).receive(host_of(Code(bytes(10)), str(number)).begin()) or b"" for number in range(20)]
    assert len({answer[8:24] for answer in answers}) == 1 and len({answer[24:] for answer in answers}) == 20
    agent.policy.renew()
    assert (AgentHandshake(agent.policy).receive(host_of(Code(bytes(10))).begin()) or b"")[8:24] != answers[0][8:24]
