# SPDX-License-Identifier: Apache-2.0
"""The frozen part, once: features of samples as the twin has them (int8) and as the float model has them, kept by content.

In: a bundle or an open model with a plan, and samples. Out: a `FeatureFile` that cells open. Features of a .tflite on the host are those of
the twin times their scales: there is no float model.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from math import prod
from pathlib import Path

import numpy as np

from tinytl.bundle.bundle import Bundle
from tinytl.cutting.keras_cut import KerasCut
from tinytl.data.preprocess import as_pixels, fit_samples
from tinytl.exporting.keras_source import KerasSource
from tinytl_bench.sweep.features.cache import FeatureCache, content_key
from tinytl_bench.sweep.features.twin_head import feature_blocks

_BATCH = 256


@dataclass(frozen=True)
class FeatureFile:
    """Features (N, feature_count) in a file. scales, points: (feature_count,) of int8 ones that are to be read as real numbers."""

    path: Path
    scales: np.ndarray | None = None
    points: np.ndarray | None = None

    def rows(self, chosen: slice) -> np.ndarray:
        """Return some rows: int8 or float32 as they lie, mapped and read-only, or dequantized to float32."""
        found = np.load(self.path, mmap_mode="r")[chosen]
        if self.scales is None:
            return found
        return (found.astype(np.float32) - self.points) * self.scales


def twin_features(cache: FeatureCache, bundle: Bundle, x: np.ndarray, *, threads: int = 1, real: bool = False) -> FeatureFile:
    """Return a bundle's int8 features, as any device computes them.

    Args:
        cache: where they are kept. bundle: whose extractor answers. x: (N, …) raw samples. threads: that compute.
        real: whether they are to be read as real numbers.
    """
    count = bundle.head.feature_count
    key = content_key("runtime", bundle.extractor, x, bundle.manifest["input"], bundle.manifest["preprocessing"])
    cache.rows(key, count, len(x), "int8", lambda: feature_blocks(bundle, x, threads=threads))
    if not real:
        return FeatureFile(cache.path(key))
    records = bundle.manifest["features"]
    widths = [prod(record["shape"]) for record in records]
    scales, points = (np.repeat(np.array([record[name] for record in records], np.float32), widths) for name in ("scale", "zero_point"))
    return FeatureFile(cache.path(key), scales, points)


def host_features(cache: FeatureCache, source: KerasSource, parts: KerasCut, x: np.ndarray) -> FeatureFile:
    """Return the float32 features of a Keras model's frozen part.

    Args:
        cache: where they are kept. source: the open model. parts: how it is cut. x: (N, …) raw samples.
    """
    extractor, value_range = parts.extractor, source.found.value_range
    shape = tuple(int(side) for side in extractor.inputs[0].shape[1:])
    weights = [np.asarray(weight) for weight in extractor.get_weights()]
    preprocessing = [list(value_range), list(shape), source.found.unit_floats]
    key = content_key("keras", extractor.to_json(), *weights, x, preprocessing)

    def blocks() -> Iterator[np.ndarray]:
        for start in range(0, len(x), _BATCH):
            part = as_pixels(x[start : start + _BATCH]) if source.found.unit_floats else x[start : start + _BATCH]
            answers = extractor(fit_samples(part, shape=shape, value_range=value_range), training=False)
            tensors = answers if isinstance(answers, list) else [answers]
            yield np.concatenate([np.asarray(tensor).reshape(len(part), -1) for tensor in tensors], axis=1)

    cache.rows(key, parts.head.feature_count, len(x), "float32", blocks)
    return FeatureFile(cache.path(key))
