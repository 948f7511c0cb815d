# SPDX-License-Identifier: Apache-2.0
"""The wire of an emulated board in memory: the same frames through a ring that host and guest share, the UART as doorbell.

In and out: bytes, as over any stream, none lost. Whoever publishes bytes sends one byte over the UART; the system call that carries it
orders the memory of both sides. Nobody polls, so a device that waits takes no processor time. SPEC.md section 3.3.
"""

from tinytl.errors import DeviceError
from tinytl_bridge.wire.link import Stream

MAGIC = 0x474E4952
"""«RING»: frames travel here; the firmware looks once, at its start."""
TO_DEVICE, TO_HOST = 0x4000, 0x8000
DIRECTION_BYTES = 0x4000
_HEADER_BYTES = 0x40
_TO_DEVICE_HEAD, _TO_DEVICE_TAIL, _TO_HOST_HEAD, _TO_HOST_TAIL, _FAULT = range(1, 6)
_ROOM_WAIT_S = 0.05


def choose_ring(memory: memoryview, *, chosen: bool) -> None:
    """Empty the ring of a device that is not running and say whether frames travel in it."""
    memory[:_HEADER_BYTES] = bytes(_HEADER_BYTES)
    memory[:4] = (MAGIC if chosen else 0).to_bytes(4, "little")


class RingStream:
    """A stream through the ring.

    Args:
        memory: the ring, mapped; RING_BYTES. doorbell: the UART, whose errors tell that the emulator ended.
    """

    def __init__(self, memory: memoryview, doorbell: Stream) -> None:
        self._words = memory[:_HEADER_BYTES].cast("I")  # each is read and written at once
        self._to_device = memory[TO_DEVICE : TO_DEVICE + DIRECTION_BYTES]
        self._to_host = memory[TO_HOST : TO_HOST + DIRECTION_BYTES]
        self._doorbell, self._taken = doorbell, bytearray()

    def write(self, data: bytes) -> None:
        """Publish all bytes; what does not fit waits until the device has read, as long as its emulator lives."""
        while data:
            head = self._words[_TO_DEVICE_HEAD]
            room = (self._words[_TO_DEVICE_TAIL] - head - 1) % DIRECTION_BYTES  # one place stays free, so that full is not empty
            piece = data[: min(room, DIRECTION_BYTES - head)]
            if not piece:
                self._taken += self._listen(_ROOM_WAIT_S)
                continue
            self._to_device[head : head + len(piece)] = piece
            self._words[_TO_DEVICE_HEAD] = (head + len(piece)) % DIRECTION_BYTES
            self._doorbell.write(b"\0")
            data = data[len(piece) :]

    def read(self, timeout_s: float) -> bytes:
        """Return what the device has published, waiting for a doorbell if nothing is there.

        Raises:
            DeviceError: the emulator ended, or its firmware stopped at a fault.
        """
        waiting, self._taken = bytes(self._taken), bytearray()
        return waiting or self._take() or self._listen(timeout_s)

    def close(self) -> None:
        """Close the doorbell."""
        self._doorbell.close()

    def _listen(self, timeout_s: float) -> bytes:
        if self._doorbell.read(timeout_s) and self._words[_FAULT]:
            raise DeviceError(
                f"the firmware stopped at exception {self._words[_FAULT]} of the core", expected="none: this is an error of tinytl",
                hint="connect again; the last save is kept",
            )  # fmt: skip
        return self._take()

    def _take(self) -> bytes:
        head, tail = self._words[_TO_HOST_HEAD] % DIRECTION_BYTES, self._words[_TO_HOST_TAIL]
        data = bytes(self._to_host[tail:head] if tail <= head else self._to_host[tail:])
        self._words[_TO_HOST_TAIL] = (tail + len(data)) % DIRECTION_BYTES
        return data
