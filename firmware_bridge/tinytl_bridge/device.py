# SPDX-License-Identifier: Apache-2.0
"""A device behind any target: flash, infer, evaluate, teach, save, roll back. Raw samples in, typed results out.

The device tells what its model takes (shape, scale, preprocessing, labels), so a bundle is needed only for flashing.
"""

import struct
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np

from tinytl.bundle.bundle import Bundle
from tinytl.class_match import ClassMatch, match_classes, refuse_labels
from tinytl.compiler import Image
from tinytl.data import prepare_samples
from tinytl.errors import DeviceError
from tinytl.model_file import ModelFile, compile_model
from tinytl.progress import Progress, silent
from tinytl_bridge.firmware.compile_options import options_for
from tinytl_bridge.identity import HEADER_BYTES, Expected, Identity, expect_model, identity_of
from tinytl_bridge.recalling import Recall, SourceWatch, recall_of
from tinytl_bridge.stream_place import NOWHERE, StreamPlace, begin_stream, place_of
from tinytl_bridge.targets import Target, open_target
from tinytl_bridge.teaching import PLAIN, Lessons, TeachFlags, check_lessons, teach_stream
from tinytl_bridge.twin import status_names
from tinytl_bridge.wire.class_names import NAME_BYTES, pack_name, parse_names
from tinytl_bridge.wire.link import Link
from tinytl_bridge.wire.metadata import metadata_bytes, parse_metadata
from tinytl_bridge.wire.protocol import Command, DeviceInfo, DeviceStatus, Readable, fields, parse_info, parse_status
from tinytl_bridge.wire.results import Evaluation, Inference, TaughtSample, TeachResult, parse_inference, parse_taught
from tinytl_bridge.wire.verdicts import Verdict, parse_verdict

_EVALUATE_CHUNK = 64
_NUMBER = struct.Struct("<I")
_ROLLBACKS = {"saved": 0, "previous": 1, "factory": 2}
Measured = Literal["inference", "step", "loop"]
_MEASURES = {"inference": 0, "step": 1, "loop": 2}


def connect(target: str, *, state_dir: Path | str | None = None, expect: Expected | None = None) -> "Device":
    """Connect to a target.

    Args:
        target: `host`, `qemu:mps2-an386`, `serial:/dev/ttyACM0`, or a pyserial URL.
        state_dir: folder that keeps the non-volatile memory of emulated targets and of the twin.
        expect: model that it must hold, as in `Device.expect`; None: any or none.

    Returns:
        A connected device; use it as a context manager.

    Raises:
        DeviceError: unknown target, it does not answer, or it holds another model than the one expected.
    """
    device = Device(open_target(target, state_dir=None if state_dir is None else Path(state_dir)))
    try:
        if expect is not None:
            device.expect(expect)
    except BaseException:
        device.close()
        raise
    return device


