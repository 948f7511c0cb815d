# SPDX-License-Identifier: Apache-2.0
"""The handshake: four messages after which both sides know that the other one knows the secret, and share a sealed channel.

In: the other side's message. Out: the one to send, or None. The host proves first: so nobody gets anything out of an agent by which a
code could be checked, and every wrong code is seen and counted there. Messages: `messages`; keys: `key_schedule`.
"""

import os
import platform
from collections.abc import Callable

from tinytl_bridge.pairing.agent_policy import AgentPolicy, IssuedCode, OpenPolicy
from tinytl_bridge.pairing.codes import COST, Code, code_key
from tinytl_bridge.pairing.errors import PairingError, Reason, pairing_error, refusal_of
from tinytl_bridge.pairing.key_schedule import Keys, derive_keys, same
from tinytl_bridge.pairing.messages import (
    NOTHING_16,
    NOTHING_32,
    Kind,
    Opening,
    Proof,
    SecretKind,
    kind_of,
    pack_name,
    pack_open,
    pack_opening,
    pack_proof,
    pack_refusal,
    read_name,
    read_opening,
    read_proof,
    read_refusal,
)
from tinytl_bridge.pairing.pairings import ID_BYTES, Pairing
from tinytl_bridge.pairing.primitives import KEY_BYTES, NoSharedSecret, public_key, require_library, shared_secret
from tinytl_bridge.pairing.sealed_channel import SealedChannel

_PAIRING_BYTES = ID_BYTES + KEY_BYTES


class HostHandshake:
    """The host's side of one connection.

    Args:
        secret: the code that somebody read, a remembered pairing, or None to ask whether the agent is open.
        allow_open: take an agent that demands no pairing; only for addresses of this machine. name: what this host calls itself; by
            default the machine's name. random: gives so many random bytes. cost: N of scrypt; another one only in tests.

    Attributes:
        done: it succeeded. channel: sealed; None if the agent is open. pairing: new one to remember, None if there is none.
        peer_name: what the agent calls itself, empty if it is open.

    Raises:
        TinytlError: the library `cryptography` is missing and a secret was given.
    """

    def __init__(
        self,
        secret: Code | Pairing | None,
        *,
        allow_open: bool,
        name: str | None = None,
        random: Callable[[int], bytes] = os.urandom,
        cost: int = COST,
    ) -> None:
        if secret is not None:
            require_library()
        self.done, self.peer_name = False, ""
        self.channel: SealedChannel | None = None
        self.pairing: Pairing | None = None
        self._secret, self._allow_open, self._random, self._cost = secret, allow_open, random, cost
        self._name = pack_name(platform.node() if name is None else name)
        self._hello, self._private, self._proof = b"", b"", b""
        self._keys: Keys | None = None
        self._channel: SealedChannel | None = None
        self._ended = False

    def begin(self) -> bytes:
        """Return the first message."""
        if self._secret is None:
            opening = Opening(SecretKind.NOTHING, NOTHING_16, NOTHING_32)
        else:
            self._private = self._random(KEY_BYTES)
            is_code = isinstance(self._secret, Code)
            label = NOTHING_16 if isinstance(self._secret, Code) else self._secret.id
            opening = Opening(SecretKind.CODE if is_code else SecretKind.PAIRING, label, public_key(self._private))
        self._hello = pack_opening(Kind.HELLO, opening)
        return self._hello

    def receive(self, message: bytes) -> bytes | None:
        """Take the agent's message; returns the answer, None when done. With a code one of them takes scrypt's time.

        Raises:
            PairingError: the agent refused, is open though it must not be, or cannot prove to know the secret. It is over then.
        """
        if self._ended:
            raise pairing_error(Reason.MALFORMED)
        self._ended = True
        answer = self._answer(message)
        self._ended = self.done
        return answer

    def _answer(self, message: bytes) -> bytes | None:
        kind, _ = kind_of(message)
        if kind is Kind.REFUSAL:
            raise refusal_of(*read_refusal(message))
        if kind is Kind.OPEN and not self._proof:
            self._take_open(message)
            return None
        if kind is Kind.CHALLENGE and self._private and not self._proof:
            return self._prove(message)
        if kind is Kind.AGENT_PROOF and self._proof:
            self._finish(message)
            return None
        raise pairing_error(Reason.MALFORMED)

    def _take_open(self, message: bytes) -> None:
        if message != pack_open():
            raise pairing_error(Reason.MALFORMED)
        if not self._allow_open:
            raise pairing_error(Reason.UNPAIRED)
        self.done = True

    def _prove(self, message: bytes) -> bytes:
        challenge = read_opening(message)
        if challenge.detail:
            raise pairing_error(Reason.MALFORMED)
        shared = _shared(self._private, challenge.public)
        self._keys = derive_keys(shared, self._key(challenge.label), self._hello, message)
        self._channel = self._keys.host_channel()
        self._proof = pack_proof(Kind.HOST_PROOF, Proof(self._keys.prove_host(), self._channel.seal(self._name)))
        return self._proof

    def _key(self, salt: bytes) -> bytes:
        if isinstance(self._secret, Code):
            return code_key(self._secret.value, salt, cost=self._cost)
        assert self._secret is not None  # begin() made a private key
        return self._secret.key

    def _finish(self, message: bytes) -> None:
        assert self._keys is not None and self._channel is not None  # _prove made both
        answer = read_proof(message)
        if not same(answer.proof, self._keys.prove_agent(self._proof)):
            raise pairing_error(Reason.IMPOSTOR)
        told = self._channel.open(answer.sealed)
        if isinstance(self._secret, Code):
            if len(told) < _PAIRING_BYTES:
                raise pairing_error(Reason.MALFORMED)
            told, made = told[_PAIRING_BYTES:], told[:_PAIRING_BYTES]
            self.pairing = Pairing(made[:ID_BYTES], made[ID_BYTES:], read_name(told))
        self.peer_name, self.channel, self.done = read_name(told), self._channel, True


