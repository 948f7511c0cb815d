# SPDX-License-Identifier: Apache-2.0
"""The wire format is pinned: every byte of an exchange computed anew from SPEC.md with plain Python, and one exchange written down."""

import hashlib
import hmac
import struct
from pathlib import Path

from plain_primitives import chacha20_poly1305, hkdf_sha256, x25519
from two_sides import Clock, exchange

from tinytl_bridge.pairing.agent_policy import AgentPolicy, OpenPolicy
from tinytl_bridge.pairing.codes import Code
from tinytl_bridge.pairing.handshake import AgentHandshake, HostHandshake
from tinytl_bridge.pairing.pairings import Pairing, Pairings

BASE_POINT = bytes([9]) + bytes(31)
CODE, SALT = bytes(range(10)), bytes(range(0x10, 0x20))
HOST_PRIVATE, AGENT_PRIVATE = bytes(range(0x20, 0x40)), bytes(range(0x40, 0x60))
PAIRING_ID, PAIRING_KEY = bytes(range(0x60, 0x70)), bytes(range(0x80, 0xA0))
SHOWN = "000G-40R4-0M30-E209"
HEADER = b"TLPA\x01"


class Drawn:
    """Randomness that was written down: the next bytes of a list."""

    def __init__(self, *drawn: bytes) -> None:
        self._drawn = list(drawn)

    def __call__(self, count: int) -> bytes:
        data = self._drawn.pop(0)
        assert len(data) == count
        return data


def sealed(key: bytes, number: int, data: bytes) -> bytes:
    return chacha20_poly1305(key, struct.pack("<IQ", 0, number), data)


def keys_of(hello: bytes, challenge: bytes, secret: bytes) -> tuple[bytes, list[bytes]]:
    """Transcript; keys of the host's proof, of the agent's, of messages to the agent, and to the host."""
    transcript = hashlib.sha256(b"tinytl pairing 1" + hello + challenge).digest()
    shared = x25519(HOST_PRIVATE, challenge[24:])
    assert shared == x25519(AGENT_PRIVATE, hello[24:])
    keys = hkdf_sha256(shared + secret, transcript, b"tinytl pairing 1 keys", 128)
    return transcript, [keys[at : at + 32] for at in range(0, 128, 32)]


def expected_exchange(secret: bytes, *, detail: int, label: bytes, salt: bytes, told: bytes) -> list[bytes]:
    """The four messages; detail, label: of `hello`. salt: of `challenge`. told: what the agent seals in its proof."""
    hello = HEADER + bytes([1, detail, 0]) + label + x25519(HOST_PRIVATE, BASE_POINT)
    challenge = HEADER + bytes([2, 0, 0]) + salt + x25519(AGENT_PRIVATE, BASE_POINT)
    transcript, (host_key, agent_key, to_agent, to_host) = keys_of(hello, challenge, secret)
    host_proof = HEADER + bytes([3, 0, 0]) + hmac.digest(host_key, b"host proof" + transcript, "sha256") + sealed(to_agent, 0, b"desk")
    proven = b"agent proof" + transcript + hashlib.sha256(host_proof).digest()
    agent_proof = HEADER + bytes([4, 0, 0]) + hmac.digest(agent_key, proven, "sha256") + sealed(to_host, 0, told)
    return [hello, challenge, host_proof, agent_proof]


def expect_sealed_traffic(host: HostHandshake, side: AgentHandshake, sent: list[bytes], secret: bytes) -> None:
    """Messages behind the handshake have the numbers 1, 2, …"""
    _, (_, _, to_agent, to_host) = keys_of(sent[0], sent[1], secret)
    assert host.channel is not None and side.channel is not None
    for number in (1, 2):
        data = bytes(range(100 * number))
        assert host.channel.seal(data) == sealed(to_agent, number, data)
        assert side.channel.seal(data) == sealed(to_host, number, data)


def policy_with(folder: Path, *drawn: bytes) -> AgentPolicy:
    return AgentPolicy(Pairings(folder), name="pi", clock=Clock(), random=Drawn(*drawn))


