# SPDX-License-Identifier: Apache-2.0
"""The trainable head as data: layers with float32 weights, loss and optimizer settings. No framework needed.

A `Head` and a `Learning` that exist have been checked: arrays fit one another and are finite, each layer takes what the one
before gives, the settings are in the range that a device accepts (SPEC.md section 2.5).
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
    """One dense layer: activation(weights @ input + bias). The `Head` that it becomes part of checks it.

    Attributes:
        weights: (out, in) float32, finite. bias: (out,) float32, finite. activation: "none", "relu" or "relu6".
    """

    name: str
    weights: np.ndarray
    bias: np.ndarray
    activation: str = "none"


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
    replays_per_step: int = 16
    replay_buffer_bytes: int = 8192
    seed: int = 1
    loss: str = "softmax_cross_entropy"

    def __post_init__(self) -> None:
        largest = float(np.finfo(np.float32).max)
        smallest = float(np.finfo(np.float32).tiny)
        ranges = (
            ("learning_rate", smallest <= self.learning_rate <= largest, "a finite number > 0"),
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
        with np.errstate(all="ignore"):
            return bool(self.weight_decay >= 0 and np.float32(self.learning_rate) * np.float32(self.weight_decay) <= 1)


@dataclass(frozen=True)
class Head:
    """The trainable part, from feature tensor to logits.

    Args:
        layers: 1 … 8, named differently; each takes what the one before gives, the last has no activation.

    Raises:
        ModelError: a layer that is malformed or does not take what comes before it, by its name.
    """

    layers: tuple[DenseLayer, ...]
    learning: Learning = field(default_factory=Learning)

    def __post_init__(self) -> None:
        if not 1 <= len(self.layers) <= MAX_LAYERS:
            raise ModelError(f"the head has {len(self.layers)} layers", expected=f"1 to {MAX_LAYERS}")
        names = [layer.name for layer in self.layers]
        if len(set(names)) != len(names):
            raise ModelError(f"head layers {', '.join(names)}", expected="a different name for each")
        width = None
        for layer in self.layers:
            _check_layer(layer, width)
            width = layer.weights.shape[0]
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


def _check_layer(layer: DenseLayer, width: int | None) -> None:
    """width: numbers that the layer before gives; None: the first layer."""
    if not layer.name:
        raise ModelError("a head layer has no name", expected="a name for each")
    for name, array, rank in (("weights", layer.weights, 2), ("bias", layer.bias, 1)):
        if array.dtype != np.float32 or array.ndim != rank or array.size == 0:
            raise ModelError(
                f"the {name} of head layer {layer.name!r} have shape {array.shape} and type {array.dtype}",
                expected=f"float32 of rank {rank}, not empty",
            )
        if not np.isfinite(array).all():
            raise ModelError(f"head layer {layer.name!r} holds NaN or infinity", expected="finite weights")
    if layer.bias.shape != layer.weights.shape[:1]:
        raise ModelError(f"bias of head layer {layer.name!r} is {layer.bias.shape}", expected=str(layer.weights.shape[:1]))
    if width is not None and layer.weights.shape[1] != width:
        raise ModelError(
            f"head layer {layer.name!r} takes {layer.weights.shape[1]} numbers", expected=f"{width}, what comes before it"
        )
    if layer.activation not in ACTIVATIONS:
        raise ModelError(f"head layer {layer.name!r} has activation {layer.activation!r}", expected=", ".join(ACTIVATIONS))
