# SPDX-License-Identifier: Apache-2.0
"""`thesis-small`: the small model of V. Lygnos's thesis (University of Thessaly, 2022), about 550,000 parameters.

Six 3×3 convolutions with batch-norm, max-pooling after every second, Dense 128, Dense classes. The thesis normalizes after the
activation; here batch-norm stands before it, so that it folds, which changes neither a parameter nor a multiplication.
"""

from typing import TYPE_CHECKING

from tinytl_models.card import Card

if TYPE_CHECKING:
    import keras

CARD = Card(
    name="thesis-small",
    title="six 3×3 convolutions and two Dense; the small model of the thesis this project started from",
    parameters=551786,
    default_shape=(32, 32, 1),
    input_shapes="32×32, 1 or 3 channels",
    value_range=(0.0, 1.0),
    plans=("last-dense", "fc", "fc+conv1", "bias-only", "bias+last-dense"),
    source="V. Lygnos, thesis, University of Thessaly, 2022",
)
CHANNELS = (32, 32, 64, 64, 128, 128)
HIDDEN = 128
MOMENTUM = 0.9  # of batch-norm statistics: short trainings must not be tested with stale ones


def accepts(input_shape: tuple[int, ...]) -> bool:
    """Tell whether `build` takes images of this (H, W, C)."""
    return len(input_shape) == 3 and input_shape[:2] == (32, 32) and input_shape[2] in (1, 3)


def build(input_shape: tuple[int, ...], classes: int) -> "keras.Model":
    """Build the network: float32 (N, 32, 32, C) in the card's value range → logits (N, classes)."""
    from keras import Input, Model, layers

    image = x = Input(shape=input_shape, name="image")
    for number, channels in enumerate(CHANNELS, start=1):
        x = layers.Conv2D(channels, 3, padding="same", name=f"conv{number}")(x)
        x = layers.BatchNormalization(momentum=MOMENTUM, name=f"conv{number}_norm")(x)
        x = layers.ReLU(name=f"conv{number}_relu")(x)
        if number % 2 == 0:
            x = layers.MaxPooling2D(2, name=f"pool{number // 2}")(x)
    x = layers.Flatten(name="features")(x)
    x = layers.Dense(HIDDEN, activation="relu", name="hidden")(x)
    return Model(image, layers.Dense(classes, name="logits")(x), name="thesis-small")
