# SPDX-License-Identifier: Apache-2.0
"""The `Card` of a zoo model: what one must know before choosing it. Data only."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Card:
    """Facts about one architecture.

    Attributes:
        name: how the registry finds it.
        title: one line for lists.
        parameters: float numbers of the model (batch-norm statistics included) at `default_shape` and 10 classes.
        default_shape: (H, W, C) or (D,) of the input where no dataset says otherwise.
        input_shapes: what `build` takes, in words.
        value_range: (low, high) of the model's real input; 0 … 255 images are scaled to it.
        plans: freeze plans that make sense.
        source: where the architecture is described.
        licence: of the code in this package.
    """

    name: str
    title: str
    parameters: int
    default_shape: tuple[int, ...]
    input_shapes: str
    value_range: tuple[float, float]
    plans: tuple[str, ...]
    source: str
    licence: str = "Apache-2.0"
