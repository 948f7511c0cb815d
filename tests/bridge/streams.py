# SPDX-License-Identifier: Apache-2.0
"""A line that does what lines do: flips bits, loses bytes, repeats frames, adds noise, with a fixed seed."""

import random

from tinytl_bridge.link import Stream
from tinytl_bridge.targets import Target

FRAME_BYTES = 24  # a short answer; an emulated UART may hand it over byte by byte


class NoisyStream:
    """A stream between host and device that damages what passes, both ways.

    Args:
        rate: probability that a frame is damaged; a quarter each: a flipped bit, a lost byte, repeated as a whole, noise before it.
    """

    def __init__(self, stream: Stream, *, rate: float, seed: int) -> None:
        self._stream, self._rate, self._random = stream, rate, random.Random(seed)
        self.damaged = 0
        self._stream.write(self._noise())

    def _noise(self) -> bytes:
        return bytes(self._random.randrange(256) for _ in range(self._random.randrange(1, 40)))

    def _damage(self, data: bytes, rate: float) -> bytes:
        if not data or self._random.random() >= rate:
            return data
        self.damaged += 1
        place = self._random.randrange(len(data))
        return self._random.choice(
            (
                data[:place] + bytes([data[place] ^ 1 << self._random.randrange(8)]) + data[place + 1 :],
                data[:place] + data[place + 1 :],
                data + data,
                self._noise() + data,
            )
        )

    def write(self, data: bytes) -> None:
        self._stream.write(self._damage(data, self._rate))

    def read(self, timeout_s: float) -> bytes:
        data = self._stream.read(timeout_s)
        return self._damage(data, self._rate * min(1.0, len(data) / FRAME_BYTES))

    def close(self) -> None:
        self._stream.close()


class NoisyTarget(Target):
    """A target behind a noisy line."""

    def __init__(self, inner: Target, *, rate: float, seed: int, timeout_s: float) -> None:
        self._inner, self._rate, self._seed = inner, rate, seed
        self.name, self.timeout_s = inner.name, timeout_s
        self.stream: NoisyStream | None = None

    def start(self) -> Stream:
        self.stream = NoisyStream(self._inner.start(), rate=self._rate, seed=self._seed)
        return self.stream

    def stop(self) -> None:
        self._inner.stop()

    def mailbox(self) -> memoryview | None:
        return self._inner.mailbox()
