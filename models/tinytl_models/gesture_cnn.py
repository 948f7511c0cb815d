# SPDX-License-Identifier: Apache-2.0
"""`gesture-cnn`: three 1-D convolutions over windows of 128 accelerometer samples of three axes.

A sample is a vector of 384 numbers, time by time: x, y, z of the first, then of the second. Batch-norm stands before each activation, so
that it folds; the last pooling keeps four places in time, because gestures differ in what comes first.
"""

from typing import TYPE_CHECKING

from tinytl_models.card import Card

if TYPE_CHECKING:
    import keras

WINDOW, AXES = 128, 3
CARD = Card(
    name="gesture-cnn",
    title="three 1-D convolutions over windows of an accelerometer, one Dense",
    parameters=4834,
    default_shape=(WINDOW * AXES,),
    input_shapes="vectors of 384: 128 samples of three axes",
    value_range=(0.0, 1.0),
    plans=("last-dense", "fc+conv1", "fc+conv2", "fc+conv3", "bias-only", "bias+last-dense"),
    source="this project; the task is that of Warden and Situnayake, «TinyML», O'Reilly 2019, magic wand",
)
CHANNELS = (8, 16, 32)
DROPOUT = 0.3
MOMENTUM = 0.9  # of batch-norm statistics: short trainings must not be tested with stale ones


def accepts(input_shape: tuple[int, ...]) -> bool:
    """Tell whether `build` takes samples of this shape."""
    return input_shape == CARD.default_shape


def build(input_shape: tuple[int, ...], classes: int) -> "keras.Model":
    """Build the network: float32 (N, 384) → logits (N, classes)."""
    from keras import Input, Model, layers

    window = Input(shape=input_shape, name="window")
    x = layers.Reshape((WINDOW, AXES), name="axes")(window)
    for number, channels in enumerate(CHANNELS, start=1):
        x = layers.Conv1D(channels, 5, strides=2, padding="same", use_bias=False, name=f"conv{number}")(x)
        x = layers.BatchNormalization(momentum=MOMENTUM, name=f"conv{number}_norm")(x)
        x = layers.ReLU(name=f"conv{number}_relu")(x)
    x = layers.AveragePooling1D(4, name="pool")(x)
    x = layers.Dropout(DROPOUT, name="dropout")(layers.Flatten(name="features")(x))
    return Model(window, layers.Dense(classes, name="logits")(x), name="gesture-cnn")
