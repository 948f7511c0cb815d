# SPDX-License-Identifier: Apache-2.0
"""Frames out of a stream of bytes, as they are: one run between two zeros after the other, memory bounded.

In: bytes as they come from a connection. Out: whole runs, stuffed still. Several connections feed one session; each has a splitter, so that
half a frame of one never meets half a frame of another.
"""

from tinytl_bridge.wire.link import LONGEST_RUN_BYTES


class Runs:
    """Splits one connection's bytes.

    Attributes:
        noise_bytes: of runs that were too long to be frames, dropped.
    """

    def __init__(self) -> None:
        self._waiting, self._skipping, self.noise_bytes = bytearray(), False, 0

    def feed(self, data: bytes) -> list[bytes]:
        """Take bytes; return the runs that are whole now, without the zeros around them.

        Args:
            data: any number of bytes, as they came.
        """
        *whole, rest = (bytes(self._waiting) + data).split(b"\0")
        self._waiting = bytearray(rest)
        if whole and self._skipping:  # the end of a run that was too long
            self.noise_bytes += len(whole.pop(0))
            self._skipping = False
        if len(self._waiting) > LONGEST_RUN_BYTES:
            self.noise_bytes += len(self._waiting)
            self._waiting.clear()
            self._skipping = True
        frames = [run for run in whole if 0 < len(run) <= LONGEST_RUN_BYTES]
        self.noise_bytes += sum(len(run) for run in whole if len(run) > LONGEST_RUN_BYTES)
        return frames
