# SPDX-License-Identifier: Apache-2.0
"""A head as a file (`*.head`): the state that a device saves (SPEC.md section 4.2), and whose head it is.

    u8[4] magic TLHD | u16 format_version 1 | u16 reserved 0 | u8[16] bundle_id | u32 image_crc32 | u32 text_bytes | u32 state_bytes
    text: UTF-8 JSON with name, labels and layers | state | u32 crc32 of all before

In: bytes from anywhere. Out: a `HeadFile` that has been checked: its checksum, each length, finite numbers, names of classes, layers whose
words add up to the state's.
"""

import json
import struct
import zlib
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from tinytl.compiler.image.slot import CLASS_NAME_BYTES
from tinytl.errors import BundleError, DeviceError
from tinytl.files import write_whole
from tinytl_bridge.wire.class_names import pack_name

MAGIC, VERSION = b"TLHD", 1
_FRONT = struct.Struct("<4sHH16sIII")
_STATE = struct.Struct("<IIII")
_CRC = struct.Struct("<I")
_MOST_BYTES = 64 << 20
_MOST_CLASSES = 4096


@dataclass(frozen=True)
class LayerWords:
    """Where a layer's numbers lie in a state. name: the layer's. words: of 32 bits. int8_words: the first ones, four int8 weights each."""

    name: str
    words: int
    int8_words: int = 0


@dataclass(frozen=True, eq=False)
class HeadFile:
    """A head that was taken from a device.

    Attributes:
        name: of the bundle. bundle_id: 16 bytes. image_crc32: of the image that it was taught on, of which a bundle has several.
        labels: names of all classes, those that were added on the device last. own_classes: how many of them the bundle has.
        layers: that train, in the state's order.
        steps: samples taught since the factory head. random: state of the random numbers, ≠ 0.
        parameters: (words,) uint32, the bits of float32 numbers and of int8 weights.
    """

    name: str
    bundle_id: bytes
    image_crc32: int
    labels: tuple[str, ...]
    own_classes: int
    layers: tuple[LayerWords, ...]
    steps: int
    random: int
    parameters: np.ndarray

    @property
    def state(self) -> bytes:
        """The bytes of SPEC.md section 4.2, without a place in a stream."""
        front = _STATE.pack(len(self.parameters), len(self.labels), self.steps, self.random)
        return front + self.parameters.astype("<u4").tobytes() + b"".join(pack_name(name) for name in self.labels[self.own_classes :])

    @property
    def is_int8(self) -> np.ndarray:
        """(words,) bool: which words are four int8 weights."""
        flags = [np.arange(layer.words) < layer.int8_words for layer in self.layers]
        return np.concatenate(flags) if flags else np.zeros(0, bool)

    @property
    def floats(self) -> np.ndarray:
        """(N,) float32: the words that are numbers."""
        return self.parameters[~self.is_int8].view(np.float32)

    @property
    def int8_weights(self) -> np.ndarray:
        """(M,) int8: the weights that are bytes."""
        return self.parameters[self.is_int8].view(np.int8)

    def with_numbers(self, floats: np.ndarray, weights: np.ndarray, *, steps: int) -> "HeadFile":
        """Return the same head with other numbers.

        Args:
            floats: (N,) as `floats`, rounded to float32. weights: (M,) whole numbers, as `int8_weights`. steps: samples behind them.
        """
        parameters, is_int8 = self.parameters.copy(), self.is_int8
        parameters[~is_int8] = np.asarray(floats, "<f4").view("<u4")
        parameters[is_int8] = np.asarray(weights).astype(np.int8).view("<u4")
        return replace(self, parameters=parameters, steps=steps, random=random_of(parameters))


def random_of(parameters: np.ndarray) -> int:
    """Return a state of random numbers for a head whose own is not known: of its numbers, never 0."""
    return zlib.crc32(parameters.tobytes()) or 1


def write_head(head: HeadFile, path: Path) -> None:
    """Write a head file, whole or not at all. Raises BundleError where it cannot be written."""
    write_whole(path, encoded(head))


