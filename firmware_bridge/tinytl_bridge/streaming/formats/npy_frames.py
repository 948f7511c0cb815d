# SPDX-License-Identifier: Apache-2.0
"""`.npy` frames one after the other: what `numpy.save` writes, again and again into one stream.

In: bytes in any pieces. Out: records. A structured array with fields `x`, `label` and, if the sender counts, `n` holds one sample an
element. A plain array is one sample as a whole, without a label. Behind a broken frame the next one is found by its magic.
"""

import io
import math
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from tinytl_bridge.streaming.formats.numbers import usable
from tinytl_bridge.streaming.records import CHUNK_BYTES, MOST_RECORD_BYTES, LabelledSample, Malformed, Record

MAGIC = b"\x93NUMPY"
_LEAST_BYTES, _MOST_HEADER_BYTES = 12, 10_000
_FRAME = "a .npy frame: a plain array, or a structured one with fields x, label and n"


class NpyFrames:
    """Parser of .npy frames. longest: bytes that the array of a frame may have."""

    def __init__(self, *, longest: int = MOST_RECORD_BYTES) -> None:
        self._longest, self._waiting, self._searching = longest, bytearray(), False

    def feed(self, data: bytes) -> Iterator[Record]:
        """As `Parser.feed`."""
        for start in range(0, len(data), CHUNK_BYTES):
            self._waiting += data[start : start + CHUNK_BYTES]
            while (records := self._step()) is not None:
                yield from records

    def end(self) -> Iterator[Record]:
        """As `Parser.end`."""
        if self._waiting and not self._searching:
            yield Malformed("the stream ends in the middle of a frame", "whole frames")
        self._waiting, self._searching = bytearray(), False

    def _step(self) -> Iterable[Record] | None:
        """Take one thing from the front: noise, or a frame; None where it takes more bytes to tell."""
        if self._searching:
            return self._search()
        waiting = self._waiting
        if not MAGIC.startswith(bytes(waiting[: len(MAGIC)])):
            return self._lose("bytes that begin no frame", skip=0)
        if len(waiting) < _LEAST_BYTES:
            return None
        begin = 12 if waiting[6] > 1 else 10
        header_bytes = int.from_bytes(waiting[8:begin], "little")
        if waiting[6] not in (1, 2, 3) or header_bytes > _MOST_HEADER_BYTES:
            return self._lose(f"a header of version {waiting[6]} with {header_bytes:,} bytes", skip=1)
        if len(waiting) < begin + header_bytes:
            return None
        return self._frame(begin + header_bytes)

    def _frame(self, start: int) -> Iterable[Record] | None:
        """Take a frame whose header ends at `start`."""
        try:
            shape, fortran, dtype = _header(bytes(self._waiting[:start]))
        except Exception as error:  # NumPy reads it as Python text: what other bytes raise there has no end
            return self._lose(f"a frame's header: {str(error).partition(chr(10))[0][:80]}", skip=1)
        size = math.prod(shape) * dtype.itemsize
        if size > self._longest:
            self._lose("", skip=start)
            return [Malformed(f"a frame of {size:,} bytes", f"at most {self._longest:,}")]
        if len(self._waiting) < start + size:
            return None
        data = bytes(self._waiting[start : start + size])
        del self._waiting[: start + size]
        return _records(data, shape, fortran, dtype)

    def _lose(self, what: str, *, skip: int) -> list[Record]:
        """Tell that the front is no frame, and look for the next one behind so many bytes."""
        del self._waiting[:skip]
        self._searching = True
        return [Malformed(what, _FRAME)]

    def _search(self) -> list[Record] | None:
        found = self._waiting.find(MAGIC)
        if found < 0:
            kept = next(n for n in range(len(MAGIC) - 1, -1, -1) if self._waiting.endswith(MAGIC[:n]))
            del self._waiting[: len(self._waiting) - kept]
            return None
        del self._waiting[:found]
        self._searching = False
        return []


def _header(data: bytes) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    """Return shape, whether in Fortran's order, and dtype of a header that is whole."""
    stream = io.BytesIO(data)
    version = np.lib.format.read_magic(stream)
    read_header = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, fortran, dtype = read_header(stream, max_header_size=_MOST_HEADER_BYTES)
    if dtype.hasobject or not dtype.itemsize:
        raise ValueError(f"dtype {dtype}")
    if any(type(side) is not int or side < 0 for side in shape):
        raise ValueError(f"shape {shape}")
    return shape, fortran, dtype


def _records(data: bytes, shape: tuple[int, ...], fortran: bool, dtype: np.dtype[Any]) -> Iterator[Record]:
    """Yield the samples of a frame one by one: there may be many, each larger than its bytes."""
    try:
        array = np.frombuffer(data, dtype).reshape(shape, order="F" if fortran else "C") if data else None
    except ValueError:
        array = None
    if array is None:
        yield Malformed(f"a frame of shape {str(shape)[:60]}", _FRAME)
    elif dtype.names is None:
        yield _plain(array)
    elif "x" not in dtype.names:
        yield Malformed(f"a frame with fields {', '.join(dtype.names)[:60]}", _FRAME)
    else:
        for element in array.reshape(-1):
            yield _one(element, dtype.names)


def _one(element: Any, names: tuple[str, ...]) -> Record:
    read = _plain(np.asarray(element["x"]))
    if isinstance(read, Malformed):
        return read
    try:
        label, number = (element[name].item() if name in names else None for name in ("label", "n"))
    except ValueError:
        return Malformed("a label or n that is no single value", "text or a whole number")
    label = label.decode("utf-8", "replace") if isinstance(label, bytes) else label
    if type(label) not in (str, int, type(None)):
        return Malformed(f"a label of type {type(label).__name__}", "text or a whole number")
    if number is not None and not (type(number) is int and number >= 0):
        return Malformed(f"n is {str(number)[:40]}", "a whole number, 0 or more")
    return LabelledSample(read.x, label, number)


def _plain(array: np.ndarray) -> Record:
    if array.dtype.kind not in "iuf" or array.ndim > 4 or not array.size:
        return Malformed(f"an array of {str(array.dtype)[:40]} of shape {str(array.shape)[:60]}", "numbers, 4 axes at most")
    return LabelledSample(usable(np.atleast_1d(array)))
