# SPDX-License-Identifier: Apache-2.0
"""An extractor whose first fault is logged: a session that falls back to its own kernels sample by sample would say nothing.

In: samples. Out: the extractor's features, or its own error; one line in the log, however many there are.
"""

import logging

import numpy as np

from tinytl_bridge.targets.extraction import Extractor

log = logging.getLogger("tinytl.agent")


class FaultLog:
    """An `Extractor`.

    Args:
        extractor: that gives the features.
    """

    def __init__(self, extractor: Extractor) -> None:
        self._extractor, self._is_told = extractor, False
        self.bundle_id, self.input_bytes, self.feature_count = extractor.bundle_id, extractor.input_bytes, extractor.feature_count

    def extract(self, sample: np.ndarray) -> np.ndarray:
        """Return the features (feature_count,) int8 of a sample (input_bytes,) int8. Raises: what the extractor does."""
        try:
            return self._extractor.extract(sample)
        except Exception as error:
            if not self._is_told:
                log.error("the engine failed, so its samples run in the runtime's kernels: %s: %s", type(error).__name__, error)
            self._is_told = True
            raise
