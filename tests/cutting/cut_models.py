# SPDX-License-Identifier: Apache-2.0
"""Models to cut, one for each way in which networks for microcontrollers are built, and what a cut of one has to answer."""

from typing import Any

import numpy as np

from tinytl.cutting.keras_cut import KerasCut, cut
from tinytl.data.dataset import Dataset
from tinytl.head.forward import logits


def shaken(model: Any) -> Any:
    """Give every weight, batch-norm statistics too, a value that is not its initial one; convolutions keep the signal's size."""
    generator = np.random.default_rng(5)
    for variable in model.variables:
        if "seed" not in variable.path:
            low = 0.3 if "variance" in variable.path else -0.5
            size = max(1.0, np.prod(variable.shape[:-1]) / 16) ** 0.5
            variable.assign(generator.uniform(low, 1.0, variable.shape) / size)
    return model


def features_of(parts: KerasCut, x: np.ndarray) -> list[np.ndarray]:
    """Answer real samples with the extractor: one array a feature."""
    found = parts.extractor(x, training=False)
    return [np.asarray(each) for each in (found if isinstance(found, list) else [found])]


def assert_same_function(model: Any, plan: str, *, dropout: bool = False) -> KerasCut:
    """Cut a model; head(extractor(x)) has to be its answer, logits or softmax."""
    parts = cut(model, plan, dropout=dropout)
    x = np.random.default_rng(2).uniform(0, 1, (6, *model.inputs[0].shape[1:])).astype(np.float32)
    wanted = np.asarray(model(x, training=False))
    found = logits(parts.head, features_of(parts, x))
    if np.allclose(wanted.sum(axis=1), 1.0, atol=1e-4):
        found = np.exp(found - found.max(axis=1, keepdims=True))
        found /= found.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(found, wanted, rtol=1e-5, atol=1e-5 * np.abs(wanted).max())
    return parts


def plain_cnn() -> Any:
    """Convolutions with batch-norm, max-pooling, two Dense."""
    from keras import Input, Sequential, layers

    return Sequential(
        [
            Input((12, 12, 2)),
            layers.Conv2D(4, 3, padding="same", use_bias=False, name="conv1"),
            layers.BatchNormalization(name="norm1"),
            layers.ReLU(name="relu1"),
            layers.MaxPooling2D(3, strides=2, padding="same", name="pool1"),
            layers.Conv2D(6, (3, 2), strides=(1, 2), activation="relu", name="conv2"),
            layers.MaxPooling2D((2, 1), name="pool2"),
            layers.Flatten(name="flat"),
            layers.Dropout(0.25, name="drop"),
            layers.Dense(8, activation="relu", name="hidden"),
            layers.Dense(5, name="logits"),
        ],
        name="plain",
    )


