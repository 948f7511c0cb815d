# SPDX-License-Identifier: Apache-2.0
"""The two models of SPEC.md's examples, and a session of the twin with one of them.

`head_alone()` is the smallest image that learns: four features, two classes, no operator. `tiny()` is a bundle with one operator
before such a head, room for a third class, a replay set, statistics of drift and a guard. Nothing here is drawn by chance, and
no version is written into the bundle, so that the bytes are the same everywhere.
"""

import tempfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from cobs import cobs

from tinytl.bundle.bundle import Bundle, head_fields, write_bundle
from tinytl.compiler import compile_bundle, read_image
from tinytl.compiler.head_alone import compile_head
from tinytl.compiler.image.reader import ImageContents
from tinytl.head.layers import Head, Learning, dense_layer
from tinytl_bridge.targets.host import HostTarget
from tinytl_bridge.twin import TwinModel
from tinytl_bridge.wire import protocol
from tinytl_bridge.wire.protocol import Command, Frame

WEIGHTS = np.array([[0.5, -0.25, 0.0, 1.0], [-0.5, 0.25, 1.0, 0.0]], np.float32)
BIAS = np.array([0.25, -0.25], np.float32)
SCALE, ZERO_POINT = 0.5, -4
SESSION = 0x12345678
SAMPLE = np.array([2, -4, 0, 6], np.int8)


def head_alone() -> ImageContents:
    """Return the image of a dense layer 4 → 2 alone: SGD with rate 0.125, no replay, no guard."""
    head = Head((dense_layer("classes", WEIGHTS, BIAS, "none"),), Learning(learning_rate=0.125, replays_per_step=0))
    return read_image(compile_head(head, [(SCALE, ZERO_POINT)]).data)


@dataclass(frozen=True)
class TaughtHead:
    """What the twin says of the head alone: logits of `SAMPLE`, and its states, factory and after one step with label 1."""

    logits: np.ndarray
    state: bytes
    loss: float
    taught_state: bytes


def taught_head(image: bytes) -> TaughtHead:
    """Infer `SAMPLE`, then teach it as class 1."""
    twin = TwinModel(image)
    twin.invoke(SAMPLE)
    logits, state = twin.infer()[1], twin.state()
    twin.invoke(SAMPLE)
    loss = twin.step(1).loss
    return TaughtHead(logits, state, loss, twin.state())


def _extractor() -> bytes:
    """A .tflite: FULLY_CONNECTED 4 → 4 with RELU."""
    from tflite_writer import ModelWriter

    writer = ModelWriter()
    taken = writer.tensor("input", (1, 4), scale=0.5)
    weights = writer.tensor("weights", (4, 4), scale=0.25, data=4 * np.eye(4) + np.eye(4, k=1))
    bias = writer.tensor("bias", (4,), "int32", 0.125, data=[0, 8, 0, -8])
    given = writer.tensor("features", (1, 4), scale=SCALE, zero_point=ZERO_POINT)
    writer.node("FULLY_CONNECTED", [taken, weights, bias], given, 1, "FullyConnectedOptions", FusedActivationFunction=1)
    return writer.bytes([taken], [given])


def tiny() -> Bundle:
    """Return the bundle, not yet written."""
    learning = Learning(
        learning_rate=0.125, replays_per_step=1, replay_buffer_bytes=24, guard_buffer_bytes=120, guard_every=4, guard_check_every=0
    )
    head = Head((dense_layer("classes", WEIGHTS, BIAS, "none"),), learning)
    features = np.array([[16, -4, -4, 20], [12, 0, -4, 24], [-4, 8, 20, -4], [-4, 12, 16, 0]], np.int8)
    manifest: dict[str, Any] = {
        "format": "tinytl-bundle", "format_version": 1, "name": "tiny", "model": "example", "plan": "last-dense",
        "source": {"dataset": "example", "accuracy_float": 1.0, "accuracy_int8": 1.0, "test_samples": 4},
        "labels": ["no", "yes"], "class_capacity": 3,
        "input": {"shape": [4], "scale": 0.5, "zero_point": 0},
        "preprocessing": {"range": [0.0, 1.0], "resize": None, "int8": "input"},
        "features": [{"shape": [4], "scale": SCALE, "zero_point": ZERO_POINT}],
        "head": head_fields(head), "macs": {"frozen": 16, "trainable": head.macs}, "created_with": {"tinytl": "0.1.0"},
    }  # fmt: skip
    labels = np.array([0, 0, 1, 1], np.uint16)
    check_inputs = np.array([[8, 4, -2, 6]], np.int8)
    check_features = np.array([[5, 1, -4, -4]], np.int8)
    return Bundle(manifest, _extractor(), head, features, labels, check_inputs, check_features)


