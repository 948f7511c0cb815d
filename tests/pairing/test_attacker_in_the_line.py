# SPDX-License-Identifier: Apache-2.0
"""Somebody in the line, or in the agent's place: whatever is done to the messages, nobody gets in and nothing is told that helps to guess."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st
from two_sides import CHEAP, PATIENT, Agent, Seeded, exchange, host_of, paired

from tinytl_bridge.pairing.codes import Code, code_key
from tinytl_bridge.pairing.errors import PairingError, Reason
from tinytl_bridge.pairing.handshake import AgentHandshake, HostHandshake
from tinytl_bridge.pairing.key_schedule import derive_keys
from tinytl_bridge.pairing.messages import Kind, Opening, Proof, pack_opening, pack_proof
from tinytl_bridge.pairing.pairings import Pairing
from tinytl_bridge.pairing.primitives import public_key, shared_secret

BY = ("code", "pairing")
LOW_ORDER = [bytes(32), bytes([1] + [0] * 31), bytes.fromhex("e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800")]


@pytest.fixture
def agent(tmp_path: Path) -> Agent:
    return Agent(tmp_path)


def secret_of(agent: Agent, by: str) -> Code | Pairing:
    return agent.code() if by == "code" else paired(agent)


def connection(agent: Agent, secret: Code | Pairing) -> tuple[HostHandshake, AgentHandshake]:
    agent.policy.lockout.succeeded()
    return host_of(secret), AgentHandshake(agent.policy)


@pytest.mark.parametrize("by", BY)
@pytest.mark.parametrize("bit", [pytest.param(0x01, marks=pytest.mark.long), 0x80])
def test_each_byte_of_each_message_matters(agent: Agent, by: str, bit: int) -> None:
    """The host never believes to be connected; the agent does when its own last message is the altered one, and only then."""
    secret = secret_of(agent, by)
    lengths = [len(message) for message in exchange(*connection(agent, secret))]
    assert lengths == [56, 56, 60, 106 if by == "code" else 58]
    for number, place in [(number, place) for number, length in enumerate(lengths, 1) for place in range(length)]:
        if by == "code":
            secret = Code.read(agent.policy.renew())
        host, side = connection(agent, secret)

        def flip(now: int, message: bytes, *, number: int = number, place: int = place) -> bytes:
            return message if now != number else message[:place] + bytes([message[place] ^ bit]) + message[place + 1 :]

        with pytest.raises(PairingError):
            exchange(host, side, flip)
        assert not host.done and host.channel is None and host.pairing is None, (number, place)
        assert side.done is (number == 4), (number, place)


CUTS: list[Callable[[bytes], bytes]] = [
    lambda message: b"",
    lambda message: message[:7],
    lambda message: message[:8],
    lambda message: message[:40],
    lambda message: message[:-1],
    lambda message: message[1:],
    lambda message: message + b"\0",
    lambda message: message + bytes(60),
    lambda message: message * 6,
]


@pytest.mark.parametrize("by", BY)
@pytest.mark.parametrize("number", [1, 2, 3, 4])
@pytest.mark.parametrize("cut", CUTS)
def test_a_message_that_was_cut_or_grew_fails(agent: Agent, by: str, number: int, cut: Callable[[bytes], bytes]) -> None:
    host, side = connection(agent, secret_of(agent, by))
    with pytest.raises(PairingError):
        exchange(host, side, lambda now, message: cut(message) if now == number else message)
    assert not host.done and side.done is (number == 4)


@pytest.mark.parametrize("by", BY)
def test_what_was_recorded_opens_no_other_connection(agent: Agent, by: str) -> None:
    secret = secret_of(agent, by)
    host, side = connection(agent, secret)
    recorded = exchange(host, side)
    if by == "code":
        agent.policy.renew()
    again = AgentHandshake(agent.policy)
    again.receive(recorded[0])
    again.receive(recorded[2])
    assert not again.done and again.refusal is not None

    class Player:
        """An agent that plays what a real one said."""

        def __init__(self) -> None:
            self._answers = [recorded[1], recorded[3]]

        def receive(self, message: bytes) -> bytes:
            return self._answers.pop(0)

    other = host_of(secret, "another connection")
    with pytest.raises(PairingError) as caught:
        exchange(other, Player())  # type: ignore[arg-type]
    assert caught.value.reason is Reason.IMPOSTOR and not other.done


@pytest.mark.parametrize("by", BY)
def test_a_host_that_hears_itself_is_not_connected(agent: Agent, by: str) -> None:
    host = host_of(secret_of(agent, by))
    with pytest.raises(PairingError, match="cannot be read"):
        host.receive(host.begin())
    for reflected in (
        lambda hello: hello[:5] + bytes([Kind.CHALLENGE, 0, 0]) + hello[8:],
        lambda hello: pack_opening(Kind.CHALLENGE, Opening(0, bytes(16), hello[24:])),
    ):
        host = host_of(secret_of(agent, by))
        proof = host.receive(reflected(host.begin())) or b""
        with pytest.raises(PairingError) as caught:
            host.receive(proof[:5] + bytes([Kind.AGENT_PROOF]) + proof[6:])
        assert caught.value.reason is Reason.IMPOSTOR


@pytest.mark.parametrize("public", LOW_ORDER)
def test_keys_that_make_every_secret_zero_are_refused(agent: Agent, public: bytes) -> None:
    host, side = connection(agent, agent.code())
    with pytest.raises(PairingError, match="cannot be read"):
        exchange(host, side, lambda now, message: message[:24] + public if now == 1 else message)
    host = host_of(agent.code())
    host.begin()
    with pytest.raises(PairingError, match="cannot be read"):
        host.receive(pack_opening(Kind.CHALLENGE, Opening(0, bytes(16), public)))


def test_a_challenge_with_a_detail_is_none(agent: Agent) -> None:
    host = host_of(agent.code())
    host.begin()
    with pytest.raises(PairingError, match="cannot be read"):
        host.receive(pack_opening(Kind.CHALLENGE, Opening(1, bytes(16), public_key(bytes(32)))))


class Impostor:
    """Answers in the agent's place without knowing the code; keeps all that it hears, and guesses one key."""

    def __init__(self, guess: bytes, salt: bytes = bytes(16)) -> None:
        self.private, self.salt, self.guess, self.heard = Seeded("impostor")(32), salt, guess, list[bytes]()
        self.challenge = b""

    def receive(self, message: bytes) -> bytes:
        self.heard.append(message)
        if len(self.heard) == 1:
            self.challenge = pack_opening(Kind.CHALLENGE, Opening(0, self.salt, public_key(self.private)))
            return self.challenge
        keys = self.keys(self.guess)
        return pack_proof(Kind.AGENT_PROOF, Proof(keys.prove_agent(message), keys.agent_channel().seal(bytes(48) + b"pi")))

    def keys(self, secret: bytes):  # type: ignore[no-untyped-def]
        return derive_keys(shared_secret(self.private, self.heard[0][24:]), secret, self.heard[0], self.challenge)

    def fits(self, secret: bytes) -> bool:
        """Whether a key of a code, computed with its scrypt, is the one that the host has: all that can be checked afterwards."""
        return self.keys(secret).prove_host() == self.heard[1][8:40]


