# SPDX-License-Identifier: Apache-2.0
"""The head once more, in NumPy float64 and from the formulas alone: forward, loss, gradients, SGD, replay draw, replay buffer."""

import numpy as np

from tinytl.head import Head


class ReferenceHead:
    """Weights and velocities in float64; one sample at a time."""

    def __init__(self, head: Head, class_count: int | None = None) -> None:
        rows = [len(each.bias) for each in head.layers]
        rows[-1] = class_count or rows[-1]
        self.weights = [each.weights[:count].astype(np.float64) for each, count in zip(head.layers, rows, strict=True)]
        self.biases = [each.bias[:count].astype(np.float64) for each, count in zip(head.layers, rows, strict=True)]
        self.activations = [each.activation for each in head.layers]
        self.learning = head.learning
        self.velocities = [(np.zeros_like(w), np.zeros_like(b)) for w, b in zip(self.weights, self.biases, strict=True)]

    def forward(self, x: np.ndarray) -> list[np.ndarray]:
        """Return the features and the output of every layer."""
        values = [x]
        for weights, bias, activation in zip(self.weights, self.biases, self.activations, strict=True):
            y = weights @ values[-1] + bias
            limit = {"none": (-np.inf, np.inf), "relu": (0, np.inf), "relu6": (0, 6)}[activation]
            values.append(np.clip(y, *limit))
        return values

    def loss(self, x: np.ndarray, label: int) -> float:
        """Softmax cross-entropy in nats."""
        logits = self.forward(x)[-1]
        shifted = logits - logits.max()
        return float(np.log(np.exp(shifted).sum()) - shifted[label])

    def gradients(self, x: np.ndarray, label: int) -> list[tuple[np.ndarray, np.ndarray]]:
        """Return (d_weights, d_bias) of every layer."""
        values = self.forward(x)
        shifted = np.exp(values[-1] - values[-1].max())
        d_output = shifted / shifted.sum() - np.eye(len(shifted))[label]
        found = []
        for number in range(len(self.weights) - 1, -1, -1):
            y = values[number + 1]
            if self.activations[number] != "none":
                d_output = d_output * ((y > 0) & ((y < 6) | (self.activations[number] == "relu")))
            found.append((np.outer(d_output, values[number]), d_output))
            d_output = self.weights[number].T @ d_output
        return found[::-1]

    def step(self, x: np.ndarray, label: int) -> float:
        """Take one SGD step; return the loss before it. Weights decay, biases do not."""
        before = self.loss(x, label)
        rate, momentum = self.learning.learning_rate, self.learning.momentum
        keep = 1 - rate * self.learning.weight_decay
        for number, gradients in enumerate(self.gradients(x, label)):
            for moved, keeps, v, gradient in zip(
                (self.weights[number], self.biases[number]), (keep, 1.0), self.velocities[number], gradients, strict=True
            ):
                v *= momentum
                v -= rate * gradient
                moved *= keeps
                moved += v
        return before

    @property
    def parameters(self) -> np.ndarray:
        """Layer by layer, weights then bias."""
        pairs = zip(self.weights, self.biases, strict=True)
        return np.concatenate([part.ravel() for pair in pairs for part in pair])


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
