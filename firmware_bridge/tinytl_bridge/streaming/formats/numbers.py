# SPDX-License-Identifier: Apache-2.0
"""Numbers of a sample as text or bytes gave them, to one of the types that `LabelledSample` has.

In: nested lists, or raw bytes; the name of a dtype, a shape. Out: an array, or a `ValueError` with the reason and what was expected.
"""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

TYPES = ("uint8", "int8", "int16", "uint16", "int32", "uint32", "int64", "float16", "float32", "float64")
"""Types that a sample may say its numbers are of, little-endian."""
_MOST_SIDES = 4


class Unreadable(ValueError):
    """Why an array cannot be had. Args: what: with its value. expected: instead."""

    def __init__(self, what: str, expected: str) -> None:
        super().__init__(what)
        self.what, self.expected = what, expected


def dtype_of(name: str) -> np.dtype[Any]:
    """Return the dtype of that name. Raises Unreadable for one that is none of `TYPES`."""
    if name not in TYPES:
        raise Unreadable(f"dtype {name[:40]!r}", ", ".join(TYPES))
    return np.dtype(name).newbyteorder("<")


def from_lists(lists: Any, dtype: str | None) -> np.ndarray:
    """Return nested lists of numbers as an array: int64 where all are whole and no dtype is named, else as `usable`.

    Args:
        lists: of one depth and, on each level, one length; or an array. dtype: name of their type; None: nobody says.

    Raises:
        Unreadable: ragged lists, no numbers, numbers beyond the dtype.
    """
    try:
        x = np.asarray(lists)
    except (ValueError, OverflowError, MemoryError, RecursionError) as error:
        raise Unreadable(f"x is no array: {str(error).partition('.')[0][:100]}", "lists of numbers, on each level of one length") from None
    if x.dtype.kind not in "iuf" or x.size == 0:
        kind = "nothing" if x.size == 0 else f"{x.dtype} values"
        raise Unreadable(f"x holds {kind}", "numbers")
    if dtype is None:
        return x.astype(np.int64) if x.dtype.kind == "i" else usable(x)
    wanted = dtype_of(dtype)
    if wanted.kind in "iu":
        limits = np.iinfo(wanted)
        if x.dtype.kind == "f" and not (np.isfinite(x).all() and (x == np.trunc(x)).all()):
            raise Unreadable(f"x holds fractions, dtype is {dtype}", "whole numbers, or another dtype")
        if x.min() < limits.min or x.max() > limits.max:
            raise Unreadable(f"x holds {int(x.min())} to {int(x.max())}", f"{limits.min} to {limits.max}, as dtype {dtype} has them")
    return usable(x.astype(wanted))


def from_bytes(data: bytes, dtype: str, shape: Sequence[int] | None) -> np.ndarray:
    """Return raw bytes as an array.

    Args:
        data: little-endian, C order. dtype: name of their type. shape: of the array; None: one axis.

    Raises:
        Unreadable: other bytes than the shape and the dtype take.
    """
    wanted = dtype_of(dtype)
    expected = wanted.itemsize * (math.prod(checked(shape)) if shape is not None else max(len(data) // wanted.itemsize, 1))
    if len(data) != expected or not data:
        raise Unreadable(f"x has {len(data):,} bytes", f"{expected:,}, as its shape and dtype {dtype} say")
    x = np.frombuffer(data, wanted)
    return usable(x if shape is None else x.reshape(checked(shape)))


def checked(shape: Sequence[int]) -> tuple[int, ...]:
    """Return a shape of 1 to 4 sides, each at least 1. Raises Unreadable for another one."""
    if not 1 <= len(shape) <= _MOST_SIDES or not all(0 < side < 1 << 31 for side in shape):
        raise Unreadable(f"shape {str(list(shape))[:60]}", f"1 to {_MOST_SIDES} sides of 1 or more")
    return tuple(shape)


def usable(x: np.ndarray) -> np.ndarray:
    """Return an array in the types that samples have: uint8 and int8 as they are, everything else float32."""
    with np.errstate(over="ignore"):  # infinity is refused when the sample is prepared
        return x.astype(x.dtype if x.dtype.name in ("uint8", "int8") else np.float32)