def test_an_impostor_is_refused_and_can_check_guesses_by_scrypt_alone(agent: Agent) -> None:
    code = agent.code()
    host, impostor = host_of(code), Impostor(guess=bytes(32))
    with pytest.raises(PairingError) as caught:
        exchange(host, impostor)  # type: ignore[arg-type]
    assert str(caught.value) == (
        "who answered cannot prove to be the agent; expected the agent that shows this code, or that was paired\n"
        "hint: check the address; somebody else may be answering there. Nothing was sent to it that tells the code"
    )
    assert not host.done and host.channel is None
    assert impostor.fits(code_key(code.value, impostor.salt, cost=CHEAP))
    assert not impostor.fits(code_key(bytes(10), impostor.salt, cost=CHEAP))


def test_a_host_says_nothing_of_the_code_but_through_its_key(agent: Agent) -> None:
    """`hello` is the same for every code, and the proof is made of scrypt's key: without the key of a guess nothing can be compared."""
    hosts = [host_of(Code(bytes([number] * 10))) for number in range(4)]
    (hello,) = {host.begin() for host in hosts}
    impostor = Impostor(guess=bytes(32))
    impostor.receive(hello)
    for number, host in enumerate(hosts):
        key = code_key(bytes([number] * 10), impostor.salt, cost=CHEAP)
        keys = impostor.keys(key)
        expected = pack_proof(Kind.HOST_PROOF, Proof(keys.prove_host(), keys.host_channel().seal(b"desk")))
        assert host.receive(impostor.challenge) == expected


def test_an_agent_says_nothing_of_its_code_to_who_does_not_know_it(tmp_path: Path) -> None:
    """The same randomness, another code: challenge and refusal are the same bytes."""
    answers = []
    for name in (b"code of one", b"code of 02"):
        rest = Seeded("all but the code")
        agent = Agent(tmp_path / name.hex(), lambda count, code=name[:10], rest=rest: code if count == 10 else rest(count))
        assert agent.code().value == name[:10]
        host, side = host_of(Code(bytes(10))), AgentHandshake(agent.policy)
        challenge = side.receive(host.begin()) or b""
        answers.append((challenge, side.receive(host.receive(challenge) or b"")))
    assert answers[0] == answers[1]


