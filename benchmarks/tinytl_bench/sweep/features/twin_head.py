# SPDX-License-Identifier: Apache-2.0
"""The head of a bundle alone on the twin: the extractor, which never changes, answers each sample once and not once a pass.

In: a bundle. Out: the parameters, predictions and steps that the whole bundle has on a device, byte for byte.
"""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from math import prod
from threading import local

import numpy as np

from tinytl.bundle.bundle import Bundle
from tinytl.compiler import compile_bundle
from tinytl.compiler.head.section import plan_head
from tinytl.compiler.head_alone import Replayed, compile_head
from tinytl.data import prepare_samples
from tinytl.errors import BenchError
from tinytl.head.learning import Learning
from tinytl_bridge.twin import TwinModel

_BLOCK = 64
"""Samples whose features are computed at once, by one thread."""


def extract(bundle: Bundle, x: np.ndarray) -> np.ndarray:
    """Return the features (N, feature_count) int8 of raw samples (N, …), those of all graph outputs side by side."""
    return np.concatenate([np.empty((0, bundle.head.feature_count), np.int8), *feature_blocks(bundle, x)])


def feature_blocks(bundle: Bundle, x: np.ndarray, *, threads: int = 1) -> Iterator[np.ndarray]:
    """Give the same block by block, in order.

    Args:
        bundle: whose extractor answers. x: (N, …) raw samples.
        threads: that compute, each with a model of its own; the runtime lets go of Python's lock meanwhile.
    """
    image, own = compile_bundle(bundle).data, local()

    def answered(start: int) -> np.ndarray:
        if not hasattr(own, "twin"):
            own.twin = TwinModel(image)
        samples = prepare_samples(x[start : start + _BLOCK], bundle.manifest["input"], bundle.manifest["preprocessing"])
        features = np.empty((len(samples), bundle.head.feature_count), np.int8)
        for sample, row in zip(samples, features, strict=True):
            row[:] = np.concatenate([output.ravel() for output in own.twin.invoke(sample)])
        return features

    with ThreadPoolExecutor(threads) as pool:
        yield from pool.map(answered, range(0, len(x), _BLOCK))


class TwinHead:
    """A bundle's head on the twin, fed with features.

    Args:
        bundle: with its replay set. learning: instead of the bundle's own.
    """

    def __init__(self, bundle: Bundle, learning: Learning) -> None:
        plan = plan_head(replace(bundle, head=replace(bundle.head, learning=learning)), bundle.head.feature_count)
        replayed = Replayed(plan.replay_features, plan.replay_labels, plan.replay_capacity)
        quantization = [(feature["scale"], feature["zero_point"]) for feature in bundle.manifest["features"]]
        self._twin = TwinModel(compile_head(plan.head, quantization, class_count=plan.class_count, replayed=replayed).data)
        self._ends = np.cumsum([prod(shape) for shape in bundle.head.feature_shapes])[:-1]

    def teach(self, features: np.ndarray, labels: Sequence[int] | np.ndarray) -> int:
        """Learn samples (N, feature_count) one after the other; return how many diverged and changed nothing.

        A label after the last class begins a new one, where the head has room.
        """
        diverged = 0
        for sample, label in zip(features, labels, strict=True):
            self._put(sample)
            if label == self._twin.class_count:
                self._twin.grow(str(label))
            diverged += self._twin.step(int(label)).status == "diverged"
        return diverged

    def accuracy(self, features: np.ndarray, labels: np.ndarray) -> float:
        """Return the fraction of samples that the head gives their class."""
        right = 0
        for sample, label in zip(features, labels, strict=True):
            self._put(sample)
            right += self._twin.infer()[0] == int(label)
        return right / len(labels)

    def logits(self, features: np.ndarray) -> np.ndarray:
        """Return the logits (N, class_count) float32 of samples (N, feature_count) int8."""
        rows = np.empty((len(features), self._twin.class_count), np.float32)
        for sample, row in zip(features, rows, strict=True):
            self._put(sample)
            row[:] = self._twin.infer()[1]
        return rows

    @property
    def parameters(self) -> np.ndarray:
        """A copy of the parameters (parameter_count,) float32."""
        return self._twin.parameters.copy()

    def load(self, parameters: np.ndarray) -> None:
        """Take parameters (parameter_count,) float32 back that `parameters` gave.

        Raises:
            BenchError: they are of another head.
        """
        own = self._twin.parameters
        if parameters.dtype != own.dtype or parameters.shape != own.shape:
            raise BenchError(f"parameters {parameters.dtype} {parameters.shape}", expected=f"{own.dtype} {own.shape}, this head's")
        own.view(np.uint32)[:] = parameters.view(np.uint32)  # bits: bytes of int8 weights are no numbers

    def _put(self, sample: np.ndarray) -> None:
        for index, part in enumerate(np.split(sample, self._ends)):
            self._twin.set_input(part, index)
