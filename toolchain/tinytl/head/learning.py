# SPDX-License-Identifier: Apache-2.0
"""How a head learns: loss, optimizer, replay. Settings as data; what exists has been checked (SPEC.md section 2.5)."""

from dataclasses import dataclass

import numpy as np

from tinytl.errors import ModelError

LOSSES = ("softmax_cross_entropy", "sigmoid_cross_entropy", "squared_error")
OPTIMIZERS = ("sgd", "adam")
SCHEDULES = ("constant", "steps", "cosine")
WEIGHTS = ("float32", "int8")
LAYER_RATES = ("balanced", "equal")
MAX_REPLAYS = 64
MAX_ACCUMULATION = 65536
MAX_GUARD_EVERY = 65535


@dataclass(frozen=True)
class Learning:
    """How the head learns: batch 1, with replay.

    Attributes:
        learning_rate: > 0. momentum: [0, 1), of SGD; β1 of Adam. second_momentum: [0, 1), β2 of Adam.
        epsilon: > 0, of Adam. weight_decay: ≥ 0, at most 1 / learning_rate; biases do not decay.
        replays_per_step: replayed samples after each taught one, 0 … 64.
        replay_buffer_bytes: RAM for features of taught samples.
        seed: of replay draw and dropout, 1 … 2^32 - 1.
        loss: "softmax_cross_entropy", "sigmoid_cross_entropy" or "squared_error", against one-hot targets.
        optimizer: "sgd" or "adam", which keeps three numbers beside each parameter.
        clip_norm: gradients are shortened to this norm; 0: they are not. accumulation: samples whose mean gradient is one
            update, replayed ones among them. Either needs a number beside each parameter.
        schedule: "constant"; "steps": × schedule_factor every schedule_steps taught samples; "cosine": along half a cosine to
            × schedule_factor at schedule_steps.
        guard_buffer_bytes: RAM for features of held-out samples; 0: no guard. guard_every: of how many taught samples of a class one
            is held out. guard_check_every: learned samples between two checks; 0: on command alone.
        weights: "float32", or "int8": those of dense layers and convolutions that train, a byte each, which stay bytes while they
            learn, by plain SGD. Everything else, the last layer too where classes can be added, stays float32.
        layer_rates: "balanced": SGD's rate of a layer is learning_rate × `tinytl.head.layer_rates`, so that it does not matter how a model
            shares its scale out among its layers; or "equal": learning_rate for all.

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
    optimizer: str = "sgd"
    second_momentum: float = 0.999
    epsilon: float = 1e-7
    clip_norm: float = 0.0
    accumulation: int = 1
    schedule: str = "constant"
    schedule_steps: int = 0
    schedule_factor: float = 1.0
    guard_buffer_bytes: int = 0
    guard_every: int = 8
    guard_check_every: int = 0
    weights: str = "float32"
    layer_rates: str = "balanced"

    def __post_init__(self) -> None:
        largest = float(np.finfo(np.float32).max)
        smallest = float(np.finfo(np.float32).tiny)
        share = "0 or more, less than 1"
        ranges = (
            ("learning_rate", smallest <= self.learning_rate <= largest, "a finite number > 0"),
            ("momentum", _is_share(self.momentum), share),
            ("second_momentum", _is_share(self.second_momentum), share),
            ("epsilon", smallest <= self.epsilon <= largest, "a finite number > 0"),
            ("weight_decay", self._decays(), "0 or more, at most 1 / learning_rate"),
            ("clip_norm", 0 <= self.clip_norm <= largest, "a finite number, 0 or more"),
            ("accumulation", 1 <= self.accumulation <= MAX_ACCUMULATION, f"1 to {MAX_ACCUMULATION:,}"),
            ("replays_per_step", 0 <= self.replays_per_step <= MAX_REPLAYS, f"0 to {MAX_REPLAYS}"),
            ("replay_buffer_bytes", 0 <= self.replay_buffer_bytes < 2**32, "0 to 4,294,967,295"),
            ("seed", 0 < self.seed < 2**32, "1 to 4,294,967,295"),
            ("loss", self.loss in LOSSES, ", ".join(LOSSES)),
            ("optimizer", self.optimizer in OPTIMIZERS, ", ".join(OPTIMIZERS)),
            ("schedule", self.schedule in SCHEDULES, ", ".join(SCHEDULES)),
            ("schedule_steps", (0 if self.schedule == "constant" else 1) <= self.schedule_steps < 2**32, "the steps that a schedule takes"),
            ("schedule_factor", 0 <= self.schedule_factor <= 1, "0 to 1"),
            ("guard_buffer_bytes", 0 <= self.guard_buffer_bytes < 2**31, "0 to 2,147,483,647"),
            ("guard_every", 2 <= self.guard_every <= MAX_GUARD_EVERY, f"2 to {MAX_GUARD_EVERY:,}"),
            ("weights", self.weights in WEIGHTS, ", ".join(WEIGHTS)),
            ("layer_rates", self.layer_rates in LAYER_RATES, ", ".join(LAYER_RATES)),
            ("guard_check_every", 0 <= self.guard_check_every < 2**32, "0 to 4,294,967,295"),
        )
        for name, fits, expected in ranges:
            if not fits:
                raise ModelError(f"the head's {name} is {getattr(self, name)!r}", expected=expected)
        if self.weights == "int8" and (self.momentum > 0 or self.sums_gradients):
            raise ModelError(
                "int8 weights with momentum, Adam, clip_norm or accumulation",
                expected="plain SGD, which keeps nothing beside a weight",
                hint="set momentum 0, optimizer sgd, clip_norm 0, accumulation 1, or keep float32 weights",
            )

    @property
    def sums_gradients(self) -> bool:
        """Whether an update needs all gradients at once."""
        return self.optimizer == "adam" or self.accumulation > 1 or self.clip_norm > 0

    def _decays(self) -> bool:
        """As the device computes it: in float32."""
        with np.errstate(all="ignore"):
            return bool(self.weight_decay >= 0 and np.float32(self.learning_rate) * np.float32(self.weight_decay) <= 1)


def _is_share(value: float) -> bool:
    return 0 <= value < 1 and bool(np.float32(value) < 1)
