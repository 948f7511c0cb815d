# SPDX-License-Identifier: Apache-2.0
"""The zoo: architectures by name, each in a file of its own with a `CARD`, `accepts` and `build`.

Knows nothing of datasets, bundles or devices. Keras is imported only when a model is built. All models answer logits.
"""

import difflib
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

from tinytl_models import ds_cnn, gesture_cnn, thesis_small
from tinytl_models.card import Card

if TYPE_CHECKING:
    import keras

__all__ = ["BUNDLES", "Card", "build", "card", "input_shape_for", "list_models"]

BUNDLES = Path(__file__).resolve().parent / "bundles"
"""Folder of the bundles that ship with the package; README.md there says how each was made."""

_MODELS: dict[str, ModuleType] = {module.CARD.name: module for module in (ds_cnn, gesture_cnn, thesis_small)}


def list_models() -> tuple[str, ...]:
    """Return the names of the zoo's models, in order."""
    return tuple(sorted(_MODELS))


def card(name: str) -> Card:
    """Return the card of a model. Raises LookupError where there is no such model."""
    model_card: Card = _module(name).CARD
    return model_card


def build(name: str, *, input_shape: tuple[int, ...], classes: int, seed: int = 1) -> "keras.Model":
    """Build a model with fresh weights.

    Args:
        name: one of `list_models()`.
        input_shape: (H, W, C) of one image, or (D,) of one vector.
        classes: ≥ 2, outputs of the last Dense.
        seed: of the initial weights; sets Keras's global seed.

    Returns:
        Uncompiled Keras functional model: float32 (N, *input_shape) → logits (N, classes).

    Raises:
        LookupError: no model of that name.
        ValueError: the input shape or class count does not suit it.
    """
    module = _module(name)
    if not module.accepts(tuple(input_shape)):
        shape = "×".join(str(side) for side in input_shape)
        raise ValueError(f"model {name!r} cannot take {shape} input; expected {module.CARD.input_shapes}")
    if classes < 2:
        raise ValueError(f"model {name!r} with {classes} classes; expected 2 or more")
    import keras

    keras.utils.set_random_seed(seed)
    model: keras.Model = module.build(tuple(input_shape), classes)
    return model


def input_shape_for(name: str, sample_shape: tuple[int, ...]) -> tuple[int, ...]:
    """Return the input shape in which a model takes such samples: theirs if it can, else its default size with their channels.

    Raises:
        LookupError: no model of that name.
        ValueError: the samples are no grey or RGB images, or no vectors of the model's length.
    """
    module = _module(name)
    if module.accepts(tuple(sample_shape)):
        return tuple(sample_shape)
    takes_images = len(module.CARD.default_shape) == 3
    resized = (*module.CARD.default_shape[:2], sample_shape[-1]) if takes_images and len(sample_shape) == 3 else ()
    if not module.accepts(resized):
        shape = "×".join(str(side) for side in sample_shape)
        expected = "images of 1 or 3 channels" if takes_images else module.CARD.input_shapes
        raise ValueError(f"model {name!r} cannot take samples of shape {shape}; expected {expected}")
    return resized


def _module(name: str) -> ModuleType:
    if name in _MODELS:
        return _MODELS[name]
    close = difflib.get_close_matches(name, _MODELS, n=1)
    raise LookupError(
        f"no model {name!r} in the zoo; expected {', '.join(list_models())}" + (f" (did you mean {close[0]!r}?)" if close else "")
    )