@cache
def tiny_file() -> bytes:
    """Return the bundle's bytes as a file."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "tiny.tinytl"
        write_bundle(tiny(), path)
        return path.read_bytes()


@cache
def tiny_image() -> ImageContents:
    """Return the bundle's image for the portable family."""
    with tempfile.TemporaryDirectory() as folder:
        written = write_bundle(tiny(), Path(folder) / "tiny.tinytl")
    return read_image(compile_bundle(written).data)


@dataclass(frozen=True)
class Exchange:
    """A command and its answer, as on the wire."""

    request: bytes
    answer: bytes

    def frames(self) -> tuple[bytes, bytes]:
        """Return both without their stuffing: header, payload, crc32."""
        return cobs.decode(self.request.strip(b"\0")), cobs.decode(self.answer.strip(b"\0"))


@dataclass(frozen=True)
class Story:
    """A session: exchanges by name, and the head slot that SAVE wrote."""

    exchanges: dict[str, Exchange]
    model_slot: bytes
    head_slot: bytes


MODEL_SLOT_BYTES, HEAD_SLOT_BYTES, ARENA_BYTES = 4096, 512, 4096


class _Session:
    def __init__(self, target: HostTarget) -> None:
        self._target, self._sequence, self.exchanges = target, 0, {}
        target.start()

    def send(self, command: Command, payload: bytes = b"", name: str = "") -> bytes:
        """Have a command executed and keep the exchange under a name, by default the command's."""
        sequence = 0 if command is Command.HELLO else self._sequence + 1
        request = protocol.encode(Frame(command, sequence, SESSION, payload))
        self._target.receive(request)
        answer, self._sequence = self._target.take(), sequence
        self.exchanges[name or command.name] = Exchange(request, answer)
        return answer


@cache
def story() -> Story:
    """Flash the tiny model into an empty device and have every command executed."""
    image = tiny_image().data
    sizes = {"model_slot_bytes": MODEL_SLOT_BYTES, "head_slot_bytes": HEAD_SLOT_BYTES, "arena_bytes": ARENA_BYTES}
    with tempfile.TemporaryDirectory() as folder:
        target = HostTarget(state_dir=Path(folder), **sizes)
        session = _Session(target)
        session.send(Command.HELLO)
        session.send(Command.FLASH_BEGIN, image[:128])
        last = len(image) - 16
        for at in range(0, last, 512):
            session.send(Command.FLASH_DATA, _words(at) + image[at : min(at + 512, last)], "first pieces")
        session.send(Command.FLASH_DATA, _words(last) + image[last:])
        session.send(Command.FLASH_COMMIT)
        session.send(Command.READ, bytes([0, 0, 16, 0]) + _words(0))
        session.send(Command.INPUT, _words(0) + b"\x08\x04")
        session.send(Command.INFER, _words(2) + b"\xfe\x06")
        session.send(Command.STREAM, _words(7, 0))
        session.send(Command.TEACH, _words(1 | 1 << 16, 0) + b"\x08\x04\xfe\x06")
        session.send(Command.GROW, _words(2) + b"maybe".ljust(32, b"\0") + _words(0) + b"\x20\x10\x20\x10")
        memory = target.mailbox()
        assert memory is not None
        memory[:8] = b"\x08\x04\xfe\x06\x20\x10\x20\x10"
        session.send(Command.EVALUATE, _words(0, 2, 16))
        session.send(Command.SAVE)
        session.send(Command.STATUS)
        session.send(Command.CHECK)
        session.send(Command.RECALL, _words(0, 4))
        session.send(Command.ROLLBACK, b"\0")
        session.send(Command.MEASURE, bytes(8))
        session.send(Command.TEACH, _words(9, 0) + b"\x08\x04\xfe\x06", "ERROR")
        session.send(Command.PUT_HEAD, _words(0, 108, 15, 3, 2, 1) + bytes(60) + b"maybe".ljust(32, b"\0"))
        target.stop()
        (file,) = Path(folder).glob("*.nv")
        memory_file = file.read_bytes()
    heads = 2 * MODEL_SLOT_BYTES
    return Story(session.exchanges, memory_file[:MODEL_SLOT_BYTES], memory_file[heads : heads + HEAD_SLOT_BYTES])


def _words(*numbers: int) -> bytes:
    return b"".join(number.to_bytes(4, "little") for number in numbers)
