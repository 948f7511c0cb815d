# SPDX-License-Identifier: Apache-2.0
"""The head of a bundle alone on the twin: the extractor, which never changes, answers each sample once and not once a pass.

In: a bundle. Out: the parameters, predictions and steps that the whole bundle has on a device, byte for byte.
"""

from collections.abc import Sequence
from dataclasses import replace
from math import prod

import numpy as np

from tinytl.bundle.bundle import Bundle
from tinytl.compiler import compile_bundle
from tinytl.compiler.head.section import plan_head
from tinytl.compiler.head_alone import Replayed, compile_head
from tinytl.data import prepare_samples
from tinytl.head.learning import Learning
from tinytl_bridge.twin import TwinModel


def extract(bundle: Bundle, x: np.ndarray) -> np.ndarray:
    """Return the features (N, feature_count) int8 of raw samples (N, …), those of all graph outputs side by side."""
    twin = TwinModel(compile_bundle(bundle).data)
    samples = prepare_samples(x, bundle.manifest["input"], bundle.manifest["preprocessing"])
    features = np.empty((len(samples), bundle.head.feature_count), np.int8)
    for sample, row in zip(samples, features, strict=True):
        row[:] = np.concatenate([output.ravel() for output in twin.invoke(sample)])
    return features


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

    @property
    def parameters(self) -> np.ndarray:
        """A copy of the parameters (parameter_count,) float32."""
        return self._twin.parameters.copy()

    def _put(self, sample: np.ndarray) -> None:
        for index, part in enumerate(np.split(sample, self._ends)):
            self._twin.set_input(part, index)