class AgentHandshake:
    """The agent's side of one connection. It never raises for what a peer sends: it answers a refusal.

    Args:
        policy: one for all connections of an agent.

    Attributes:
        done: it succeeded. channel: sealed; None if the agent is open. peer_name: what the host calls itself, empty if not told.
        pairing: of the host, None if the agent is open.
        is_new: whether that was made now, by the code. refusal: why it failed: send the answer, then close.
    """

    def __init__(self, policy: AgentPolicy | OpenPolicy) -> None:
        self.done, self.peer_name = False, ""
        self.channel: SealedChannel | None = None
        self.pairing: Pairing | None = None
        self.refusal: PairingError | None = None
        self.is_new = False
        self._policy = policy
        self._offered: IssuedCode | Pairing | None = None
        self._keys: Keys | None = None

    def receive(self, message: bytes) -> bytes | None:
        """Take the host's message; returns the answer, None after the end."""
        if self.done or self.refusal is not None:
            return None
        try:
            return self._answer(message)
        except PairingError as error:
            self.refusal = error
            return pack_refusal(error)

    def _answer(self, message: bytes) -> bytes:
        kind, _ = kind_of(message)
        if kind is Kind.HELLO and self._keys is None:
            if isinstance(self._policy, OpenPolicy):
                self.done = True
                return pack_open()
            return self._challenge(self._policy, message)
        if kind is Kind.HOST_PROOF and self._keys is not None and isinstance(self._policy, AgentPolicy):
            return self._judge(self._policy, self._keys, message)
        raise pairing_error(Reason.MALFORMED)

    def _challenge(self, policy: AgentPolicy, message: bytes) -> bytes:
        hello = read_opening(message)
        if hello.detail == SecretKind.NOTHING:
            raise pairing_error(Reason.PAIRING_DEMANDED)
        if hello.detail not in list(SecretKind):
            raise pairing_error(Reason.MALFORMED)
        private = policy.random(KEY_BYTES)
        shared = _shared(private, hello.public)
        salt, secret = self._offer(policy, hello)
        challenge = pack_opening(Kind.CHALLENGE, Opening(0, salt, public_key(private)))
        self._keys = derive_keys(shared, secret, message, challenge)
        return challenge

    def _offer(self, policy: AgentPolicy, hello: Opening) -> tuple[bytes, bytes]:
        """Return the label of the challenge, and the secret, of what the host has."""
        if hello.detail == SecretKind.PAIRING:
            self._offered = pairing = policy.paired(hello.label)
            return NOTHING_16, pairing.key
        self._offered = issued = policy.offer()
        return issued.salt, issued.key()

    def _judge(self, policy: AgentPolicy, keys: Keys, message: bytes) -> bytes:
        channel = keys.agent_channel()

        def name_of_proven_host() -> str | None:
            answer = read_proof(message)
            if not same(answer.proof, keys.prove_host()):
                return None
            try:
                return read_name(channel.open(answer.sealed))
            except PairingError:
                return None

        told = pack_name(policy.name)
        if isinstance(self._offered, IssuedCode):
            pairing = policy.admit(self._offered, name_of_proven_host)
            self.is_new = True
            name, told = pairing.name, pairing.id + pairing.key + told
        else:
            assert self._offered is not None  # keys come with an offer
            pairing = self._offered
            proven = name_of_proven_host()
            if proven is None:
                raise pairing_error(Reason.WRONG_KEY)
            name = proven
        self.pairing, self.peer_name, self.channel, self.done = pairing, name, channel, True
        return pack_proof(Kind.AGENT_PROOF, Proof(keys.prove_agent(message), channel.seal(told)))


def _shared(private: bytes, public: bytes) -> bytes:
    """Return the secret of two ephemeral keys; a key of low order is no message of the handshake."""
    try:
        return shared_secret(private, public)
    except NoSharedSecret as error:
        raise pairing_error(Reason.MALFORMED) from error