def residual(side: int = 16, widths: tuple[int, int, int] = (4, 6, 8), classes: int = 5) -> Any:
    """A ResNet like that of MLPerf Tiny: three blocks of two 3×3, a 1×1 on the shortcut where the shape changes; its size with 32, (16, 32, 64), 10."""
    from keras import Input, Model, layers

    image = x = Input((side, side, 3))
    x = layers.ReLU(name="stem_relu")(
        layers.BatchNormalization(name="stem_norm")(layers.Conv2D(widths[0], 3, padding="same", name="stem")(x))
    )
    for block, (channels, stride) in enumerate(zip(widths, (1, 2, 2), strict=True), start=1):
        y = layers.Conv2D(channels, 3, strides=stride, padding="same", name=f"main{block}a")(x)
        y = layers.ReLU(name=f"relu{block}a")(layers.BatchNormalization(name=f"norm{block}a")(y))
        y = layers.BatchNormalization(name=f"norm{block}b")(layers.Conv2D(channels, 3, padding="same", name=f"main{block}b")(y))
        if stride > 1:
            x = layers.Conv2D(channels, 1, strides=stride, padding="same", name=f"shortcut{block}")(x)
        x = layers.ReLU(name=f"relu{block}")(layers.Add(name=f"add{block}")([x, y]))
    x = layers.Flatten(name="flat")(layers.AveragePooling2D(side // 4, name="pool")(x))
    return Model(image, layers.Dense(classes, activation="softmax", name="classes")(x), name="residual")


def mobile() -> Any:
    """A MobileNetV1 as Keras builds it: zero padding of its own, depthwise and pointwise convolutions with relu6."""
    from keras import Input, Model, layers

    def normalized(x: Any, name: str) -> Any:
        return layers.ReLU(6.0, name=f"{name}_relu")(layers.BatchNormalization(name=f"{name}_norm")(x))

    image = x = Input((20, 20, 3))
    x = layers.ZeroPadding2D(((0, 1), (0, 1)), name="stem_pad")(x)
    x = normalized(layers.Conv2D(4, 3, strides=2, use_bias=False, name="stem")(x), "stem")
    for block, (channels, stride) in enumerate(((6, 1), (8, 2), (8, 1), (12, 2)), start=1):
        if stride == 2:
            x = layers.ZeroPadding2D(((0, 1), (0, 1)), name=f"pad{block}")(x)
        padding = "same" if stride == 1 else "valid"
        name = f"depthwise{block}"
        x = normalized(layers.DepthwiseConv2D(3, strides=stride, padding=padding, use_bias=False, name=name)(x), name)
        x = normalized(layers.Conv2D(channels, 1, use_bias=False, name=f"pointwise{block}")(x), f"pointwise{block}")
    x = layers.Dropout(0.1, name="drop")(layers.GlobalAveragePooling2D(keepdims=True, name="mean")(x))
    return Model(image, layers.Dense(7, name="logits")(layers.Flatten(name="flat")(x)), name="mobile")


def waves() -> Any:
    """Of one dimension: causal, padded, strided, separable; pooling of three kinds; batch-norm behind activations."""
    from keras import Input, Sequential, layers

    return Sequential(
        [
            Input((64, 3)),
            layers.Conv1D(8, 5, padding="causal", activation="relu", name="causal"),
            layers.BatchNormalization(name="norm1"),
            layers.MaxPooling1D(2, name="max"),
            layers.ZeroPadding1D((2, 1), name="pad"),
            layers.DepthwiseConv1D(4, strides=2, name="depthwise"),
            layers.Activation("relu", name="relu"),
            layers.SeparableConv1D(12, 3, padding="same", activation="relu6", name="separable"),
            layers.AveragePooling1D(3, 2, padding="same", name="average"),
            layers.GlobalMaxPooling1D(name="largest"),
            layers.Dense(6, activation="relu", name="hidden"),
            layers.BatchNormalization(name="norm2"),
            layers.Dense(4, activation="softmax", name="classes"),
        ],
        name="waves",
    )


def braided() -> Any:
    """What no one builds on purpose: three paths in one Add, a Dense over places, batch-norms that have nowhere to fold."""
    from keras import Input, Model, layers

    image = x = Input((12, 12, 2))
    x = layers.BatchNormalization(name="norm1")(layers.Conv2D(4, 3, activation="relu", name="conv1")(x))
    x = layers.ReLU(name="relu2")(layers.Conv2D(6, 3, padding="same", name="conv2")(layers.ZeroPadding2D(1, name="pad2")(x)))
    x = layers.MaxPooling2D(3, 2, name="pool")(layers.ZeroPadding2D(1, name="pad3")(x))
    paths = [x, layers.SeparableConv2D(6, 3, padding="same", name="separable")(x), layers.Conv2D(6, 1, name="conv3")(x)]
    x = layers.ReLU(name="relu4")(layers.Add(name="join")(paths))
    x = layers.BatchNormalization(name="norm4")(x + layers.Dense(6, name="places")(x))
    x = layers.BatchNormalization(name="norm5")(layers.Flatten(name="flat")(layers.ReLU(name="relu5")(x)))
    return Model(image, layers.Dense(3, name="logits")(x), name="braided")


def nested() -> Any:
    """A trunk in a model of its own, in another one."""
    from keras import Input, Model, Sequential, layers

    block = Sequential(
        [Input((8, 8, 2)), layers.Conv2D(4, 3, name="conv"), layers.BatchNormalization(name="norm"), layers.ReLU()], name="block"
    )
    image = Input((8, 8, 2))
    trunk = Model(image, layers.Conv2D(4, 3, padding="same", activation="relu", name="conv")(block(image)), name="trunk")
    outer = Input((8, 8, 2))
    x = layers.GlobalMaxPooling2D(name="largest")(trunk(outer))
    return Model(outer, layers.Dense(3, name="logits")(x), name="nested")


def woven() -> Any:
    """Of every kind of layer with two features at the cut of its last convolution; dropout too."""
    from keras import Input, Model, layers

    image = Input((8, 8, 3))
    x = layers.Conv2D(4, 3, padding="same", activation="relu", name="stem")(image)
    y = layers.Conv2D(4, 1, activation="relu", name="inner")(x)
    y = layers.DepthwiseConv2D((3, 5), padding="same", name="last")(y)
    x = layers.BatchNormalization(name="norm")(layers.ReLU(6.0, name="clamp")(layers.Add(name="sum")([x, y])))
    x = layers.ReLU(name="above")(layers.MaxPooling2D((2, 3), strides=(2, 1), padding="same", name="pool")(x))
    x = layers.Flatten(name="flat")(layers.Dropout(0.5, name="drop")(layers.AveragePooling2D(2, name="mean")(x)))
    return Model(image, layers.Dense(3, name="logits")(x), name="woven")


def noise(shape: tuple[int, ...], classes: int = 3, samples: int = 30) -> Dataset:
    """A task that nothing can learn: images of noise."""
    images = np.random.default_rng(0).integers(0, 256, (samples, *shape), np.uint8)
    labels = np.arange(samples) % classes
    return Dataset("noise", images, labels, images, labels, tuple("abcdefgh"[:classes]))
