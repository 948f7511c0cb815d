# SPDX-License-Identifier: Apache-2.0
"""The head once more, in NumPy float64 and from the formulas alone: forward, losses, gradients, optimizers, replay draw, replay buffer."""

from collections.abc import Sequence
from math import prod

import numpy as np

from tinytl.head.layers import Head, HeadLayer

LIMITS = {"none": (-np.inf, np.inf), "relu": (0, np.inf), "relu6": (0, 6)}


class ReferenceHead:
    """Parameters and moments in float64; one sample at a time. Features are given as one run of numbers."""

    def __init__(self, head: Head, class_count: int | None = None) -> None:
        self.head, self.learning = head, head.learning
        self.weights: list[np.ndarray | None] = []
        self.biases: list[np.ndarray | None] = []
        for number, layer in enumerate(head.layers):
            rows = class_count if number + 1 == len(head.layers) else None
            self.weights.append(None if layer.weights is None else layer.weights[:rows].astype(np.float64))
            self.biases.append(None if layer.bias is None else layer.bias[:rows].astype(np.float64))
        self.moments: dict[tuple[int, int], tuple[np.ndarray, np.ndarray]] = {}
        self.sums: dict[tuple[int, int], np.ndarray] = {}
        self.taught = self.gathered = self.updates = 0
        self.factors = [self._factor(weights) for weights in self.weights]

    def values(self, x: np.ndarray) -> list[np.ndarray]:
        """Return every value, (height, width, channels): features, then outputs of layers."""
        ends = np.cumsum([prod(shape) for shape in self.head.feature_shapes])[:-1]
        values = [part.reshape(shape) for part, shape in zip(np.split(x.astype(np.float64), ends), self.head.feature_shapes, strict=True)]
        for number, layer in enumerate(self.head.layers):
            inputs = [values[each] for each in self.head.inputs_of(number)]
            values.append(np.clip(self._forward(number, layer, inputs), *LIMITS[layer.activation]))
        return values

    def forward(self, x: np.ndarray) -> list[np.ndarray]:
        """Return the values flat."""
        return [value.ravel() for value in self.values(x)]

    def loss(self, x: np.ndarray, label: int) -> float:
        """Return the loss of one sample."""
        return self._loss(self.forward(x)[-1], label)[0]

    def gradients(self, x: np.ndarray, label: int) -> list[tuple[np.ndarray, np.ndarray] | None]:
        """Return (d_weights, d_bias) of every layer; None where it has none."""
        values = self.values(x)
        d_values = [np.zeros_like(value) for value in values]
        d_values[-1] = self._loss(values[-1].ravel(), label)[1].reshape(values[-1].shape)
        found: list[tuple[np.ndarray, np.ndarray] | None] = [None] * len(self.head.layers)
        for number in range(len(self.head.layers) - 1, -1, -1):
            layer, own = self.head.layers[number], self.head.value_of(number)
            y = values[own]
            low, high = LIMITS[layer.activation]
            d_output = d_values[own] * ((y > low) & (y < high))
            inputs = self.head.inputs_of(number)
            d_inputs, found[number] = self._backward(number, layer, [values[each] for each in inputs], y, d_output)
            for each, d_input in zip(inputs, d_inputs, strict=True):
                d_values[each] += d_input
        return found

    def step(self, x: np.ndarray, label: int) -> float:
        """Learn one sample; return the loss before it. Weights decay, biases do not; what does not train stays."""
        before = self.loss(x, label)
        for number, pair in enumerate(self.gradients(x, label)):
            trains = {"all": (True, True), "bias": (False, True), "none": (False, False)}[self.head.layers[number].trains]
            for part, gradient in enumerate(pair or ()):
                if trains[part]:
                    key = number, part
                    self.sums[key] = self.sums.get(key, 0) + gradient
        self.gathered += 1
        if self.gathered == self.learning.accumulation:
            self._apply()
        self.taught += 1
        return before

    @property
    def parameters(self) -> np.ndarray:
        """What trains, layer by layer, weights then bias."""
        parts = []
        for layer, weights, bias in zip(self.head.layers, self.weights, self.biases, strict=True):
            parts += [weights.ravel()] if weights is not None and layer.trains == "all" else []
            parts += [bias.ravel()] if bias is not None and layer.trains != "none" else []
        return np.concatenate(parts)

    def _factor(self, weights: np.ndarray | None) -> float:
        """A layer's share of the rate: squares of its weights an output channel, beside those of the last layer."""
        last = self.weights[-1]
        if weights is None or self.learning.layer_rates == "equal" or self.learning.optimizer == "adam":
            return 1.0
        return float(np.clip(_squares(weights) / _squares(last), 1 / 1024, 1024))

    def _apply(self) -> None:
        learning = self.learning
        means = {key: total / learning.accumulation for key, total in self.sums.items()}
        norm = np.sqrt(sum(float((mean**2).sum()) for mean in means.values()))
        shortened = learning.clip_norm / norm if 0 < learning.clip_norm < norm else 1.0
        self.updates += 1
        for (number, part), mean in means.items():
            array = (self.weights, self.biases)[part][number]
            assert array is not None
            keep = 1 - self._rate() * learning.weight_decay if part == 0 else 1.0
            array[...] = keep * array + self._move((number, part), mean * shortened)
        self.sums, self.gathered = {}, 0

    def _move(self, key: tuple[int, int], gradient: np.ndarray) -> np.ndarray:
        learning, rate = self.learning, self._rate() * self.factors[key[0]]
        m, v = self.moments.get(key, (np.zeros_like(gradient), np.zeros_like(gradient)))
        if learning.optimizer == "sgd":
            m = learning.momentum * m - rate * gradient
            self.moments[key] = m, v
            return m
        m += (1 - learning.momentum) * (gradient - m)
        v += (1 - learning.second_momentum) * (gradient**2 - v)
        self.moments[key] = m, v
        unbiased = np.sqrt(1 - learning.second_momentum**self.updates) / (1 - learning.momentum**self.updates)
        return -rate * unbiased * m / (np.sqrt(v) + learning.epsilon)

    def _rate(self) -> float:
        learning = self.learning
        if learning.schedule == "steps":
            return learning.learning_rate * learning.schedule_factor ** (self.taught // learning.schedule_steps)
        if learning.schedule == "cosine":
            share = 0.5 * (1 + np.cos(np.pi * min(1.0, self.taught / learning.schedule_steps)))
            return learning.learning_rate * (learning.schedule_factor + (1 - learning.schedule_factor) * share)
        return learning.learning_rate

    def _loss(self, logits: np.ndarray, label: int) -> tuple[float, np.ndarray]:
        target = np.array([float(label)]) if len(logits) == 1 else np.eye(len(logits))[label]
        if self.learning.loss == "sigmoid_cross_entropy":
            return float((np.logaddexp(0, logits) - target * logits).sum()), 1 / (1 + np.exp(-logits)) - target
        if self.learning.loss == "squared_error":
            return float(((logits - target) ** 2).mean()), 2 * (logits - target) / len(logits)
        shifted = logits - logits.max()
        powers = np.exp(shifted)
        target = (1 - self.learning.label_smoothing) * np.eye(len(logits))[label] + self.learning.label_smoothing / len(logits)
        return float(np.log(powers.sum()) - target @ shifted), powers / powers.sum() - target

    def _forward(self, number: int, layer: HeadLayer, inputs: Sequence[np.ndarray]) -> np.ndarray:
        x, weights, bias = inputs[0], self.weights[number], self.biases[number]
        if layer.kind == "dense":
            return (weights @ x.ravel() + bias).reshape(1, 1, -1)
        if layer.kind == "scale":
            return x * weights + bias
        if layer.kind == "add":
            return x + inputs[1]
        if layer.kind == "concatenate":
            return np.concatenate(inputs, axis=2)
        if layer.kind in ("activation", "dropout"):
            return x
        out = np.zeros(self.head.shapes[self.head.value_of(number)])
        for place, window, inside in _windows(layer, x, out):
            if layer.kind == "conv_2d":
                out[place] = np.tensordot(weights, window, 3) + bias
            elif layer.kind == "depthwise_conv_2d":
                out[place] = (weights * window).sum((0, 1)) + bias
            elif layer.kind == "average_pool":
                out[place] = window.sum((0, 1)) / inside.sum()
            else:
                out[place] = np.where(inside[..., None], window, -np.inf).max((0, 1))
        return out

    def _backward(
        self, number: int, layer: HeadLayer, inputs: Sequence[np.ndarray], y: np.ndarray, d_output: np.ndarray
    ) -> tuple[list[np.ndarray], tuple[np.ndarray, np.ndarray] | None]:
        x, weights = inputs[0], self.weights[number]
        if layer.kind == "dense":
            d = d_output.ravel()
            return [(weights.T @ d).reshape(x.shape)], (np.outer(d, x.ravel()), d)
        if layer.kind == "scale":
            return [d_output * weights], ((d_output * x).sum((0, 1)), d_output.sum((0, 1)))
        if layer.kind in ("add", "activation", "dropout"):
            return [d_output] * len(inputs), None
        if layer.kind == "concatenate":
            return np.split(d_output, [x.shape[2]], axis=2), None
        top, bottom, left, right = layer.padding
        padded = np.zeros((x.shape[0] + top + bottom, x.shape[1] + left + right, x.shape[2]))
        d_weights, d_bias = (np.zeros_like(weights) if weights is not None else None), d_output.sum((0, 1))
        for place, window, inside in _windows(layer, x, d_output):
            d = d_output[place]
            row, column = place[0] * layer.stride[0], place[1] * layer.stride[1]
            target = padded[row : row + layer.window[0], column : column + layer.window[1]]
            if layer.kind == "conv_2d":
                d_weights += np.multiply.outer(d, window)
                target += np.tensordot(d, weights, 1)
            elif layer.kind == "depthwise_conv_2d":
                d_weights += d * window
                target += d * weights
            elif layer.kind == "average_pool":
                target += d / inside.sum() * inside[..., None]
            else:
                largest = np.where(inside[..., None], window, -np.inf).reshape(-1, x.shape[2]).argmax(0)
                target[largest // layer.window[1], largest % layer.window[1], np.arange(x.shape[2])] += d
        d_input = padded[top : top + x.shape[0], left : left + x.shape[1]]
        return [d_input], None if d_weights is None else (d_weights, d_bias)


def _squares(weights: np.ndarray) -> float:
    """Dense [out][in], conv_2d [out][height][width][in]; else [height][width][channels] or [channels]."""
    out = weights.shape[0 if weights.ndim in (2, 4) else -1]
    return float((weights**2).sum()) / out


def _windows(layer: HeadLayer, x: np.ndarray, out: np.ndarray) -> list[tuple[tuple[int, int], np.ndarray, np.ndarray]]:
    """Return (output place, window of the input with zeros around it, which of its places lie inside)."""
    top, bottom, left, right = layer.padding
    pads = ((top, bottom), (left, right))
    padded, inside = np.pad(x, (*pads, (0, 0))), np.pad(np.ones(x.shape[:2], bool), pads)
    found = []
    for row in range(out.shape[0]):
        for column in range(out.shape[1]):
            at = np.s_[
                row * layer.stride[0] : row * layer.stride[0] + layer.window[0],
                column * layer.stride[1] : column * layer.stride[1] + layer.window[1],
            ]
            found.append(((row, column), padded[at], inside[at]))
    return found


class ReferenceReplay:
    """Draws and places as SPEC.md tells them: xorshift32, replay set and buffer in turn, classes kept in balance."""

    def __init__(self, set_labels: np.ndarray, capacity: int, seed: int) -> None:
        self.set_labels, self.capacity, self.state = set_labels, capacity, seed
        self.labels: list[int] = []
        self.samples: list[int] = []  # which taught sample lies in each place

    def below(self, limit: int) -> int:
        """Return the next random number below `limit`."""
        x = self.state
        x ^= x << 13 & 0xFFFFFFFF
        x ^= x >> 17
        x ^= x << 5 & 0xFFFFFFFF
        self.state = x
        return x * limit >> 32

    def draw(self, turn: int) -> tuple[str, int]:
        """Return ("set" or "buffer", place)."""
        if len(self.set_labels) and (turn % 2 == 0 or not self.labels):
            return "set", self.below(len(self.set_labels))
        return ("buffer", self.below(len(self.labels))) if self.labels else ("none", 0)

    def offer(self, sample: int, label: int) -> None:
        """Offer taught sample number `sample`."""
        if len(self.labels) < self.capacity:
            self.labels.append(label)
            self.samples.append(sample)
            return
        counts = np.bincount(self.labels, minlength=label + 1)
        victim = int(counts.argmax())
        if counts[label] == counts[victim]:
            victim = label
        place = np.flatnonzero(np.array(self.labels) == victim)[self.below(int(counts[victim]))]
        self.labels[place], self.samples[place] = label, sample
