# SPDX-License-Identifier: Apache-2.0
"""Heads that may be averaged: of one bundle, with the same classes and layers, in range; and which of them stand out.

In: two heads or more, with a name each for errors. Out: nothing, or a refusal that names the head; their norms beside the median.
"""

from collections.abc import Mapping, Sequence

import numpy as np

from tinytl.errors import DeviceError
from tinytl_bridge.fleet.head_file import HeadFile

MOST = 1e6
"""Of a parameter's absolute value: far beyond what any head learns."""
MOST_NORM = 10.0
"""Of a head's norm in medians of all: beyond it a plain mean is not computed."""
_FEWEST = 2


def expect_alike(heads: Mapping[str, HeadFile]) -> None:
    """Refuse heads that are not of one kind.

    Args:
        heads: by the name that errors call each.

    Raises:
        DeviceError: fewer than two; another bundle, other classes, other layers; a number that is out of range.
    """
    if len(heads) < _FEWEST:
        raise DeviceError(f"{len(heads)} head{'s' * (len(heads) != 1)} to average", expected=f"{_FEWEST} or more")
    (first_name, first), *others = heads.items()
    for name, head in others:
        _same(head.bundle_id.hex()[:8], first.bundle_id.hex()[:8], f"{name} is of bundle", first_name)
        _same(", ".join(head.labels), ", ".join(first.labels), f"{name} has classes", first_name)
        _same(_layers(head), _layers(first), f"{name} has layers", first_name)
    for name, head in heads.items():
        largest = float(np.abs(head.floats).max(initial=0.0))
        if not largest <= MOST:
            raise DeviceError(f"{name} has a parameter of {largest:g}", expected=f"at most {MOST:g}", hint="leave that head out")


def _same(found: str, expected: str, what: str, first: str) -> None:
    if found != expected:
        raise DeviceError(f"{what} {found}", expected=f"{expected}, as {first}", hint="heads of one bundle with the same classes average")


def _layers(head: HeadFile) -> str:
    return ", ".join(f"{layer.name} of {layer.words} words ({layer.int8_words} int8)" for layer in head.layers)


def norms(heads: Sequence[HeadFile]) -> np.ndarray:
    """Return the norm of each head's numbers divided by the median of all, (len(heads),) float64; int8 weights count as bytes / 127.

    Where the median is 0, heads are as they are: ones, or infinity for those that are not 0.
    """
    found = np.array([float(np.linalg.norm(numbers_of(head))) for head in heads])
    median = float(np.median(found))
    if median == 0.0:
        return np.where(found > 0, np.inf, 1.0)
    return found / median


def numbers_of(head: HeadFile) -> np.ndarray:
    """Return all numbers of a head as one vector, (N + M,) float64: its floats, then its int8 weights as bytes / 127."""
    return np.concatenate([head.floats.astype(np.float64), head.int8_weights.astype(np.float64) / 127])
