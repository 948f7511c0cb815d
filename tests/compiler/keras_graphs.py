# SPDX-License-Identifier: Apache-2.0
"""Random Keras models over everything the compiler takes, by hypothesis, for the fuzzer against LiteRT.

A `Recipe` is plain data, so that a failure prints as what can be built again: the input's sides, steps of numbers, the
edges' type. A step that does not fit where it stands (a window larger than its input) is passed over. `tflite_of_recipe`
builds and converts it.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from fused_lstm import fused_lstm
from hypothesis import strategies as st
from keras_models import quantized_by

ACTIVATIONS = (None, "relu", "relu6", "sigmoid", "tanh", "hard_silu", "silu", "leaky_relu", "hard_sigmoid")
MAX_ELEMENTS = 3000


@dataclass(frozen=True)
class Step:
    """kind: name of a method of `_Maker`. numbers: 0 … 23 each; what they choose is the method's affair."""

    kind: str
    numbers: tuple[int, ...]


@dataclass(frozen=True)
class Recipe:
    sides: tuple[int, ...]
    steps: tuple[Step, ...]
    edges: str
    open_batch: bool
    seed: int


class _Maker:
    """Grows a functional model; `x` is what the next step reads, `seen` what later ones may join it with."""

    def __init__(self, x: Any) -> None:
        import keras

        self.k, self.ops, self.x, self.seen = keras.layers, keras.ops, x, [x]
        self.fused = False
        """Whether a layer has to reach the converter as it is."""

    def sides(self) -> tuple[int, ...]:
        return tuple(self.x.shape[1:])

    def convolution(self, filters: int, taps_h: int, taps_w: int, stride: int, dilation: int, same: int, act: int, *_: int) -> Any:
        """Groups where the channels allow it; strided or dilated, not both: Keras has no such layer."""
        channels, taps = self.sides()[-1], (1 + taps_h % 4, 1 + taps_w % 4)
        groups = 2 if filters % 3 == 0 and channels % 2 == 0 else 1
        strides, dilations = (1 + stride % 4, 1 + dilation % 3) if stride % 2 else (1, 1 + dilation % 3)
        if strides > 1:
            dilations = 1
        padding = "same" if same % 2 else "valid"
        common = {"padding": padding, "activation": ACTIVATIONS[act % len(ACTIVATIONS)], "use_bias": bool(same % 3)}
        count = groups * (1 + filters % 5)
        if len(self.sides()) == 3:
            return self.k.Conv2D(count, taps, strides=strides, dilation_rate=dilations, groups=groups, **common)(self.x)
        if len(self.sides()) == 2:
            if act % 2 and same % 2:
                common["padding"] = "causal"
            return self.k.Conv1D(count, taps[0], strides=strides, dilation_rate=dilations, **common)(self.x)
        return self.k.Dense(count * 2, activation=common["activation"], use_bias=common["use_bias"])(self.x)

    def depthwise(self, multiplier: int, taps_h: int, taps_w: int, stride: int, dilation: int, same: int, act: int, *_: int) -> Any:
        padding, activation = "same" if same % 2 else "valid", ACTIVATIONS[act % len(ACTIVATIONS)]
        strides, dilations = 1 + stride % 3, 1 + dilation % 2
        strides = 1 if dilations > 1 else strides
        common = {"depth_multiplier": 1 + multiplier % 2, "padding": padding, "activation": activation}
        if len(self.sides()) == 3:
            taps = (1 + taps_h % 3, 1 + taps_w % 4)
            return self.k.DepthwiseConv2D(taps, strides=strides, dilation_rate=dilations, **common)(self.x)
        return self.k.SeparableConv1D(1 + taps_w % 5, 1 + taps_h % 4, strides=strides, **common)(self.x)

    def normalized(self, act: int, *_: int) -> Any:
        return self.k.Activation(ACTIVATIONS[1 + act % 7])(self.k.BatchNormalization()(self.x))

    def recurrent(self, units: int, kind: int, sequences: int, back: int, *_: int) -> Any:
        """An LSTM, of a fixed batch; at most one, since each costs seconds to convert.

        Not of one unit, whose recurrent weight the converter takes for the state where both are zero.
        """
        if self.fused or self.x.shape[0] is None or kind % 3:
            return None
        self.fused = True
        options = {"return_sequences": bool(sequences % 2), "go_backwards": back % 4 == 0}
        return fused_lstm(2 + units % 8, kernel_initializer="he_normal", **options)(self.x)

    def dense(self, units: int, act: int, *_: int) -> Any:
        return self.k.Dense(1 + units % 7, activation=ACTIVATIONS[act % len(ACTIVATIONS)])(self.x)

    def activation(self, act: int, slope: int, *_: int) -> Any:
        if act % 7 == 6:
            return self.k.PReLU(shared_axes=[1] if slope % 2 else None)(self.x)
        if act % 5 == 0:
            return self.k.LeakyReLU(negative_slope=0.05 * slope)(self.x)
        return self.k.Activation(ACTIVATIONS[1 + act % 8])(self.x)

    def transposed(self, filters: int, taps_h: int, taps_w: int, stride: int, same: int, act: int, *_: int) -> Any:
        common = {"strides": 1 + stride % 3, "padding": "same" if same % 2 else "valid", "use_bias": bool(act % 3)}
        return self.k.Conv2DTranspose(1 + filters % 4, (1 + taps_h % 4, 1 + taps_w % 4), **common)(self.x)

    def pooling(self, taps: int, stride: int, same: int, kind: int, *_: int) -> Any:
        names = ("AveragePooling", "MaxPooling")
        layer = getattr(self.k, f"{names[kind % 2]}{len(self.sides()) - 1}D")
        return layer(1 + taps % 3, strides=1 + stride % 3, padding="same" if same % 2 else "valid")(self.x)

    def global_pooling(self, kind: int, *_: int) -> Any:
        names = ("GlobalAveragePooling", "GlobalMaxPooling")
        return getattr(self.k, f"{names[kind % 2]}{len(self.sides()) - 1}D")(keepdims=bool(kind % 3))(self.x)

    def padding(self, top: int, bottom: int, left: int, right: int, *_: int) -> Any:
        if len(self.sides()) == 3:
            return self.k.ZeroPadding2D(((top % 3, bottom % 3), (left % 3, right % 3)))(self.x)
        return self.k.ZeroPadding1D((top % 3, bottom % 3))(self.x)

    def part(self, begin: int, end: int, step: int, axis: int, *_: int) -> Any:
        """A strided slice along one dimension, sometimes backwards."""
        place = axis % len(self.sides())
        side = self.sides()[place]
        low = begin % side
        chosen = slice(low, min(low + 1 + end % side, side), 1 + step % 2)
        if step % 5 == 0:
            chosen = slice(None, None, -1)
        return self.x[(slice(None),) * (1 + place) + (chosen,)]

    def split(self, count: int, axis: int, order: int, *_: int) -> Any:
        """Split into equal parts and join them in another order or along another axis."""
        place = axis % len(self.sides())
        parts = [n for n in (2, 3, 4) if self.sides()[place] % n == 0]
        if not parts:
            return None
        found = self.ops.split(self.x, parts[count % len(parts)], axis=1 + place)
        return self.k.Concatenate(axis=1 + (place + order) % len(self.sides()))(found[::-1])

    def permuted(self, order: int, *_: int) -> Any:
        dims = list(range(1, len(self.sides()) + 1))
        return self.k.Permute(tuple(np.roll(dims, 1 + order % 2).tolist()))(self.x)

    def upsampled(self, height: int, width: int, kind: int, *_: int) -> Any:
        if len(self.sides()) == 2:
            return self.k.UpSampling1D(1 + height % 3)(self.x)
        size, interpolation = (1 + height % 3, 1 + width % 3), ("nearest", "bilinear")[kind % 2]
        return self.k.UpSampling2D(size, interpolation=interpolation)(self.x)

    def resized(self, height: int, width: int, kind: int, *_: int) -> Any:
        return self.k.Resizing(1 + height % 9, 1 + width % 9, interpolation=("nearest", "bilinear")[kind % 2])(self.x)

    def reshaped(self, kind: int, *_: int) -> Any:
        return self.k.Flatten()(self.x) if kind % 2 else self.k.Reshape((self.sides()[-1], -1))(self.x)

    def joined(self, operator: int, which: int, shrink: int, *_: int) -> Any:
        """Two branches: what an earlier step made if it fits (or repeats), else two dense views of this one."""
        names = ("Add", "Multiply", "Subtract", "Maximum", "Minimum")
        fitting = [other for other in self.seen if other.shape[1:] == self.x.shape[1:] and other is not self.x]
        first = self.x
        branch = self.k.Dense(self.sides()[-1], activation=ACTIVATIONS[which % 5])
        second = fitting[which % len(fitting)] if fitting else branch(self.x)
        if shrink % 3 == 0 and len(self.sides()) > 1:  # one repeats along rows
            second = self.ops.mean(second, axis=1, keepdims=True)
        if shrink % 6 == 0 and len(self.sides()) > 1:  # and the other along channels
            first = self.ops.mean(first, axis=-1, keepdims=True)
        if operator % 2:
            first, second = second, first
        return getattr(self.k, names[operator % 5])()([first, second])

    def concatenated(self, which: int, axis: int, *_: int) -> Any:
        place = axis % len(self.sides())

        def rest(x: Any) -> list[int]:
            return [side for number, side in enumerate(x.shape[1:]) if number != place]

        fitting = [other for other in self.seen if len(other.shape) == len(self.x.shape) and rest(other) == rest(self.x)]
        return self.k.Concatenate(axis=1 + place)([self.x, fitting[which % len(fitting)], self.x])

    def constant(self, operator: int, value: int, *_: int) -> Any:
        real = (value - 11) / 7
        changed = (self.x + real, self.x * (real or 1.0), real - self.x, self.ops.maximum(self.x, real))
        return changed[operator % 4]


