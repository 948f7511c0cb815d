# SPDX-License-Identifier: Apache-2.0
"""Heads of every kind of layer, small and of odd sizes."""

from dataclasses import replace
from typing import Any

import numpy as np
from head_image import classifier, convolution

from tinytl.head.layers import Head, HeadLayer, Shape
from tinytl.head.learning import Learning

GAP = {"kind": "average_pool", "stride": (1, 1)}


def head(layers: list[HeadLayer], *features: Shape, **learning: Any) -> Head:
    """Make a head without replay; learning: settings beside that."""
    return Head(tuple(layers), Learning(**{"learning_rate": 0.01, "replays_per_step": 0} | learning), features=features)


def global_average(name: str, side: tuple[int, int], **fields: Any) -> HeadLayer:
    return HeadLayer(name, "average_pool", window=side, stride=side, **fields)


def scale_layer(name: str, channels: int, **fields: Any) -> HeadLayer:
    generator = np.random.default_rng(4)
    weights, bias = generator.uniform(0.5, 1.5, channels).astype(np.float32), generator.normal(0, 0.2, channels).astype(np.float32)
    return HeadLayer(name, "scale", weights=weights, bias=bias, **fields)


def residual() -> list[HeadLayer]:
    """Features 0: the convolution's input; 1: the shortcut, as a ResNet's last block is cut."""
    return [
        convolution("conv", 6, 4, inputs=(0,)),
        HeadLayer("add", "add", inputs=(1, 2), activation="relu"),
        global_average("pool", (5, 7)),
        classifier("classes", 5, 6),
    ]


def inverted_residual() -> list[HeadLayer]:
    """Two convolutions, a depthwise one between them and an add over all, as in MobileNetV2."""
    return [
        convolution("expand", 9, 5, (1, 1), activation="relu6", inputs=(0,)),
        convolution("depthwise", 9, 9, kind="depthwise_conv_2d", activation="relu6", seed=2),
        convolution("project", 5, 9, (1, 1), seed=3),
        convolution("before", 5, 5, (1, 1), seed=4, inputs=(3,)),
        HeadLayer("add", "add", inputs=(4, 3)),
        global_average("pool", (4, 5)),
        classifier("classes", 4, 5),
    ]


