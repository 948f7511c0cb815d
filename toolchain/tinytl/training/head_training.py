# SPDX-License-Identifier: Apache-2.0
"""Training of a head alone on the workstation, in float32, on features that were computed once: what `Model.fit` would do to the layers
that train, without those that do not.

In: a `Head` and features. Out: its parameters and logits after learning. Adam on softmax cross-entropy, cosine learning rate, each sample
once a pass. Whole blocks of batches are one TensorFlow function. Same inputs, seed, versions and threads: same parameters.
"""

import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from tinytl.errors import ModelError
from tinytl.head.layers import Head, HeadLayer
from tinytl.keras_models import make_deterministic, require_keras

_BETAS, _EPSILON = (0.9, 0.999), 1e-7
"""Of Adam, as Keras has them."""
_BLOCK_BYTES = 1 << 25
"""Of features that are in memory at once."""


class HeadTrainer:
    """A head whose parameters learn.

    Args:
        head: of any layers but dropout; stays as it is.

    Raises:
        ModelError: TensorFlow is not installed; a Dropout layer, or another loss than softmax cross-entropy.
    """

    def __init__(self, head: Head) -> None:
        require_keras()
        import tensorflow as tf

        if any(layer.kind == "dropout" for layer in head.layers) or head.learning.loss != "softmax_cross_entropy":
            raise ModelError("a head with dropout or another loss is not trained alone", expected="softmax_cross_entropy, no Dropout layer")
        self._head = head
        self._arrays = [_variables(layer) for layer in head.layers]
        self._trained = [array for arrays in self._arrays for array in arrays if isinstance(array, tf.Variable)]
        self._answer = tf.function(self._forward, input_signature=[tf.TensorSpec((None, head.feature_count), tf.float32)])

    def fit(self, x: np.ndarray, y: np.ndarray, *, learning_rate: float, batch_size: int = 32, passes: int = 1, seed: int = 1) -> None:
        """Learn samples.

        Args:
            x: (N, feature_count) float32, all features of a sample side by side; may lie in a file. y: (N,) class numbers.
            learning_rate: > 0, of the first step; falls to 0 along half a cosine. batch_size: samples a step.
            passes: over all samples, each in an order of its own. seed: of the orders.

        Raises:
            ModelError: fewer than one pass or a batch of none.
        """
        for name, value in (("passes", passes), ("batch_size", batch_size)):
            if value < 1:
                raise ModelError(f"{name} is {value}", expected="1 or more")
        make_deterministic(seed)
        learn = self._learner(learning_rate, batch_size, passes * -(-len(x) // batch_size))
        generator = np.random.default_rng(seed)
        for _ in range(passes):
            order = generator.permutation(len(x))
            for rows in _blocks(order, self._rows_at_once(batch_size)):
                learn(np.asarray(x[rows], np.float32), np.asarray(y[rows], np.int64))

    def logits(self, x: np.ndarray) -> np.ndarray:
        """Return the logits (N, classes) float32 of features (N, feature_count) float32."""
        blocks = _blocks(np.arange(len(x)), self._rows_at_once(1))
        return np.concatenate([self._answer(np.asarray(x[rows[0] : rows[-1] + 1], np.float32)).numpy() for rows in blocks])

    @property
    def parameters(self) -> np.ndarray:
        """A copy of what trains, (trained_count,) float32: layer by layer, weights then bias."""
        found = []
        for layer, arrays in zip(self._head.layers, self._arrays, strict=True):
            values = [array.numpy() if hasattr(array, "assign") else None for array in arrays]
            if values and values[0] is not None and layer.kind == "conv_2d":
                values[0] = values[0].transpose(3, 0, 1, 2)
            found += [value.ravel() for value in values if value is not None]
        return np.concatenate(found)

    def load(self, parameters: np.ndarray) -> None:
        """Take parameters (trained_count,) float32 back that `parameters` gave.

        Raises:
            ModelError: they are of another head.
        """
        if parameters.shape != (self._head.trained_count,):
            raise ModelError(f"parameters {parameters.shape}", expected=f"({self._head.trained_count},), this head's")
        at = 0
        for layer, arrays in zip(self._head.layers, self._arrays, strict=True):
            for array, own in zip(arrays, (layer.weights, layer.bias), strict=False):
                if hasattr(array, "assign") and own is not None:
                    part = parameters[at : at + own.size].reshape(own.shape)
                    array.assign(part.transpose(1, 2, 3, 0) if part.ndim == 4 else part)
                    at += own.size

    def _rows_at_once(self, batch_size: int) -> int:
        return max(1, _BLOCK_BYTES // (4 * self._head.feature_count * batch_size)) * batch_size

    def _learner(self, learning_rate: float, batch_size: int, steps: int) -> Any:
        """Return a function that learns a block (n, feature_count), (n,), batch by batch."""
        import tensorflow as tf

        adam, width = _Adam(self._trained, learning_rate, steps), self._head.feature_count

        def learn(x: Any, y: Any) -> None:
            for start in tf.range(0, tf.shape(x)[0], batch_size):
                with tf.GradientTape() as tape:
                    answers = self._forward(x[start : start + batch_size])
                    losses = tf.nn.sparse_softmax_cross_entropy_with_logits(labels=y[start : start + batch_size], logits=answers)
                    loss = tf.reduce_mean(losses)
                adam.step(tape.gradient(loss, self._trained))

        return tf.function(learn, input_signature=[tf.TensorSpec((None, width), tf.float32), tf.TensorSpec((None,), tf.int64)])

    def _forward(self, x: Any) -> Any:
        import tensorflow as tf

        head = self._head
        sizes = [int(np.prod(shape)) for shape in head.feature_shapes]
        values = [tf.reshape(part, (-1, *shape)) for part, shape in zip(tf.split(x, sizes, axis=1), head.feature_shapes, strict=True)]
        for number, (layer, arrays) in enumerate(zip(head.layers, self._arrays, strict=True)):
            values.append(_activated(layer, _applied(layer, arrays, [values[source] for source in head.inputs_of(number)])))
        return tf.reshape(values[-1], (-1, head.shapes[-1][2]))


class _Adam:
    """Keras's Adam under a cosine, with the one TensorFlow operator that does a variable's whole update: a third of the memory traffic."""

    def __init__(self, variables: list[Any], learning_rate: float, steps: int) -> None:
        import tensorflow as tf

        self._variables, self._rate, self._steps = variables, learning_rate, steps
        self._moments = [(tf.Variable(tf.zeros_like(each)), tf.Variable(tf.zeros_like(each))) for each in variables]
        self._done, self._powers = tf.Variable(0.0), [tf.Variable(beta) for beta in _BETAS]

    def step(self, gradients: list[Any]) -> None:
        import tensorflow as tf

        rate = self._rate * 0.5 * (1 + tf.cos(math.pi * self._done / self._steps))
        for variable, (first, second), gradient in zip(self._variables, self._moments, gradients, strict=True):
            tf.raw_ops.ResourceApplyAdam(
                var=variable.handle, m=first.handle, v=second.handle, beta1_power=self._powers[0], beta2_power=self._powers[1], lr=rate,
                beta1=_BETAS[0], beta2=_BETAS[1], epsilon=_EPSILON, grad=gradient,
            )  # fmt: skip
        self._done.assign_add(1.0)
        for power, beta in zip(self._powers, _BETAS, strict=True):
            power.assign(power * beta)


def _variables(layer: HeadLayer) -> tuple[Any, ...]:
    """Return weights and bias: variables where they train, constants where they do not; nothing of a layer without.

    Weights of a convolution stand as TensorFlow takes them, (height, width, in, out): no step turns them.
    """
    import tensorflow as tf

    if layer.weights is None or layer.bias is None:
        return ()
    weights = (tf.Variable if layer.trains == "all" else tf.constant)(
        layer.weights.transpose(1, 2, 3, 0) if layer.kind == "conv_2d" else layer.weights
    )
    return weights, (tf.constant if layer.trains == "none" else tf.Variable)(layer.bias)


def _applied(layer: HeadLayer, arrays: tuple[Any, ...], inputs: list[Any]) -> Any:
    """Return what a layer makes of its inputs (N, height, width, channels), before its activation."""
    import tensorflow as tf

    x = inputs[0]
    if layer.kind == "dense":
        return (tf.linalg.matmul(tf.reshape(x, (-1, arrays[0].shape[1])), arrays[0], transpose_b=True) + arrays[1])[:, None, None, :]
    if layer.kind == "conv_2d":
        return tf.nn.bias_add(tf.nn.conv2d(_padded(layer, x), arrays[0], layer.stride, "VALID"), arrays[1])
    if layer.kind == "depthwise_conv_2d":  # a stride of unequal sides is not everywhere: every place, then some of them
        same = layer.stride[0] == layer.stride[1]
        strides = (1, *layer.stride, 1) if same else (1, 1, 1, 1)
        y = tf.nn.depthwise_conv2d(_padded(layer, x), arrays[0][..., None], strides, "VALID") + arrays[1]
        return y if same else y[:, :: layer.stride[0], :: layer.stride[1]]
    if layer.kind == "scale":
        return x * arrays[0] + arrays[1]
    if layer.kind == "average_pool":
        sums, counts = (tf.nn.avg_pool2d(_padded(layer, each), layer.window, layer.stride, "VALID") for each in (x, tf.ones_like(x)))
        return sums / counts
    if layer.kind == "max_pool":
        return tf.nn.max_pool2d(_padded(layer, x, float(np.finfo(np.float32).min)), layer.window, layer.stride, "VALID")
    if layer.kind == "add":
        return inputs[0] + inputs[1]
    return tf.concat(inputs, axis=3) if layer.kind == "concatenate" else x


def _padded(layer: HeadLayer, x: Any, fill: float = 0.0) -> Any:
    import tensorflow as tf

    top, bottom, left, right = layer.padding
    return tf.pad(x, [(0, 0), (top, bottom), (left, right), (0, 0)], constant_values=fill) if any(layer.padding) else x


def _activated(layer: HeadLayer, x: Any) -> Any:
    import tensorflow as tf

    return {"none": tf.identity, "relu": tf.nn.relu, "relu6": tf.nn.relu6}[layer.activation](x)


def _blocks(order: np.ndarray, count: int) -> Iterator[np.ndarray]:
    yield from (order[start : start + count] for start in range(0, len(order), count))