class Device:
    """A connected device.

    Attributes:
        target: where it runs. info: what it announced.
    """

    info: DeviceInfo

    def __init__(self, target: Target) -> None:
        self.target = target
        self._connect()

    def _connect(self) -> None:
        stream = self.target.start()
        self._link = Link(stream, timeout_s=self.target.timeout_s)
        self._metadata: dict[str, Any] | None = None
        try:
            self.info = parse_info(self._link.open())
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> "Device":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Disconnect; what was saved stays on the device."""
        self._link.close()
        self.target.stop()

    def power_cycle(self) -> None:
        """Cut the power of an emulated device or of the twin and start it again on the same non-volatile memory."""
        self.close()
        self._connect()

    @property
    def repeated(self) -> int:
        """Frames sent again since connecting."""
        return self._link.repeated

    def status(self) -> DeviceStatus:
        """Return what the device holds now."""
        return parse_status(self._link.command(Command.STATUS, takes_long=True), status_names())

    def command(self, command: Command, payload: bytes) -> bytes:
        """Have one command executed that may take long (SPEC.md section 3); returns the answer's payload."""
        return self._link.command(command, payload, takes_long=True)

    def read(self, what: Readable, *, index: int = 0, count: int, offset: int = 0) -> bytes:
        """Read `count` bytes of what the device holds (SPEC.md section 3, READ)."""
        data = bytearray()
        while len(data) < count:
            size = min(count - len(data), self.info.max_payload)
            piece = self._link.command(Command.READ, struct.pack("<BBHI", what, index, size, offset + len(data)))
            if len(piece) != size:
                raise DeviceError(
                    f"the answer to READ has {len(piece)} bytes", expected=str(size), hint="the firmware is of another version"
                )
            data += piece
        return bytes(data)

    def metadata(self) -> dict[str, Any]:
        """Return the loaded model's metadata: name, labels, input, preprocessing …

        Raises:
            Refusal: no model is loaded. DeviceError: what the device tells is no metadata.
        """
        if self._metadata is None:
            header = self.read(Readable.HEADER, count=HEADER_BYTES)
            told = self.read(Readable.METADATA, count=metadata_bytes(header))
            self._metadata = parse_metadata(told, image_bytes=struct.unpack_from("<I", header, 8)[0])
        return self._metadata

    def identity(self) -> Identity:
        """Return which model is loaded: its name, its bundle's id, the checksum of its image.

        Raises:
            Refusal: no model is loaded.
        """
        return identity_of(self)

    def expect(self, model: Expected) -> Identity:
        """Refuse to go on where the device holds another model: after a refused `flash` it still holds the one before.

        Args:
            model: a bundle, a model or an image, or the path of one; a shipped bundle's name; or the first 6 hex digits or more of a
                bundle's id or of an image's checksum.

        Raises:
            DeviceError: another model, or an image of the right bundle that was changed. BundleError: there is no such file.
        """
        return expect_model(self, model)

    def labels(self) -> tuple[str, ...]:
        """Return the names of all classes: those of the model, then those that were added on the device."""
        own = tuple(self._head_metadata()["labels"])
        count = self.status().class_count
        if count < len(own):
            raise DeviceError(f"the device tells of {count} classes", expected=f"at least the {len(own)} of its metadata")
        added = count - len(own)
        return own + parse_names(self.read(Readable.CLASS_NAMES, count=added * NAME_BYTES))

    def _head_metadata(self) -> dict[str, Any]:
        """Return the metadata of a model with a head: a plain .tflite has neither classes nor preprocessing."""
        told = self.metadata()
        if "head" not in told:
            raise DeviceError(
                "the model on the device has no head: it came from a plain .tflite", expected="a bundle's",
                hint="tinytl run MODEL answers arrays; tinytl flash BUNDLE puts a head there",
            )  # fmt: skip
        return told

    def compile(
        self,
        model: Bundle | ModelFile,
        *,
        optimize: str = "speed",
        ram_bytes: int | None = None,
        flash_bytes: int | None = None,
    ) -> Image:
        """Compile a model for this device: for its kernels and within its memory.

        Args:
            optimize: as in `tinytl.compiler.CompileOptions`. ram_bytes, flash_bytes: less than the device has.

        Raises:
            CompileError: it fits neither the device nor the limits.
        """
        options = options_for(self.info, optimize=optimize, ram_bytes=ram_bytes, flash_bytes=flash_bytes)
        return compile_model(model, options)

    def flash(self, model: Bundle | ModelFile | Image, *, progress: Progress | None = None) -> None:
        """Put a model onto the device; its head is then the factory one.

        Args:
            model: a bundle or a model file, compiled for the device, or an image.

        Raises:
            Refusal: it does not fit or is of another version; nothing has changed then. DeviceError: it holds another image afterwards.
        """
        report = progress or silent
        data = (model if isinstance(model, Image) else self.compile(model)).data
        self._link.command(Command.FLASH_BEGIN, data[:128], takes_long=True)
        size = self.info.max_payload - 4
        for offset in range(0, len(data), size):
            answer = self._link.command(Command.FLASH_DATA, struct.pack("<I", offset) + data[offset : offset + size])
            done = min(offset + size, len(data))
            if answer != struct.pack("<I", done):
                raise DeviceError(f"the device answers FLASH_DATA with {answer.hex() or 'nothing'}", expected=f"{done}, the next offset")
            report("flash", done, len(data))
        self._link.command(Command.FLASH_COMMIT, takes_long=True)
        self._metadata = None
        if self.read(Readable.HEADER, count=HEADER_BYTES) != data[:HEADER_BYTES]:
            raise DeviceError(
                "the device took the image and holds another", expected=f"the {len(data):,} bytes that were sent",
                hint="flash again; tinytl info shows what it holds",
            )  # fmt: skip

    def prepare(self, x: np.ndarray) -> np.ndarray:
        """Turn raw samples (N, …) into the model's int8 input (N, input_bytes), as its metadata says."""
        told = self._head_metadata()
        return prepare_samples(x, told["input"], told["preprocessing"]).reshape(len(x), -1)

    def infer(self, x: np.ndarray) -> Inference:
        """Classify one raw sample, shape as in its dataset."""
        return self.infer_prepared(self.prepare(x[np.newaxis])[0])

    def infer_prepared(self, sample: np.ndarray) -> Inference:
        """Classify one sample that is already the model's int8 input."""
        return parse_inference(self._sample(sample, Command.INFER, b""))

    def _sample(self, sample: np.ndarray, command: Command, front: bytes) -> bytes:
        """Send a sample in pieces; the last one rides in `command` behind `front`."""
        data = sample.tobytes()
        room = self.info.max_payload - 4 - len(front)
        last = max(len(data) - room, 0)
        for offset in range(0, last, self.info.max_payload - 4):
            piece = data[offset : min(offset + self.info.max_payload - 4, last)]
            self._link.command(Command.INPUT, struct.pack("<I", offset) + piece)
        return self._link.command(command, front + struct.pack("<I", last) + data[last:], takes_long=True)

    def evaluate(
        self, x: np.ndarray, y: np.ndarray, *, classes: Sequence[str] | ClassMatch | None = None, progress: Progress | None = None
    ) -> Evaluation:
        """Classify raw samples (N, …) and compare with labels (N,). Takes the mailbox where the device has one.

        Args:
            classes: names of the labels, found among the device's as `tinytl.class_match` says: a class that it does not have is never
                right. Or how they map, found before. None: labels are the device's numbers.

        Raises:
            DeviceError: names of which the device has none, or numbers that it does not have.
        """
        if classes is None:
            self.expect_labels(y)
        else:
            match = classes if isinstance(classes, ClassMatch) else match_classes(y, classes, self.labels())
            if match is not classes:
                match.expect_known()
            y = match.numbers_of(y)
        prepared, report = self.prepare(x), progress or silent
        mailbox = self.target.mailbox() if self.info.mailbox_bytes else None
        predictions: list[int] = []
        for start in range(0, len(prepared), _EVALUATE_CHUNK):
            chunk = prepared[start : start + _EVALUATE_CHUNK]
            predictions += (
                self._through_mailbox(chunk, mailbox) if mailbox is not None else [self.infer_prepared(s).predicted for s in chunk]
            )
            report("evaluate", len(predictions), len(prepared))
        answers = np.array(predictions, np.int64)
        return Evaluation(answers, int((answers == np.asarray(y)).sum()))

    def _through_mailbox(self, chunk: np.ndarray, mailbox: memoryview) -> list[int]:
        predictions = -(-chunk.size // 16) * 16
        if predictions + 2 * len(chunk) > len(mailbox):
            raise DeviceError(
                f"{len(chunk)} samples of {chunk.shape[1]:,} bytes do not fit the mailbox", expected=f"{len(mailbox):,} bytes"
            )
        mailbox[: chunk.size] = chunk.tobytes()
        self._link.command(Command.EVALUATE, struct.pack("<III", 0, len(chunk), predictions), takes_long=True)
        return np.frombuffer(mailbox, "<u2", len(chunk), predictions).astype(int).tolist()

    def teach(
        self, x: np.ndarray, y: np.ndarray, *, classes: Sequence[str] | None = None, new_classes: bool = False,
        flags: TeachFlags = PLAIN, recall: bool = False, keep_source: float | None = None, place: StreamPlace = NOWHERE,
        progress: Progress | None = None, on_step: Callable[[TaughtSample], None] | None = None,
    ) -> TeachResult:  # fmt: skip
        """Stream labelled samples; the head learns each on the device.

        Args:
            x: raw samples (N, …). y: labels (N,).
            classes: names of the labels, found among the device's as `tinytl.class_match` says; None: labels are the device's numbers.
            new_classes: whether names that the device does not have become classes of it, each with its first sample.
            flags: when to learn, whether the model's guard, if it has one, holds samples out and undoes what diverges, and more.
            recall: whether the replay set is classified before and after, to tell what became of the source task.
            keep_source: points of accuracy on the replay set that may be lost; more brings back the last saved head, of which the result
                tells.
            place: which stream the samples are, by a number of the caller's, and how many of them are left out, since the head has taken
                them; the device keeps it (`stream_place`).
            on_step: called after each.

        Raises:
            DeviceError: samples or labels the model does not take (before anything is sent), no answer, or a restart.
        """
        if len(x) != len(y):
            raise DeviceError(f"{len(x)} samples and {len(y)} labels", expected="as many of both")
        check_lessons(self, Lessons(x, np.asarray(y), classes, new_classes, flags))
        begin_stream(self, place)
        rest = slice(place.position, None)
        lessons = Lessons(self.prepare(x)[rest], np.asarray(y)[rest], classes, new_classes, flags)
        watch = SourceWatch(self, keep_source) if recall or keep_source is not None else None
        return teach_stream(self, lessons, progress=progress or silent, on_step=on_step, watch=watch)

    def stream_place(self) -> StreamPlace:
        """Return the stream of which the head has taken samples, and how many."""
        return place_of(self)

    def teach_prepared(self, sample: np.ndarray, label: int, flags: TeachFlags = PLAIN) -> TaughtSample:
        """Teach one sample that is already the model's int8 input."""
        payload = self._sample(sample, Command.TEACH, struct.pack("<HH", label, flags.word))
        return parse_taught(payload, label)

    def grow_prepared(self, sample: np.ndarray, label: int, name: str, flags: TeachFlags = PLAIN) -> TaughtSample:
        """Add a class and teach its first sample, which is already the model's int8 input. label: classes that there are before.

        Raises:
            Refusal: no room, or a name that is taken; nothing has changed then.
        """
        payload = self._sample(sample, Command.GROW, struct.pack("<HH", label, flags.word) + pack_name(name))
        return parse_taught(payload, label)

    def expect_labels(self, y: np.ndarray) -> None:
        """Refuse labels (N,) that are no numbers of the device's classes."""
        labels = self.labels()
        outside = [int(label) for label in np.unique(y) if not 0 <= label < len(labels)]
        if outside:
            refuse_labels(outside, labels)

    def save(self) -> int:
        """Keep the head through power loss; returns its number in the store."""
        return self._number(Command.SAVE, b"")

    def check(self) -> Verdict:
        """Have the guard compare the head with the kept one, the last saved or the factory head, on its held-out samples.

        Returns:
            What it did: saved the head, went back to the kept one, or neither.

        Raises:
            Refusal: the model has no guard.
        """
        verdict = parse_verdict(self._link.command(Command.CHECK, takes_long=True))
        if verdict is None:
            raise DeviceError("the answer to CHECK is empty", hint="the firmware is of another version")
        return verdict

    def recall(self) -> Recall | None:
        """Classify the replay set, the source samples whose features travel in the image; None where there is none."""
        return recall_of(self)

    def rollback(self, to: str = "saved") -> int:
        """Go back to the last saved head, the one before it ("previous") or the "factory" head; not saved by itself.

        Returns:
            The number of that head in the store, 0 for the factory head.
        """
        if to not in _ROLLBACKS:
            raise DeviceError(f"cannot roll back to {to!r}", expected=", ".join(_ROLLBACKS))
        return self._number(Command.ROLLBACK, bytes([_ROLLBACKS[to]]))

    def _number(self, command: Command, payload: bytes) -> int:
        (number,) = fields(_NUMBER, self._link.command(command, payload, takes_long=True), command.name)
        return int(number)

    def head_parameters(self) -> np.ndarray:
        """Return the head's parameters (parameter_count,) float32, int8 weights four in one, layer by layer, weights then bias."""
        count = int(self._head_metadata()["head"]["parameter_count"])
        return np.frombuffer(self.read(Readable.HEAD, count=4 * count), "<f4").copy()

    def outputs(self, *, index: int = 0, count: int) -> np.ndarray:
        """Return the first `count` int8 features of graph output `index` that the last inference left."""
        return np.frombuffer(self.read(Readable.OUTPUT, index=index, count=count), np.int8).copy()

    def measure(self, what: Measured, *, sample: np.ndarray | None = None, label: int = 0, iterations: int = 0) -> tuple[int, ...]:
        """Run one inference (a region per operator, then the head), one teach step, or a loop, between counting marks.

        Args:
            sample: int8 input to measure on; a step learns the features of the last inference.

        Returns:
            The device's timer ticks per region.
        """
        if sample is not None:
            data, size = sample.tobytes(), self.info.max_payload - 4
            for offset in range(0, len(data), size):
                self._link.command(Command.INPUT, struct.pack("<I", offset) + data[offset : offset + size])
        payload = self._link.command(Command.MEASURE, struct.pack("<BBHI", _MEASURES[what], 0, label, iterations), takes_long=True)
        (regions,) = fields(_NUMBER, payload[:4], "MEASURE")
        return fields(struct.Struct(f"<{min(regions, len(payload))}I"), payload[4:], "MEASURE")
