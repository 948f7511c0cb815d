# SPDX-License-Identifier: Apache-2.0
"""Whatever answers on the other side, a command ends with text: nothing endless, no traceback, no success that was none."""

import json
import re
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tinytl.bundle.shipped import find_bundle
from tinytl.errors import DeviceError
from tinytl_bridge import Device, connect
from tinytl_bridge.wire import protocol
from tinytl_bridge.wire.link import MOST_HEARD_BYTES, Link
from tinytl_bridge.wire.metadata import MOST_METADATA_BYTES, parse_metadata
from tinytl_bridge.wire.protocol import Command, Frame
from tinytl_bridge.wire.results import parse_inference, parse_taught
from tinytl_bridge.wire.verdicts import parse_verdict

GOOD = {
    "name": "x", "labels": ["a", "b"], "head": {"parameter_count": 4}, "preprocessing": {"range": [0, 1], "resize": None},
    "input": {"shape": [4], "scale": 0.5, "zero_point": 0},
}  # fmt: skip
IMAGE_BYTES = 4096


class Hostile:
    """Answers on TCP as it likes: what `answers` has of a command, else as a device would that holds a model of two classes."""

    def __init__(
        self, *, metadata: bytes | None = None, metadata_bytes: int | None = None, max_payload: int = 1024, **answers: bytes
    ) -> None:
        self.metadata = json.dumps(GOOD).encode() if metadata is None else metadata
        self.metadata_bytes = len(self.metadata) if metadata_bytes is None else metadata_bytes
        self.max_payload, self.answers, self.classes = max_payload, answers, (2, 2)
        self.seen: list[int] = []

    def answer(self, frame: Frame) -> bytes:
        command = Command(frame.type)
        if command.name in self.answers:
            return self.answers[command.name]
        if command == Command.HELLO:
            return protocol._INFO.pack(1, 1, 256, 1 << 20, 1 << 20, 1 << 20, self.max_payload, 0, 0, 0, b"evil", 1, 0)
        if command == Command.STATUS:
            return protocol._STATUS.pack(0, 0, b"x" * 16, 4, IMAGE_BYTES, 1000, 1, 1, 1, 1, 0, 0, *self.classes, 0, 0, 0, 0.0, 0.0)
        if command == Command.READ:
            what, _, count, offset = struct.unpack("<BBHI", frame.payload)
            header = bytearray(128)
            struct.pack_into("<I", header, 8, IMAGE_BYTES)
            struct.pack_into("<I", header, 80, self.metadata_bytes)
            return (bytes(header) if what == 3 else self.metadata)[offset : offset + count]
        if command == Command.FLASH_DATA:
            return struct.pack("<I", struct.unpack_from("<I", frame.payload)[0] + len(frame.payload) - 4)
        return b""

    def serve(self, listener: socket.socket) -> None:
        connection, _ = listener.accept()
        waiting = b""
        with connection:
            while data := connection.recv(4096):
                *runs, waiting = (waiting + data).split(b"\0")
                for frame in (protocol.decode(run) for run in runs if run):
                    if frame is not None:
                        self.seen.append(frame.type)
                        connection.sendall(protocol.encode(Frame(frame.type | 0x80, frame.sequence, frame.session, self.answer(frame))))


@contextmanager
def connected(hostile: Hostile) -> Iterator[Device]:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(1)
        thread = threading.Thread(target=hostile.serve, args=(listener,))
        thread.start()
        try:
            with connect(f"socket://127.0.0.1:{listener.getsockname()[1]}") as device:
                yield device
        finally:
            thread.join(10)


@pytest.mark.parametrize("max_payload", [0, 4, 127, 16385, 2**32 - 1])
def test_payloads_that_nothing_fits_into(max_payload: int) -> None:
    text = f"the device takes payloads of up to {max_payload:,} bytes; expected 128 to 16,384\nhint: build its firmware with TINYTL_MAX_PAYLOAD"
    with pytest.raises(DeviceError, match=text), connected(Hostile(max_payload=max_payload)):
        raise AssertionError("nothing was connected")


def test_another_protocol() -> None:
    told = protocol._INFO.pack(9, 1, 256, 1, 1, 1, 1024, 0, 0, 0, b"", 1, 0)
    with pytest.raises(DeviceError, match="the device speaks protocol 9; expected 1\nhint: update"), connected(Hostile(HELLO=told)):
        raise AssertionError("nothing was connected")


