# SPDX-License-Identifier: Apache-2.0
"""The trainable head as data: layers with float32 weights, loss and optimizer settings. No framework needed.

Whatever exists has been checked: a layer's arrays fit one another and are finite, each layer takes what the one before
gives, the settings are in the range that a device accepts (SPEC.md section 2.5).
"""

from dataclasses import dataclass, field

import numpy as np

from tinytl.errors import ModelError

ACTIVATIONS = ("none", "relu", "relu6")
LOSSES = ("softmax_cross_entropy",)
MAX_LAYERS = 8
MAX_REPLAYS = 64


@dataclass(frozen=True)
class DenseLayer:
    """One dense layer: activation(weights @ input + bias).

    Args:
        name: not empty. weights: (out, in) float32, finite. bias: (out,) float32, finite.
        activation: "none", "relu" or "relu6".

    Raises:
        ModelError: an argument that is not so, by its name.
    """

    name: str
    weights: np.ndarray
    bias: np.ndarray
    activation: str = "none"

    def __post_init__(self) -> None:
        if not self.name:
            raise ModelError("a head layer has no name", expected="a name for each layer")
        _check_array(self.name, "weights", self.weights, "(out, in)", 2)
        _check_array(self.name, "bias", self.bias, "(out,)", 1)
        if self.bias.shape[0] != self.weights.shape[0]:
            raise ModelError(
                f"head layer {self.name!r} has {self.bias.shape[0]} biases for {self.weights.shape[0]} rows of weights",
                expected="one a row",
            )
        if self.activation not in ACTIVATIONS:
            raise ModelError(f"head layer {self.name!r} has activation {self.activation!r}", expected=", ".join(ACTIVATIONS))


@dataclass(frozen=True)
class Learning:
    """How the head learns: SGD on softmax cross-entropy, batch 1, with replay.

    Attributes:
        learning_rate: > 0. momentum: [0, 1). weight_decay: ≥ 0, at most 1 / learning_rate; biases do not decay.
        replays_per_step: replayed samples after each taught one, 0 … 64.
        replay_buffer_bytes: RAM for features of taught samples.
        seed: of the replay draw, 1 … 2^32 - 1.

    Raises:
        ModelError: a setting out of its range, by its name.
    """

    learning_rate: float = 0.01
    momentum: float = 0.0
    weight_decay: float = 0.0
    replays_per_step: int = 4
    replay_buffer_bytes: int = 4096
    seed: int = 1
    loss: str = "softmax_cross_entropy"

    def __post_init__(self) -> None:
        largest = float(np.finfo(np.float32).max)
        smallest = float(np.finfo(np.float32).tiny)
        ranges = (
            ("learning_rate", smallest <= self.learning_rate <= largest, "a number > 0 that float32 holds"),
            ("momentum", 0 <= self.momentum < 1 and np.float32(self.momentum) < 1, "0 or more, less than 1"),
            ("weight_decay", self._decays(), "0 or more, at most 1 / learning_rate"),
            ("replays_per_step", 0 <= self.replays_per_step <= MAX_REPLAYS, f"0 to {MAX_REPLAYS}"),
            ("replay_buffer_bytes", 0 <= self.replay_buffer_bytes < 2**32, "0 to 4,294,967,295"),
            ("seed", 0 < self.seed < 2**32, "1 to 4,294,967,295"),
            ("loss", self.loss in LOSSES, ", ".join(LOSSES)),
        )
        for name, fits, expected in ranges:
            if not fits:
                raise ModelError(f"the head's {name} is {getattr(self, name)!r}", expected=expected)

    def _decays(self) -> bool:
        """As the device computes it: in float32."""
        return bool(self.weight_decay >= 0 and np.float32(self.learning_rate) * np.float32(self.weight_decay) <= 1)


@dataclass(frozen=True)
class Head:
    """The trainable part, from feature tensor to logits.

    Args:
        layers: 1 … 8 with different names; each takes what the one before gives, the last has no activation.

    Raises:
        ModelError: layers that do not follow one another.
    """

    layers: tuple[DenseLayer, ...]
    learning: Learning = field(default_factory=Learning)

    def __post_init__(self) -> None:
        if not 1 <= len(self.layers) <= MAX_LAYERS:
            raise ModelError(f"the head has {len(self.layers)} layers", expected=f"1 to {MAX_LAYERS}")
        names = [layer.name for layer in self.layers]
        if len(set(names)) != len(names):
            raise ModelError(f"head layers {', '.join(names)}", expected="a different name for each")
        for before, layer in zip(self.layers[:-1], self.layers[1:], strict=True):
            if layer.weights.shape[1] != before.weights.shape[0]:
                raise ModelError(
                    f"head layer {layer.name!r} takes {layer.weights.shape[1]} numbers",
                    expected=f"{before.weights.shape[0]}, what {before.name!r} gives",
                )
        if self.layers[-1].activation != "none":
            raise ModelError(
                f"the last head layer {names[-1]!r} has activation {self.layers[-1].activation!r}",
                expected="none: the loss takes logits",
            )

    @property
    def feature_count(self) -> int:
        """Features that enter the first layer."""
        return int(self.layers[0].weights.shape[1])

    @property
    def macs(self) -> int:
        """Multiply-accumulates of one forward pass."""
        return int(sum(layer.weights.size for layer in self.layers))


def _check_array(layer: str, name: str, array: np.ndarray, shape: str, rank: int) -> None:
    if array.dtype != np.float32 or array.ndim != rank or array.size == 0:
        raise ModelError(f"{name} of head layer {layer!r} are {array.dtype} {list(array.shape)}", expected=f"float32 {shape}")
    if not np.isfinite(array).all():
        raise ModelError(f"head layer {layer!r} holds NaN or infinity", expected=f"finite {name}")