def encoded(head: HeadFile) -> bytes:
    """Return the bytes of a head file."""
    layers = [[layer.name, layer.words, layer.int8_words] for layer in head.layers]
    told = {"layers": layers, "labels": list(head.labels), "name": head.name, "own_classes": head.own_classes}
    text, state = json.dumps(told, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode(), head.state
    data = _FRONT.pack(MAGIC, VERSION, 0, head.bundle_id, head.image_crc32, len(text), len(state)) + text + state
    return data + _CRC.pack(zlib.crc32(data))


def read_head(path: Path) -> HeadFile:
    """Read a head file.

    Raises:
        BundleError: it is missing, no head file, of a newer version, or damaged.
    """
    try:
        if path.stat().st_size > _MOST_BYTES:
            raise BundleError(f"{path} has {path.stat().st_size:,} bytes", expected=f"a head file, at most {_MOST_BYTES:,}")
        data = path.read_bytes()
    except OSError as error:
        raise BundleError(f"{path} cannot be read: {error.strerror or error}", expected="a head file",
                          hint="tinytl save --out FILE.head --target T writes one") from error  # fmt: skip
    return decoded(data, str(path))


def decoded(data: bytes, label: str) -> HeadFile:
    """Return the head of a file's bytes. label: what errors call it. Raises BundleError as `read_head`."""
    if len(data) < _FRONT.size + _CRC.size or not data.startswith(MAGIC):
        raise BundleError(f"{label} is no head file", expected=f"{MAGIC.decode()} at its beginning", hint="tinytl save --out writes one")
    _, version, _, bundle_id, image_crc32, text_bytes, state_bytes = _FRONT.unpack_from(data)
    if version != VERSION:
        raise BundleError(f"{label} has format version {version}", expected=str(VERSION), hint="update tinytl")
    whole = _FRONT.size + text_bytes + state_bytes + _CRC.size
    if len(data) != whole or _CRC.unpack(data[-_CRC.size :])[0] != zlib.crc32(data[: -_CRC.size]):
        raise BundleError(f"{label} is damaged: its length or its checksum is another", expected=f"{whole:,} bytes with their crc32",
                          hint="save or copy it again")  # fmt: skip
    text = data[_FRONT.size : _FRONT.size + text_bytes]
    try:
        return _parsed(json.loads(text), data[_FRONT.size + text_bytes : -_CRC.size], bundle_id, image_crc32)
    except (ValueError, KeyError, TypeError, RecursionError, struct.error, DeviceError) as error:
        raise BundleError(f"{label} is no head of ours: {error}", expected="what tinytl save --out wrote") from error


def _parsed(told: Any, state: bytes, bundle_id: bytes, image_crc32: int) -> HeadFile:
    labels, own = tuple(told["labels"]), told["own_classes"]
    layers = tuple(LayerWords(str(name), int(words), int(int8)) for name, words, int8 in told["layers"])
    count, classes, steps, random = _STATE.unpack_from(state)
    _expect(all(isinstance(label, str) for label in labels) and len(set(labels)) == len(labels), "labels are names, no two equal")
    _expect(isinstance(own, int) and 1 <= own <= len(labels) == classes <= _MOST_CLASSES, f"{classes} classes of {len(labels)} labels")
    _expect(all(0 <= layer.int8_words <= layer.words for layer in layers), "words of its layers")
    _expect(sum(layer.words for layer in layers) == count, f"{count} parameters in its layers")
    _expect(len(state) == _STATE.size + 4 * count + CLASS_NAME_BYTES * (classes - own), f"a state of {len(state)} bytes")
    _expect(random != 0, "a state of random numbers")
    parameters = np.frombuffer(state, "<u4", count, _STATE.size).copy()
    head = HeadFile(str(told["name"]), bundle_id, image_crc32, labels, own, layers, steps, random, parameters)
    _expect(head.state == state, "names of added classes as its labels")
    _expect(bool(np.isfinite(head.floats).all()), "finite numbers alone")
    return head


def _expect(holds: bool, what: str) -> None:
    if not holds:
        raise ValueError(f"expected {what}")
