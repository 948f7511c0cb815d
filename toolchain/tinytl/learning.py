# SPDX-License-Identifier: Apache-2.0
"""How a head learns: loss, optimizer, replay. Settings as data; what exists has been checked (SPEC.md section 2.5)."""

from dataclasses import dataclass

import numpy as np

from tinytl.errors import ModelError

LOSSES = ("softmax_cross_entropy",)
MAX_REPLAYS = 64


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