@pytest.mark.parametrize(
    ("hostile", "use", "text"),
    [
        (Hostile(metadata_bytes=2**32 - 1), Device.metadata, "tells of 4,294,967,295 bytes of metadata in an image of 4,096; expected at most"),
        (Hostile(metadata_bytes=MOST_METADATA_BYTES + 1), Device.labels, r"tells of 2,097,153 bytes of metadata"),
        (Hostile(metadata=b'{"head": [[1]]'), Device.labels, "the metadata of the model on the device cannot be read: .*; expected JSON\nhint: is the"),
        (Hostile(metadata=b"[" * 4000), Device.labels, "the metadata of the model on the device cannot be read: "),
        (Hostile(metadata=b"\xff{}"), Device.labels, "the metadata of the model on the device cannot be read: "),
        (Hostile(READ=b""), Device.identity, "the answer to READ has 0 bytes; expected 128\nhint: the firmware is of another version"),
        (Hostile(SAVE=b"12345"), Device.save, "the answer to SAVE has 5 bytes; expected 4"),
        (Hostile(), Device.rollback, "the answer to ROLLBACK has 0 bytes; expected 4"),
        (Hostile(CHECK=b"\1"), Device.check, "the answer to CHECK has 1 bytes; expected 16"),
        (Hostile(STREAM=b"123"), Device.stream_place, "the answer to STREAM has 3 bytes; expected 8"),
        (Hostile(RECALL=b"\xff\xff\xff\xff"), Device.recall, "tells of 4,294,967,295 samples in its replay set; expected at most 1,048,576"),
        (Hostile(RECALL=b"\1\0\0\0"), Device.recall, "the answer to RECALL has 4 bytes; expected 8"),
        (Hostile(INFER=b"\0"), lambda device: device.infer(np.zeros(4, np.float32)), "the answer to INFER has 1 bytes; expected 4"),
        (Hostile(TEACH=b"\0"), lambda device: device.teach_prepared(np.zeros(4, np.int8), 0), "the answer to TEACH has 1 bytes; expected 24"),
        (Hostile(MEASURE=b""), lambda device: device.measure("step"), "the answer to MEASURE has 0 bytes; expected 4"),
        (Hostile(MEASURE=b"\xff" * 4), lambda device: device.measure("step"), "the answer to MEASURE has 0 bytes; expected 16"),
    ],
)  # fmt: skip
def test_answers_that_are_none(hostile: Hostile, use: Callable[[Device], Any], text: str) -> None:
    with connected(hostile) as device, pytest.raises(DeviceError, match=text):
        use(device)
    assert len(hostile.seen) < 20


@pytest.mark.parametrize(
    ("classes", "text"),
    [
        ((65535, 10), "the device tells of 65,535 classes; expected at most 10, its capacity"),
        ((1, 10), "the device tells of 1 classes; expected at least the 2 of its metadata"),
    ],
)
def test_class_counts(classes: tuple[int, int], text: str) -> None:
    hostile = Hostile()
    hostile.classes = classes
    with connected(hostile) as device, pytest.raises(DeviceError, match=text):
        device.labels()


def test_a_flash_is_no_success_unless_the_device_holds_the_image() -> None:
    from tinytl.model_file import read_model

    model = read_model(find_bundle("digits"))
    with (
        connected(Hostile(FLASH_DATA=b"")) as device,
        pytest.raises(DeviceError, match="answers FLASH_DATA with nothing; expected 1020, the next"),
    ):
        device.flash(model)
    with (
        connected(Hostile(max_payload=16384)) as device,
        pytest.raises(DeviceError, match="the device took the image and holds another; expected the"),
    ):
        device.flash(model)


class Flood:
    """A stream that never ends. unit: what it repeats."""

    def __init__(self, unit: bytes) -> None:
        self.unit, self.most_bytes = unit, 0

    def write(self, data: bytes) -> None:
        pass

    def read(self, timeout_s: float) -> bytes:
        return self.unit

    def close(self) -> None:
        pass


