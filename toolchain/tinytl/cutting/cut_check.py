# SPDX-License-Identifier: Apache-2.0
"""Whether a cut model still is the model: extractor and head against Keras's own answers, on samples of the source task.

In: a model, its cut, real inputs. Out: nothing, or a refusal. The tests check every layer that is copied or folded; this checks the layers
that nobody thought of.
"""

from typing import Any

import numpy as np

from tinytl.cutting.keras_cut import KerasCut
from tinytl.errors import ModelError
from tinytl.head.forward import logits
from tinytl.keras_models import ends_in_softmax

SAMPLES = 32
_TOLERANCE = 0.01
"""Of the largest answer: sums run in another order, and a softmax stretches that."""
_MOST_APART = 0.25
"""Of the samples, where two classes are as good as one another."""


def expect_same_answers(model: Any, parts: KerasCut, x: np.ndarray) -> None:
    """Refuse a cut that answers otherwise than its model.

    Args:
        model: keras.Model. parts: its cut. x: (N, *input) float32, as the model takes them.

    Raises:
        ModelError: more than a quarter of the samples are answered otherwise, by more than 1 % of the largest answer.
    """
    model_answers = np.asarray(model(x, training=False), np.float64)
    features = parts.extractor(x, training=False)
    cut_answers = logits(parts.head, [np.asarray(feature) for feature in (features if isinstance(features, list) else [features])]).astype(
        np.float64
    )
    if ends_in_softmax(model):
        cut_answers = np.exp(cut_answers - cut_answers.max(axis=1, keepdims=True))
        cut_answers = cut_answers / cut_answers.sum(axis=1, keepdims=True)
    apart = np.abs(cut_answers - model_answers).max(axis=1) > _TOLERANCE * np.abs(model_answers).max()
    if np.mean(apart) > _MOST_APART:
        raise ModelError(
            f"extractor and head answer {int(apart.sum())} of {len(x)} samples otherwise than model {model.name!r}",
            expected="the same answers: a layer was not copied as it is",
            hint="replace layers with a state of their own by Rescaling or BatchNormalization, and tell us which it was",
        )
