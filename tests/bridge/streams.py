# SPDX-License-Identifier: Apache-2.0
"""A line that does what lines do: flips bits, loses bytes, repeats frames, adds noise, with a fixed seed."""

import random
import time

from tinytl_bridge.targets import Target
from tinytl_bridge.wire.link import Stream


class NoisyStream:
    """A stream between host and device that damages what passes, both ways.

    Args:
        rate: probability that a frame is damaged; a quarter each: a flipped bit, a lost byte, repeated as a whole, noise before it.
            Drawn once a frame however the bytes come: an emulated UART hands them over one by one.
    """

    def __init__(self, stream: Stream, *, rate: float, seed: int) -> None:
        self._stream, self._rate, self._random = stream, rate, random.Random(seed)
        self.damaged = 0
        self._pending = b""
        self._stream.write(self._noise())

    def _noise(self) -> bytes:
        return bytes(self._random.randrange(256) for _ in range(self._random.randrange(1, 40)))

    def _damage(self, data: bytes) -> bytes:
        if self._random.random() >= self._rate:
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
        self._stream.write(self._damage(data))

    def read(self, timeout_s: float) -> bytes:
        deadline = time.monotonic() + timeout_s
        while not (frames := self._complete()):
            left = deadline - time.monotonic()
            if left <= 0:
                return b""
            self._pending += self._stream.read(left)
        return b"".join(self._damage(frame) for frame in frames)

    def _complete(self) -> list[bytes]:
        """Take the frames out of what came, each with the zeros around it; a cut one waits for its rest."""
        frames = []
        while True:
            start = len(self._pending) - len(self._pending.lstrip(b"\0"))
            end = self._pending.find(b"\0", start)
            if end < 0:
                return frames
            frames.append(self._pending[: end + 1])
            self._pending = self._pending[end + 1 :]

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