HEADS: dict[str, Head] = {
    "conv, pool": head([convolution("conv", 6, 4, activation="relu"), global_average("pool", (5, 7)), classifier("c", 5, 6)], (5, 7, 4)),
    "conv without padding, strides": head(
        [convolution("conv", 7, 3, (3, 2), stride=(2, 3), padding=(0, 0, 0, 0), activation="relu6"), classifier("c", 4, 7 * 4 * 3)],
        (9, 8, 3),
    ),
    "conv, lopsided padding": head(
        [convolution("conv", 5, 3, (4, 4), stride=(2, 2), padding=(1, 2, 2, 1)), classifier("c", 4, 5 * 3 * 4)], (6, 7, 3)
    ),
    "conv 1x1 with strides": head([convolution("conv", 5, 6, (1, 1), stride=(2, 3)), classifier("c", 4, 5 * 3 * 3)], (5, 7, 6)),
    "one dimension": head(
        [
            convolution("conv", 6, 3, (1, 5), activation="relu"),
            HeadLayer("pool", "max_pool", window=(1, 2), stride=(1, 2)),
            classifier("c", 4, 30),
        ],
        (1, 10, 3),
    ),
    "conv, conv, dense, dense": head(
        [
            convolution("conv1", 6, 3, activation="relu"),
            convolution("conv2", 8, 6, stride=(2, 2), activation="relu", seed=2),
            HeadLayer("hidden", "dense", weights=classifier("h", 9, 96).weights, bias=np.zeros(9, np.float32), activation="relu"),
            classifier("c", 5, 9),
        ],
        (6, 7, 3),
    ),
    "max pool, overlapping": head(
        [
            convolution("conv", 6, 3, activation="relu"),
            HeadLayer("pool", "max_pool", window=(3, 3), stride=(2, 2), padding=(1, 0, 0, 1)),
            classifier("c", 4, 6 * 3 * 3),
        ],
        (6, 6, 3),
    ),
    "average pool, overlapping": head(
        [
            convolution("conv", 6, 3),
            HeadLayer("pool", "average_pool", window=(3, 2), stride=(2, 1), padding=(1, 1, 0, 1)),
            classifier("c", 4, 6 * 3 * 6),
        ],
        (6, 6, 3),
    ),
    "pool of a value that stays": head(
        [
            convolution("conv1", 4, 3),
            convolution("conv2", 4, 4, seed=2),
            HeadLayer("pool1", "max_pool", inputs=(1,), window=(6, 6), stride=(6, 6)),
            HeadLayer("pool2", "average_pool", inputs=(2,), window=(6, 6), stride=(6, 6)),
            HeadLayer("add", "add", inputs=(3, 4)),
            classifier("c", 4, 4),
        ],
        (6, 6, 3),
    ),
    "residual": head(residual(), (5, 7, 4), (5, 7, 6)),
    "some channels train": head(
        [
            convolution("conv", 3, 4, inputs=(0,), activation="relu"),
            global_average("pool", (5, 7)),
            HeadLayer("all", "concatenate", inputs=(3, 1)),
            classifier("c", 4, 8),
        ],
        (5, 7, 4),
        (1, 1, 5),
    ),
    "dense block": head(
        [
            convolution("conv", 3, 4, activation="relu"),
            HeadLayer("joined", "concatenate", inputs=(0, 1)),
            convolution("conv2", 5, 7, seed=3),
            HeadLayer("again", "concatenate", inputs=(3, 2)),
            global_average("pool", (5, 6)),
            classifier("c", 4, 12),
        ],
        (5, 6, 4),
    ),
    "inverted residual": head(inverted_residual(), (4, 5, 5)),
    "depthwise first, with strides": head(
        [
            convolution("depthwise", 5, 5, (3, 5), kind="depthwise_conv_2d", stride=(2, 1), activation="relu"),
            convolution("point", 6, 5, (1, 1), seed=2),
            global_average("pool", (4, 6)),
            classifier("c", 4, 6),
        ],
        (7, 6, 5),
    ),
    "batch-norm that trains, and one that does not": head(
        [
            convolution("conv", 6, 3, activation="relu"),
            scale_layer("norm1", 6),
            scale_layer("norm2", 6, activation="relu6", trains="none"),
            HeadLayer("again", "activation", activation="relu"),
            global_average("pool", (5, 4)),
            classifier("c", 4, 6),
        ],
        (5, 4, 3),
    ),
    "dropout": head(
        [
            convolution("conv", 6, 3, activation="relu"),
            HeadLayer("drop1", "dropout", rate=0.25),
            global_average("pool", (5, 4)),
            HeadLayer("hidden", weights=classifier("h", 8, 6).weights, bias=np.zeros(8, np.float32), activation="relu"),
            HeadLayer("drop2", "dropout", rate=0.5),
            classifier("c", 4, 8),
        ],
        (5, 4, 3),
    ),
    "biases alone": head(
        [
            convolution("conv1", 6, 3, activation="relu", trains="bias"),
            convolution("conv2", 7, 6, activation="relu", trains="bias", seed=2),
            global_average("pool", (5, 6)),
            replace(classifier("c", 4, 7), trains="bias"),
        ],
        (5, 6, 3),
    ),
    "biases and the last dense": head(
        [
            convolution("conv1", 6, 3, activation="relu6", trains="bias"),
            convolution("frozen", 7, 6, activation="relu", trains="none", seed=2),
            global_average("pool", (5, 6)),
            classifier("c", 4, 7),
        ],
        (5, 6, 3),
    ),
}


def with_int8_weights(wanted: Head) -> Head:
    return replace(wanted, learning=replace(wanted.learning, weights="int8"))


INT8_HEADS: dict[str, Head] = {
    **{
        f"int8: {name}": with_int8_weights(HEADS[name])
        for name in (
            "conv, pool", "conv without padding, strides", "conv, lopsided padding", "one dimension", "conv, conv, dense, dense", "residual",
            "dense block", "inverted residual", "dropout", "biases and the last dense",
        )
    },
    "int8: eight channels, strides": with_int8_weights(
        head([convolution("conv", 11, 8, stride=(2, 1), activation="relu"), global_average("pool", (4, 5)), classifier("c", 5, 11)], (7, 5, 8))
    ),
    "int8: rounds over many pixels": with_int8_weights(
        head(
            [convolution("conv", 19, 12, (3, 5), activation="relu6"), HeadLayer("pool", "max_pool", window=(6, 6), stride=(6, 6)),
             classifier("hidden", 10, 19 * 9), replace(classifier("c", 5, 10), name="c")],
            (18, 18, 12),
        )
    ),
    "int8: two branches that learn": with_int8_weights(
        head(
            [convolution("left", 6, 4, inputs=(0,)), convolution("right", 6, 4, inputs=(1,), seed=2), HeadLayer("add", "add", inputs=(3, 2), activation="relu"),
             global_average("pool", (5, 6)), classifier("c", 5, 6)],
            (5, 6, 4), (5, 6, 4),
        )
    ),
    "int8: windows that cover one pixel": with_int8_weights(
        head([convolution("conv", 6, 4, (3, 3), padding=(0, 0, 0, 0)), classifier("c", 5, 6)], (3, 3, 4))
    ),
}  # fmt: skip
"""Every path through layers with int8 weights: fours of channels in one place of a window or not, four windows or one, one round or several, and a
gradient that leaves the group for another layer."""
