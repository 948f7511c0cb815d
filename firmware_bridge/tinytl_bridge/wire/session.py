# SPDX-License-Identifier: Apache-2.0
"""A session with a device: one typed method a command (SPEC.md section 3), and what a few of them together tell of its model.

In: a link, and prepared data: samples are the model's int8 input already, labels the device's numbers. Out: typed results. Samples that
no frame holds travel in pieces. Who has raw samples, names or bundles uses `Device`, which stands on this.
"""

import struct
from typing import Any

import numpy as np

from tinytl.class_match import refuse_labels
from tinytl.compiler.image.slot import CLASS_NAME_BYTES
from tinytl.compiler.records import HEADER_BYTES
from tinytl.errors import DeviceError
from tinytl_bridge.wire.class_names import pack_name, parse_names
from tinytl_bridge.wire.link import Link
from tinytl_bridge.wire.metadata import metadata_bytes, parse_metadata
from tinytl_bridge.wire.protocol import Command, DeviceInfo, DeviceStatus, Readable, fields, parse_info, parse_status
from tinytl_bridge.wire.requests import MEASURES, PLAIN, ROLLBACKS, Measured, TeachFlags
from tinytl_bridge.wire.results import (
    Inference,
    Recalled,
    StreamPlace,
    TaughtSample,
    parse_inference,
    parse_place,
    parse_recalled,
    parse_taught,
)
from tinytl_bridge.wire.statuses import status_names
from tinytl_bridge.wire.verdicts import Verdict, parse_verdict

_NUMBER = struct.Struct("<I")
_OFFSET_BYTES = _NUMBER.size


