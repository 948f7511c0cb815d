# SPDX-License-Identifier: Apache-2.0
"""`ds-cnn`: a depthwise-separable CNN of under 10,000 parameters for 28×28 and 32×32 images.

Batch-norm stands before each activation, so that it folds into the convolution. The last pooling keeps a 3×3 map: where a stroke lies
is what a last layer taught on other writers needs, and global pooling would throw it away.
"""

from typing import TYPE_CHECKING

from tinytl_models.card import Card

if TYPE_CHECKING:
    import keras

CARD = Card(
    name="ds-cnn",
    title="depthwise-separable CNN, 3×3 pooled features, one Dense; the demo's model",
    parameters=7730,
    default_shape=(28, 28, 1),
    input_shapes="28×28 or 32×32, 1 or 3 channels",
    value_range=(0.0, 1.0),
    plans=("last-dense", "fc+conv1", "fc+conv2", "all", "bias-only", "bias+last-dense"),
    source="after DS-CNN, Zhang et al. 2017, «Hello Edge: Keyword Spotting on Microcontrollers», arXiv:1711.07128",
)
STEM_CHANNELS = 16
DROPOUT = 0.3  # no feature may carry a class alone: a head taught on other writers then finds what it needs
MOMENTUM = 0.9  # of batch-norm statistics: short trainings must not be tested with stale ones
BLOCKS = ((24, 1), (48, 2), (32, 1))  # (output channels, stride of the depthwise convolution)


def accepts(input_shape: tuple[int, ...]) -> bool:
    """Tell whether `build` takes images of this (H, W, C)."""
    return len(input_shape) == 3 and input_shape[:2] in ((28, 28), (32, 32)) and input_shape[2] in (1, 3)


def build(input_shape: tuple[int, ...], classes: int) -> "keras.Model":
    """Build the network: float32 (N, H, W, C) in the card's value range → logits (N, classes)."""
    from keras import Input, Model, layers

    def normalized(x: object, name: str) -> object:
        return layers.ReLU(name=f"{name}_relu")(layers.BatchNormalization(momentum=MOMENTUM, name=f"{name}_norm")(x))

    image = Input(shape=input_shape, name="image")
    x = layers.Conv2D(STEM_CHANNELS, 3, strides=2, padding="same", use_bias=False, name="stem")(image)
    x = normalized(x, "stem")
    for number, (channels, stride) in enumerate(BLOCKS, start=1):
        name = f"depthwise{number}"
        x = normalized(layers.DepthwiseConv2D(3, strides=stride, padding="same", use_bias=False, name=name)(x), name)
        name = f"pointwise{number}"
        x = normalized(layers.Conv2D(channels, 1, use_bias=False, name=name)(x), name)
    x = layers.AveragePooling2D(3, strides=2, name="pool")(x)
    x = layers.Dropout(DROPOUT, name="dropout")(layers.Flatten(name="features")(x))
    return Model(image, layers.Dense(classes, name="logits")(x), name="ds-cnn")