def test_an_exchange_by_code_byte_by_byte(tmp_path: Path) -> None:
    policy = policy_with(tmp_path, CODE, SALT, AGENT_PRIVATE, PAIRING_ID, PAIRING_KEY)
    assert policy.code() == SHOWN
    host, side = HostHandshake(Code.read(SHOWN), allow_open=False, name="desk", random=Drawn(HOST_PRIVATE)), AgentHandshake(policy)
    sent = exchange(host, side)
    secret = hashlib.scrypt(CODE, salt=SALT, n=16384, r=8, p=1, maxmem=64 << 20, dklen=32)
    assert sent == expected_exchange(secret, detail=1, label=bytes(16), salt=SALT, told=PAIRING_ID + PAIRING_KEY + b"pi")
    assert host.pairing == Pairing(PAIRING_ID, PAIRING_KEY, "pi")
    expect_sealed_traffic(host, side, sent, secret)
    assert [message.hex() for message in sent] == WRITTEN_DOWN


def test_an_exchange_by_pairing_byte_by_byte(tmp_path: Path) -> None:
    policy = policy_with(tmp_path, AGENT_PRIVATE)
    pairing = Pairing(PAIRING_ID, PAIRING_KEY, "desk")
    policy.pairings.add(pairing)
    host, side = HostHandshake(pairing, allow_open=False, name="desk", random=Drawn(HOST_PRIVATE)), AgentHandshake(policy)
    sent = exchange(host, side)
    assert sent == expected_exchange(PAIRING_KEY, detail=2, label=PAIRING_ID, salt=bytes(16), told=b"pi")
    expect_sealed_traffic(host, side, sent, PAIRING_KEY)


def test_refusal_and_open_byte_by_byte(tmp_path: Path) -> None:
    hello = HostHandshake(None, allow_open=True).begin()
    assert hello == HEADER + bytes([1, 0, 0]) + bytes(48)
    policy = policy_with(tmp_path, CODE, SALT)
    assert AgentHandshake(policy).receive(hello) == HEADER + bytes([5, 1, 0]) + bytes(4)
    policy.code()
    for _ in range(9):
        policy.lockout.failed()
    by_code = HostHandshake(Code(CODE), allow_open=False, random=Drawn(HOST_PRIVATE)).begin()
    policy.random = Drawn(AGENT_PRIVATE)
    assert AgentHandshake(policy).receive(by_code) == HEADER + bytes([5, 5, 0]) + struct.pack("<I", 256)
    assert AgentHandshake(OpenPolicy()).receive(hello) == HEADER + bytes([6, 0, 0])


def test_the_file_of_pairings_byte_by_byte(tmp_path: Path) -> None:
    Pairings(tmp_path).add(Pairing(PAIRING_ID, PAIRING_KEY, "pi", "pi.local:7707"))
    assert (tmp_path / "pairings.json").read_text() == (
        '{\n "format": "tinytl-pairings",\n "format_version": 1,\n "pairings": [\n  {\n'
        '   "id": "606162636465666768696a6b6c6d6e6f",\n'
        '   "key": "808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9f",\n'
        '   "name": "pi",\n   "address": "pi.local:7707"\n  }\n ]\n}\n'
    )


WRITTEN_DOWN = [
    "544c50410101010000000000000000000000000000000000358072d6365880d1aeea329adf9121383851ed21a28e3b75e965d0d2cd166254",
    "544c504101020000101112131415161718191a1b1c1d1e1f79a631eede1bf9c98f12032cdeadd0e7a079398fc786b88cc846ec89af85a51a",
    "544c504101030000e3949bd2c00b2e00bf3c66f183d1e7273b8cc67eaad1514cd8dc526b22ca8f22ce4a95be984150c7ef51b3eb07bd0b0fd8f048bf",
    (
        "544c5041010400008cfd98753b458a8b9fe9539d8a302f735c2972110ccc55f61172dcc705103372db62ceaca4ff18df7b8116fdc33650cc9892953e8110bf8f"
        "050a9677bca66b5161f7ae8773d8ffd7c001dc4e00a59e0eec50906cb86effcbb0fa21e42844959956bc"
    ),
]