class Session:
    """An open session.

    Args:
        link: to the device; opened here.

    Attributes:
        link: what frames travel over. info: what the device announced.

    Raises:
        DeviceError: nobody answers, or a device of another protocol.
    """

    info: DeviceInfo

    def __init__(self, link: Link) -> None:
        self.link = link
        self.info = parse_info(link.open())
        self._metadata: dict[str, Any] | None = None

    @property
    def repeated(self) -> int:
        """Frames sent again since the session was opened."""
        return self.link.repeated

    def command(self, command: Command, payload: bytes = b"") -> bytes:
        """Have one command executed that may take long; returns the answer's payload."""
        return self.link.command(command, payload, takes_long=True)

    def _number(self, command: Command, payload: bytes = b"") -> int:
        (number,) = fields(_NUMBER, self.command(command, payload), command.name)
        return int(number)

    def status(self) -> DeviceStatus:
        """Return what the device holds now."""
        return parse_status(self.command(Command.STATUS), status_names())

    def read(self, what: Readable, *, index: int = 0, count: int, offset: int = 0) -> bytes:
        """Read part of what the device holds, in as many frames as it takes.

        Args:
            what: kind of thing. index: number of the graph end or tensor. count, offset: bytes, and from where on.

        Raises:
            Refusal: there is no such thing, or it is shorter.
        """
        data = bytearray()
        while len(data) < count:
            size = min(count - len(data), self.info.max_payload)
            piece = self.link.command(Command.READ, struct.pack("<BBHI", what, index, size, offset + len(data)))
            if len(piece) != size:
                raise DeviceError(
                    f"the answer to READ has {len(piece)} bytes", expected=str(size), hint="the firmware is of another version"
                )
            data += piece
        return bytes(data)

    def flash_begin(self, header: bytes) -> None:
        """Begin to send an image. header: its first 128 bytes.

        Raises:
            Refusal: it does not fit or is of another version; nothing has changed then.
        """
        self.command(Command.FLASH_BEGIN, header)

    def flash_data(self, offset: int, data: bytes) -> int:
        """Send the bytes of the image that begin at `offset`, at most max_payload − 4; returns the offset of the next."""
        answer = self.link.command(Command.FLASH_DATA, _NUMBER.pack(offset) + data)
        done = offset + len(data)
        if answer != _NUMBER.pack(done):
            raise DeviceError(f"the device answers FLASH_DATA with {answer.hex() or 'nothing'}", expected=f"{done}, the next offset")
        return done

    def flash_commit(self) -> None:
        """Have the sent image checked and made the current one, with its factory head.

        Raises:
            Refusal: it is not what its header says; the model before stays.
        """
        self.command(Command.FLASH_COMMIT)
        self._metadata = None

    def put_sample(self, sample: np.ndarray) -> None:
        """Put a sample into the model's inputs, by INPUT alone: for `measure`. sample: as `infer` takes it."""
        data = sample.tobytes()
        self._put(data, len(data))

    def _put(self, data: bytes, count: int) -> None:
        """Send the first `count` bytes of a sample."""
        size = self.info.max_payload - _OFFSET_BYTES
        for offset in range(0, count, size):
            self.link.command(Command.INPUT, _NUMBER.pack(offset) + data[offset : min(offset + size, count)])

    def _with_sample(self, command: Command, sample: np.ndarray, front: bytes = b"") -> bytes:
        """Send a sample in pieces; the last one rides in `command` behind `front`."""
        data = sample.tobytes()
        last = max(len(data) - (self.info.max_payload - _OFFSET_BYTES - len(front)), 0)
        self._put(data, last)
        return self.command(command, front + _NUMBER.pack(last) + data[last:])

    def infer(self, sample: np.ndarray) -> Inference:
        """Classify one sample: the bytes of all graph inputs, one after another."""
        return parse_inference(self._with_sample(Command.INFER, sample))

    def teach(self, sample: np.ndarray, label: int, flags: TeachFlags = PLAIN) -> TaughtSample:
        """Teach one sample.

        Args:
            sample: (input_bytes,) int8. label: number of its class. flags: when it is learned, and more.

        Raises:
            Refusal: `diverged`, where no guard undoes it; no such class; no head.
        """
        payload = self._with_sample(Command.TEACH, sample, struct.pack("<HH", label, flags.word))
        return parse_taught(payload, label)

    def grow(self, sample: np.ndarray, label: int, name: str, flags: TeachFlags = PLAIN) -> TaughtSample:
        """Add a class and teach its first sample.

        Args:
            sample: (input_bytes,) int8. label: classes that there are before. name: 1 to 31 bytes of UTF-8. flags: as in `teach`.

        Raises:
            Refusal: no room, or a name that is taken; nothing has changed then.
        """
        payload = self._with_sample(Command.GROW, sample, struct.pack("<HH", label, flags.word) + pack_name(name))
        return parse_taught(payload, label)

    def stream(self, place: StreamPlace | None = None) -> StreamPlace:
        """Set the place in a stream of samples that the head has come to, unless it is None; returns the place that holds now.

        Raises:
            Refusal: `bad_command` of firmware that keeps none.
        """
        return parse_place(self.command(Command.STREAM, b"" if place is None else struct.pack("<II", place.stream, place.position)))

    def evaluate(self, *, samples_at: int, count: int, predictions_at: int) -> int:
        """Classify samples that lie in the mailbox; returns how many were.

        Args:
            samples_at, predictions_at: offsets in the mailbox: of samples, and of the class of each, two bytes, which is written.
            count: of samples.
        """
        return self._number(Command.EVALUATE, struct.pack("<III", samples_at, count, predictions_at))

    def save(self) -> int:
        """Keep the head through power loss; returns its number in the store."""
        return self._number(Command.SAVE)

    def rollback(self, to: str = "saved") -> int:
        """Go back to the last saved head, the one before it ("previous") or the "factory" head; not saved by itself.

        Returns:
            The number of that head in the store, 0 for the factory head.
        """
        if to not in ROLLBACKS:
            raise DeviceError(f"cannot roll back to {to!r}", expected=", ".join(ROLLBACKS))
        return self._number(Command.ROLLBACK, bytes([ROLLBACKS[to]]))

    def check(self) -> Verdict:
        """Have the guard compare the head with the kept one, the last saved or the factory head, on its held-out samples.

        Returns:
            What it did: saved the head, went back to the kept one, or neither.

        Raises:
            Refusal: the model has no guard.
        """
        verdict = parse_verdict(self.command(Command.CHECK))
        if verdict is None:
            raise DeviceError("the answer to CHECK is empty", hint="the firmware is of another version")
        return verdict

    def recall(self, first: int, count: int) -> Recalled:
        """Classify `count` samples, 255 at most, of the replay set from `first` on; 0 tells how many there are."""
        return parse_recalled(self.command(Command.RECALL, struct.pack("<II", first, count)), count)

    def put_head(self, offset: int, whole: int, piece: bytes) -> int:
        """Send a piece of a head's state (SPEC.md section 4.2), in order; the last has it checked, saved and restored.

        Args:
            offset: where in the state the piece begins. whole: bytes of the state. piece: at most max_payload − 8 bytes, 16 or more at 0.

        Returns:
            The number of that head in the store with the last piece, 0 before.

        Raises:
            Refusal: a state of another head, or a damaged one; the saved head before stays.
        """
        done, sequence = fields(struct.Struct("<II"), self.command(Command.PUT_HEAD, struct.pack("<II", offset, whole) + piece), "PUT_HEAD")
        if done != offset + len(piece):
            raise DeviceError(f"the device answers PUT_HEAD with offset {done}", expected=str(offset + len(piece)))
        return int(sequence)

    def measure(self, what: Measured, *, label: int = 0, iterations: int = 0) -> tuple[int, ...]:
        """Run one inference (a region per operator, then the head), one teach step, or a loop, between counting marks.

        Args:
            what: "inference", "step" or "loop". label: of the step, which learns the features of the last inference.
            iterations: of the loop.

        Returns:
            The device's timer ticks per region.
        """
        payload = self.command(Command.MEASURE, struct.pack("<BBHI", MEASURES[what], 0, label, iterations))
        (regions,) = fields(_NUMBER, payload[:4], "MEASURE")
        return fields(struct.Struct(f"<{min(regions, len(payload))}I"), payload[4:], "MEASURE")

    def metadata(self) -> dict[str, Any]:
        """Return the loaded model's metadata: name, labels, input, preprocessing …

        Raises:
            Refusal: no model is loaded. DeviceError: what the device tells is no metadata.
        """
        if self._metadata is None:
            header = self.read(Readable.HEADER, count=HEADER_BYTES)
            payload = self.read(Readable.METADATA, count=metadata_bytes(header))
            self._metadata = parse_metadata(payload, image_bytes=struct.unpack_from("<I", header, 8)[0])
        return self._metadata

    def head_metadata(self) -> dict[str, Any]:
        """Return the metadata of a model with a head: a plain .tflite has neither classes nor preprocessing.

        Raises:
            DeviceError: the model has no head.
        """
        metadata = self.metadata()
        if "head" not in metadata:
            raise DeviceError(
                "the model on the device has no head: it came from a plain .tflite", expected="a bundle's",
                hint="tinytl run MODEL answers arrays; tinytl flash BUNDLE puts a head there",
            )  # fmt: skip
        return metadata

    def labels(self) -> tuple[str, ...]:
        """Return the names of all classes: those of the model, then those that were added on the device."""
        own = tuple(self.head_metadata()["labels"])
        count = self.status().class_count
        if count < len(own):
            raise DeviceError(f"the device tells of {count} classes", expected=f"at least the {len(own)} of its metadata")
        added = count - len(own)
        return own + parse_names(self.read(Readable.CLASS_NAMES, count=added * CLASS_NAME_BYTES))

    def expect_labels(self, y: np.ndarray) -> None:
        """Refuse labels (N,) that are no numbers of the device's classes."""
        labels = self.labels()
        outside = [int(label) for label in np.unique(y) if not 0 <= label < len(labels)]
        if outside:
            refuse_labels(outside, labels)

    def head_parameters(self) -> np.ndarray:
        """Return the head's parameters (parameter_count,) float32, int8 weights four in one, layer by layer, weights then bias."""
        count = int(self.head_metadata()["head"]["parameter_count"])
        return np.frombuffer(self.read(Readable.HEAD, count=4 * count), "<f4").copy()