@pytest.mark.parametrize("unit", [b"\1" * 4096, b"\1\0" * 2048, protocol.encode(Frame(0x81, 5, 5, bytes(900)))])
def test_a_flood_ends(unit: bytes) -> None:
    link = Link(Flood(unit), timeout_s=60)
    with pytest.raises(
        DeviceError, match=r"the device sends without end: [\d,]+ bytes, and no answer to HELLO; expected an answer within 524,288"
    ):
        link.open()
    assert link._heard < MOST_HEARD_BYTES + 5000 and len(link._waiting) < 30_000


def test_noise_longer_than_a_frame_is_dropped_and_the_next_frame_is_heard() -> None:
    class Noisy(Flood):
        sent = b""

        def write(self, data: bytes) -> None:
            frame = protocol.decode(data.strip(b"\0"))
            assert frame is not None
            self.pieces = iter([b"\1" * 15_000] * 4 + [protocol.encode(Frame(0x81, 0, frame.session, b"yes"))])

        def read(self, timeout_s: float) -> bytes:
            return next(self.pieces)

    assert Link(Noisy(b"")).open() == b"yes"


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"labels": "ab"}, "has labels 'ab'; expected a list of names"),
        ({"labels": [1]}, r"has labels \[1\]; expected a list"),
        ({"name": 3}, "has name 3; expected text"),
        ({"head": []}, "has head.parameter_count None; expected 0 to 1,024, which the image can hold"),
        ({"head": {"parameter_count": 10**12}}, "has head.parameter_count 1000000000000; expected 0 to 1,024"),
        ({"input": None}, "has input None; expected an object"),
        ({"input": {"shape": [1, 2, 3, 4, 5], "scale": 1, "zero_point": 0}}, r"has input.shape \[1, 2, 3, 4, 5\]; expected sides"),
        ({"input": {"shape": [1 << 23, 4], "scale": 1, "zero_point": 0}}, r"has input.shape \[8388608, 4\]; expected sides of at most 16,777,216"),
        ({"input": {"shape": [4], "scale": 0, "zero_point": 0}}, "has input.scale 0; expected a number above 0"),
        ({"input": {"shape": [4], "scale": float("nan"), "zero_point": 0}}, "has input.scale nan"),
        ({"input": {"shape": [4], "scale": 1, "zero_point": 900}}, "has input.zero_point 900; expected -128 to 127"),
        ({"preprocessing": 1}, "has preprocessing 1; expected an object"),
        ({"preprocessing": {"range": [0, 1]}}, "has preprocessing.resize ''; expected 'bilinear' or null"),
        ({"preprocessing": {"range": ["a" * 90, 1]}}, r"has preprocessing.range \['a{58} …; expected two numbers"),
    ],
)  # fmt: skip
def test_metadata_of_other_types(change: dict, text: str) -> None:
    assert parse_metadata(json.dumps(GOOD).encode(), image_bytes=IMAGE_BYTES) == GOOD
    with pytest.raises(DeviceError, match=f"the metadata of the model on the device {text}"):
        parse_metadata(json.dumps(GOOD | change).encode(), image_bytes=IMAGE_BYTES)
    with pytest.raises(DeviceError, match="is a list; expected an object"):
        parse_metadata(b"[]", image_bytes=IMAGE_BYTES)


def test_numbers_of_answers_are_in_range() -> None:
    with pytest.raises(DeviceError, match="the answer to INFER has class 3 and 12 bytes; expected a class below 2 and 12 bytes"):
        parse_inference(struct.pack("<HHff", 3, 2, 0, 0))
    with pytest.raises(DeviceError, match="the device tells of outcome 9; expected 0 to 3"):
        parse_taught(struct.pack("<HHfIIff", 0, 9, 0, 0, 0, 0, 0), 0)
    with pytest.raises(DeviceError, match="the device tells of verdict 7; expected 1 to 3"):
        parse_verdict(struct.pack("<6HI", 7, 0, 0, 0, 0, 0, 0))


def test_an_error_answer_of_another_length(tmp_path: Path) -> None:
    with connected(Hostile()) as device:
        real, device.session.link._wait = device.session.link._wait, lambda sent, _: Frame(0xFF, sent.sequence, sent.session, b"")  # type: ignore[assignment]
        with pytest.raises(DeviceError, match="the error that STATUS is answered with has 0 bytes; expected 12"):
            device.status()
        device.session.link._wait = real
    assert re.match(r"\d+", str(device.info.max_payload))
