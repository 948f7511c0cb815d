# SPDX-License-Identifier: Apache-2.0
"""The `extract` of `tinytl_platform` for the twin: an extractor in Python gives the features, the head stays the runtime's.

In: a model of the C session with a sample in its input. Out: features in its outputs, or the word that the runtime's own kernels are to
run: for another bundle than the extractor's, for an image of other sizes, and where the extractor fails.
"""

import ctypes
from typing import Protocol

import numpy as np

from tinytl_bridge.twin import library

CALLBACK = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p)
_ID_BYTES = 16
_DONE, _DECLINED = 0, 1


class Extractor(Protocol):
    """What gives the features of one bundle's extractor.

    Attributes:
        bundle_id: 16 bytes, as images of the bundle carry them. input_bytes, feature_count: sizes of a sample and of its features.
    """

    bundle_id: bytes
    input_bytes: int
    feature_count: int

    def extract(self, sample: np.ndarray) -> np.ndarray:
        """Return the features (feature_count,) int8, all outputs side by side, of a sample (input_bytes,) int8."""


class Extraction:
    """One extractor behind the callback of a session.

    Args:
        extractor: asked for every sample of its own bundle.

    Attributes:
        extracted: samples that it gave the features of. declined: samples that the runtime's kernels ran on.
        fault: what the extractor raised last, with the error's name; None: nothing. Its samples are among the declined.
    """

    def __init__(self, extractor: Extractor) -> None:
        self.extractor = extractor
        self.extracted, self.declined = 0, 0
        self.fault: str | None = None
        self.callback = CALLBACK(self._extract)

    def _extract(self, _context: int, model: int) -> int:
        """Answer the C session. Nothing may be raised through it: ctypes would print it and answer 0, as if there were features."""
        try:
            done = put_features(model, self.extractor)
        except Exception as error:
            self.fault = f"{type(error).__name__}: {error}"
            done = False
        if done:
            self.extracted += 1
        else:
            self.declined += 1
        return _DONE if done else _DECLINED


def put_features(model: int, extractor: Extractor) -> bool:
    """Put the features of the sample that a C model holds into its outputs.

    Args:
        model: address of a `tinytl_model`. extractor: gives them.

    Returns:
        Whether they are there; else the model has another bundle's id or other sizes, and nothing has changed.
    """
    loaded = library()
    if ctypes.string_at(loaded.tinytl_twin_bundle_id(model), _ID_BYTES) != extractor.bundle_id:
        return False
    address = loaded.tinytl_twin_sample(model, extractor.input_bytes)
    if not address:
        return False
    sample = np.frombuffer(ctypes.string_at(address, extractor.input_bytes), np.int8)
    features = np.ascontiguousarray(extractor.extract(sample), np.int8)
    return bool(loaded.tinytl_twin_put_features(model, features.ctypes.data, features.size) == 0)