IMAGE_STEPS = (
    *("convolution", "convolution", "depthwise", "normalized", "dense", "activation", "transposed", "pooling", "global_pooling"),
    *("padding", "part", "split", "permuted", "upsampled", "resized", "reshaped", "joined", "joined", "concatenated", "constant"),
)
STEPS = {
    3: IMAGE_STEPS,
    2: (*(kind for kind in IMAGE_STEPS if kind not in ("transposed", "resized")), "recurrent"),
    1: ("convolution", "normalized", "dense", "activation", "part", "split", "joined", "concatenated", "constant"),
}
"""Rank without batch → steps."""


@st.composite
def recipes(draw: st.DrawFn) -> Recipe:
    rank = draw(st.sampled_from([3, 3, 3, 2, 1]))
    sides = (*(draw(st.integers(4, 11)) for _ in range(rank - 1)), draw(st.integers(1, 6)) + (4 if rank == 1 else 0))
    steps = draw(
        st.lists(
            st.builds(Step, st.sampled_from(sorted({*IMAGE_STEPS, "recurrent"})), st.tuples(*[st.integers(0, 23)] * 7)),
            min_size=2,
            max_size=9,
        )
    )
    edges = draw(st.sampled_from(["int8", "int8", "uint8", "float32"]))
    return Recipe(sides, tuple(steps), edges, draw(st.booleans()), draw(st.integers(0, 2**16)))


