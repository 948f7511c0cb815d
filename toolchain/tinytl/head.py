# SPDX-License-Identifier: Apache-2.0
"""The trainable head as data: layers with float32 weights, loss and optimizer settings. No framework needed."""

from dataclasses import dataclass, field

import numpy as np


@dataclass(frozen=True)
class DenseLayer:
    """One dense layer. weights: (out, in) float32; bias: (out,) float32; activation: "none", "relu" or "relu6"."""

    name: str
    weights: np.ndarray
    bias: np.ndarray
    activation: str = "none"


@dataclass(frozen=True)
class Learning:
    """How the head learns: SGD on softmax cross-entropy, batch 1, with replay.

    Attributes:
        learning_rate: > 0. momentum: [0, 1). weight_decay: ≥ 0.
        replays_per_step: replayed samples after each taught one, 0 … 64.
        replay_buffer_bytes: RAM for features of taught samples.
        seed: of the replay draw, ≠ 0.
    """

    learning_rate: float = 0.01
    momentum: float = 0.0
    weight_decay: float = 0.0
    replays_per_step: int = 4
    replay_buffer_bytes: int = 4096
    seed: int = 1
    loss: str = "softmax_cross_entropy"


@dataclass(frozen=True)
class Head:
    """The trainable part, from feature tensor to logits."""

    layers: tuple[DenseLayer, ...]
    learning: Learning = field(default_factory=Learning)

    @property
    def feature_count(self) -> int:
        """Features that enter the first layer."""
        return int(self.layers[0].weights.shape[1])

    @property
    def macs(self) -> int:
        """Multiply-accumulates of one forward pass."""
        return int(sum(layer.weights.size for layer in self.layers))
