# SPDX-License-Identifier: Apache-2.0
"""How a head learns: loss, optimizer, replay, guard. The one list of settings; what exists has been checked (SPEC.md section 2.5).

Out: `Learning`. Manifest, head section and command line hold no list of their own: they take names, types, defaults and texts from its
fields. The limits of its numbers are the runtime's, `runtime/learn/settings.def`.
"""

from dataclasses import dataclass, field, fields
from functools import cache
from numbers import Integral, Real
from typing import Any

import numpy as np

from tinytl.errors import ModelError
from tinytl.runtime_lists import rows

LOSSES = ("softmax_cross_entropy", "sigmoid_cross_entropy", "squared_error")
OPTIMIZERS = ("sgd", "adam")
SCHEDULES = ("constant", "steps", "cosine")
WEIGHTS = ("float32", "int8")
LAYER_RATES = ("balanced", "equal")


def _setting(default: Any, text: str, choices: tuple[str, ...] = ()) -> Any:
    """Declare a setting. text: what it is, for the command line and for refusals. choices: the words that it may be."""
    return field(default=default, metadata={"text": text, "choices": choices})


@dataclass(frozen=True)
class Learning:
    """How the head learns: batch 1, with replay. A setting's text stands beside it, its limits in `limits`.

    Across settings: weight_decay is at most 1 / learning_rate. A schedule other than "constant" takes 1 step or more. accumulation counts
    replayed samples too; it, clip_norm and momentum need a number beside each parameter, Adam three. weights "int8": a byte each, which
    stay bytes while they learn, by plain SGD; everything else, the last layer too where classes can be added, stays float32.
    label_smoothing s: targets are (1 - s) × one-hot + s / K over the K classes in use, added ones among them; of softmax_cross_entropy.
    layer_rates "balanced": SGD's rate of a layer is learning_rate × `tinytl.head.layer_rates`, so that it does not matter how a model
    shares its scale out among its layers.

    Raises:
        ModelError: a setting out of its limits, by its name, with its value.
    """

    learning_rate: float = _setting(0.01, "of the head on the device")
    momentum: float = _setting(0.0, "of SGD; β1 of Adam")
    weight_decay: float = _setting(0.0, "of weights, not of biases")
    replays_per_step: int = _setting(16, "replayed samples after each taught one")
    replay_buffer_bytes: int = _setting(8192, "RAM for features of taught samples")
    seed: int = _setting(1, "of replay draw and dropout")
    loss: str = _setting("softmax_cross_entropy", "against one-hot targets; sigmoid_cross_entropy where a .tflite ends in one", LOSSES)
    optimizer: str = _setting("sgd", "Adam keeps three numbers beside each parameter", OPTIMIZERS)
    second_momentum: float = _setting(0.999, "of Adam's second moment, β2")
    epsilon: float = _setting(1e-7, "of Adam, beside the root of its second moment")
    clip_norm: float = _setting(0.0, "gradients are shortened to this norm; 0: they are not")
    accumulation: int = _setting(1, "samples whose mean gradient is one update, replayed ones among them")
    schedule: str = _setting("constant", "of the learning rate over taught samples", SCHEDULES)
    schedule_steps: int = _setting(0, "samples until the next step, or to the end of the cosine")
    schedule_factor: float = _setting(1.0, "what a step multiplies the rate by, or what the cosine ends at")
    guard_buffer_bytes: int = _setting(0, "RAM for held-out samples that keep or undo a head; 0: no guard")
    guard_every: int = _setting(8, "of how many taught samples of a class one is held out")
    guard_check_every: int = _setting(0, "learned samples between two checks; 0: only at the end of teach")
    weights: str = _setting("float32", "of layers that train; int8: a byte each, by plain SGD", WEIGHTS)
    layer_rates: str = _setting("balanced", "of each layer; balanced: by the squares of its weights", LAYER_RATES)
    label_smoothing: float = _setting(0.0, "what the label's target gives to all classes alike, of softmax_cross_entropy")

    def __post_init__(self) -> None:
        for setting in fields(self):
            _check_alone(setting.name, getattr(self, setting.name))
        if not self._decays():
            most = f"at most {1 / self.learning_rate:.8g}, which is 1 / learning_rate"
            raise _refusal("weight_decay", self.weight_decay, most, hint="a smaller weight_decay or a smaller learning_rate")
        if self.schedule != "constant" and self.schedule_steps == 0:
            raise _refusal("schedule_steps", 0, f"1 or more under schedule {self.schedule!r}", hint="set it, or schedule constant")
        if self.label_smoothing > 0 and self.loss != "softmax_cross_entropy":
            hint = "set it 0, or loss softmax_cross_entropy"
            raise _refusal("label_smoothing", self.label_smoothing, f"0 under loss {self.loss!r}", hint=hint)
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
        with np.errstate(over="ignore"):
            return bool(np.float32(self.learning_rate) * np.float32(self.weight_decay) <= 1)


@dataclass(frozen=True)
class Limits:
    """What a setting's number may be, both ends included.

    Attributes:
        kind: "REAL", a float32 on the device; "COUNT", a uint32; "CHOICE", the number of a word; "BYTES", of the bundle alone.
        least, greatest: of REAL as float32 holds them.
    """

    kind: str
    least: float
    greatest: float

    def hold(self, value: Any) -> bool:
        """Whether a number lies within them, as the device holds it."""
        if isinstance(value, bool):
            return False
        if self.kind == "REAL":
            return isinstance(value, Real) and self.least <= _as_float32(value) <= self.greatest
        return isinstance(value, Integral) and self.least <= int(value) <= self.greatest

    def __str__(self) -> str:
        form, number = (".8g", "a number") if self.kind == "REAL" else (",", "a whole number")
        return f"{number} from {self.least:{form}} to {self.greatest:{form}}"


@cache
def limits() -> dict[str, Limits]:
    """Return the limits of all settings that are numbers, by name, as the runtime lists them."""
    return {name: Limits(kind, _number(least), _number(greatest)) for kind, name, least, greatest in rows("learn/settings.def")}


def choices(name: str) -> tuple[str, ...]:
    """Return the words that a setting may be; none of a number."""
    words: tuple[str, ...] = Learning.__dataclass_fields__[name].metadata["choices"]
    return words


def device_number(name: str, value: Any) -> float:
    """Return what the head section holds of a setting: itself, or the number of a word."""
    words = choices(name)
    return int(limits()[name].least) + words.index(value) if words else value


def _check_alone(name: str, value: Any) -> None:
    words = choices(name)
    if words and value not in words:
        raise _refusal(name, value, ", ".join(words))
    if not words and not limits()[name].hold(value):
        raise _refusal(name, value, str(limits()[name]))


def _refusal(name: str, value: Any, expected: str, *, hint: str = "") -> ModelError:
    declared = Learning.__dataclass_fields__[name]
    meaning = f"{name}: {declared.metadata['text']} (left out: {declared.default})"
    return ModelError(f"the head's {name} is {value!r}", expected=expected, hint=hint or meaning)


def _number(text: str) -> float:
    """Read a C literal: 1e30f as float32 holds it, or 64u."""
    return float(np.float32(text[:-1])) if text.endswith("f") else int(text.removesuffix("u"))


def _as_float32(value: Any) -> float:
    try:
        with np.errstate(over="ignore"):
            return float(np.float32(value))
    except OverflowError:  # an int larger than any float
        return float("inf")