def test_an_impostor_that_guesses_the_code_would_be_believed(agent: Agent) -> None:
    """So that the test above refuses for the right reason."""
    code = agent.code()
    host, impostor = host_of(code), Impostor(guess=code_key(code.value, bytes(16), cost=CHEAP))
    exchange(host, impostor)  # type: ignore[arg-type]


@PATIENT
@given(st.binary(max_size=300))
def test_noise_gets_an_answer_and_nothing_else(data: bytes) -> None:
    with TemporaryDirectory() as folder:
        agent = Agent(Path(folder))
        for beginning in (b"", b"TLPA\x01", b"TLPA\x01\x01\x01\x00", b"TLPA\x01\x03\x00\x00"):
            side = AgentHandshake(agent.policy)
            answer = side.receive(beginning + data)
            assert answer is not None and not side.done
            host = host_of(agent.code())
            host.begin()
            with suppress(PairingError):
                host.receive(beginning + data)
            assert not host.done


Party = HostHandshake | AgentHandshake


def expect_true_pairs(parties: list[Party], said: list[list[bytes]], took: list[list[bytes]]) -> int:
    """Who is connected took exactly what one other side said, which had taken exactly what this one said; returns how many are.

    An agent's last message may still be lost or altered: then the agent is connected and its host is not.
    """
    for one, party in enumerate(parties):
        if party.done:
            heard = 2 if isinstance(party, HostHandshake) else 1
            partners = [other for other, words in enumerate(said) if words == took[one] and took[other][:heard] == said[one][:heard]]
            assert len(partners) == 1 and isinstance(parties[partners[0]], HostHandshake) is not isinstance(party, HostHandshake)
    return sum(party.done for party in parties)


def attacked(folder: Path, random: Random) -> int:
    """One attack: every message of three hosts and three connections of an agent handed to anyone, in between to whom it is meant for."""
    agent = Agent(folder)
    pairings = [paired(agent, "first"), paired(agent, "second")]
    secrets = [*pairings, Code.read(agent.policy.renew())]
    hosts = [host_of(secret, f"host {number}") for number, secret in enumerate(secrets)]
    parties: list[Party] = [*hosts, *(AgentHandshake(agent.policy) for _ in hosts)]
    said, took = [*([host.begin()] for host in hosts), *([] for _ in hosts)], [list[bytes]() for _ in parties]

    def hand(message: bytes, taker: int) -> None:
        if not parties[taker].done:
            took[taker].append(message)
            with suppress(PairingError):
                answer = parties[taker].receive(message)
                said[taker] += [answer] if answer is not None else []

    for _ in range(random.randint(4, 16)):
        host, side = random.choice([(0, 3), (1, 4), (2, 5), (random.randrange(3), random.randrange(3, 6))])
        if random.random() < 0.7:
            hand(said[host][-1], side)
            hand(said[side][-1], host)
        else:
            hand(random.choice([each for one in said for each in one]), random.randrange(6))
    return expect_true_pairs(parties, said, took)


def test_messages_of_several_connections_in_any_order_connect_only_true_pairs(tmp_path: Path) -> None:
    connected = [attacked(tmp_path / str(seed), Random(seed)) for seed in range(60)]
    assert {0, 2, 4} <= set(connected), "attacks that let nobody through, or all, prove nothing"


def test_a_pairing_of_another_agent_opens_nothing(agent: Agent, tmp_path: Path) -> None:
    other = Agent(tmp_path / "other", Seeded("other"))
    pairing, foreign = paired(agent), paired(other)
    with pytest.raises(PairingError, match="does not know this pairing"):
        exchange(host_of(foreign), AgentHandshake(agent.policy))
    with pytest.raises(PairingError, match="remembers another key"):
        exchange(host_of(replace(foreign, id=pairing.id)), AgentHandshake(agent.policy))


def test_a_recording_stays_closed_to_who_learns_the_key_later(agent: Agent) -> None:
    """The traffic keys need an ephemeral private key, which nobody keeps: with the pairing's key and the recording alone they differ."""
    pairing = paired(agent)
    host, side = connection(agent, pairing)
    recorded = exchange(host, side)
    assert host.channel is not None
    sealed = host.channel.seal(b"what was taught")
    for shared in (bytes(32), pairing.key, recorded[0][24:], recorded[1][24:]):
        keys = derive_keys(shared, pairing.key, recorded[0], recorded[1])
        channel = keys.agent_channel()
        with pytest.raises(PairingError):
            channel.open(recorded[2][40:])
    private = Seeded("host")(32)
    keys = derive_keys(shared_secret(private, recorded[1][24:]), pairing.key, recorded[0], recorded[1])
    channel = keys.agent_channel()
    assert channel.open(recorded[2][40:]) == b"desk" and channel.open(sealed) == b"what was taught"
