# SPDX-License-Identifier: Apache-2.0
"""From one exchange to the four keys of a session, and the two proofs.

In: both public keys' secret, the secret of the code or of the pairing, and the messages so far. Out: proofs and channels. The ephemeral
secret closes recordings for ever, whatever is found out later; the other one proves who is there. Each key has one use in one direction.
"""

import hmac
from dataclasses import dataclass, field
from hashlib import sha256

from tinytl_bridge.pairing.primitives import KEY_BYTES, hkdf
from tinytl_bridge.pairing.sealed_channel import SealedChannel

_DOMAIN = b"tinytl pairing 1"
_HOST, _AGENT = b"host proof", b"agent proof"


@dataclass(frozen=True)
class Keys:
    """Of one handshake.

    Attributes:
        transcript: SHA-256 (32 bytes) of `hello` and `challenge`. host_proof, agent_proof, to_agent, to_host: keys (32 bytes each).
    """

    transcript: bytes
    host_proof: bytes = field(repr=False)
    agent_proof: bytes = field(repr=False)
    to_agent: bytes = field(repr=False)
    to_host: bytes = field(repr=False)

    def prove_host(self) -> bytes:
        """Return the host's proof (32 bytes)."""
        return hmac.digest(self.host_proof, _HOST + self.transcript, "sha256")

    def prove_agent(self, host_proof: bytes) -> bytes:
        """Return the agent's proof (32 bytes); host_proof: the whole message to which it answers."""
        return hmac.digest(self.agent_proof, _AGENT + self.transcript + sha256(host_proof).digest(), "sha256")

    def host_channel(self) -> SealedChannel:
        """Return the host's end."""
        return SealedChannel(sending=self.to_agent, receiving=self.to_host)

    def agent_channel(self) -> SealedChannel:
        """Return the agent's end."""
        return SealedChannel(sending=self.to_host, receiving=self.to_agent)


def derive_keys(shared: bytes, secret: bytes, hello: bytes, challenge: bytes) -> Keys:
    """Return the keys of a handshake.

    Args:
        shared: secret (32 bytes) of both ephemeral keys. secret: key (32 bytes) of the code or of the pairing.
        hello, challenge: the whole messages, 56 bytes each.
    """
    transcript = sha256(_DOMAIN + hello + challenge).digest()
    keys = hkdf(shared + secret, salt=transcript, info=_DOMAIN + b" keys", size=4 * KEY_BYTES)
    return Keys(transcript, *(keys[at : at + KEY_BYTES] for at in range(0, len(keys), KEY_BYTES)))


def same(left: bytes, right: bytes) -> bool:
    """Return whether two proofs are equal, in a time that does not tell where they differ."""
    return hmac.compare_digest(left, right)