def tflite_of_recipe(recipe: Recipe) -> bytes:
    """Build the model with random weights, some channels of it dead, and convert it to int8."""
    import keras
    import tensorflow as tf
    from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

    keras.backend.clear_session()
    keras.utils.set_random_seed(recipe.seed)
    start = keras.Input(recipe.sides, batch_size=None if recipe.open_batch else 1)
    maker = _Maker(start)
    for step in recipe.steps:
        if step.kind in STEPS[len(maker.sides())]:
            _grow(maker, getattr(maker, step.kind), step.numbers)
    if maker.x is start:
        maker.x = maker.k.Dense(3)(start)
    model = keras.Model(start, maker.x)
    random = np.random.default_rng(recipe.seed)
    model.set_weights([_weights(variable, random) for variable in model.weights])
    if maker.fused:
        return quantized_by(tf.lite.TFLiteConverter.from_keras_model(model), recipe.sides, random, recipe.edges, 8)
    signature = [tf.TensorSpec((None if recipe.open_batch else 1, *recipe.sides), tf.float32)]
    traced = tf.function(lambda x: model(x, training=False), input_signature=signature)
    frozen = convert_variables_to_constants_v2(traced.get_concrete_function())  # faster than exporting a SavedModel
    converter = tf.lite.TFLiteConverter.from_concrete_functions([frozen])
    return quantized_by(converter, recipe.sides, random, recipe.edges, 8)


def _grow(maker: _Maker, step: Callable[..., Any], numbers: tuple[int, ...]) -> None:
    """Take a step, or leave it where Keras refuses it or it grows too large."""
    try:
        made = step(*numbers)
    except ValueError:
        return
    if made is None or None in made.shape[1:] or not 1 <= len(made.shape) - 1 <= 3:
        return
    if 1 <= int(np.prod(made.shape[1:])) <= MAX_ELEMENTS:
        maker.x = made
        maker.seen.append(made)


def _weights(variable: Any, random: np.random.Generator) -> np.ndarray:
    shape = tuple(variable.shape)
    if "variance" in variable.path:
        return random.uniform(0.3, 2.0, shape).astype(np.float32)
    values = random.normal(0, 1.0 / np.sqrt(max(np.prod(shape[:-1]), 1)) if len(shape) > 1 else 0.3, shape)
    if len(shape) > 1 and shape[-1] > 1:
        values[..., random.random(shape[-1]) < 0.1] = 0  # dead channels
    return values.astype(np.float32)
