# SPDX-License-Identifier: Apache-2.0
"""Models of one UNIDIRECTIONAL_SEQUENCE_LSTM, written tensor by tensor as the converter writes Keras's LSTM, or with one thing changed."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from tflite_writer import ModelWriter

ABSENT = -1
TANH = 4
GATES = 4


@dataclass(frozen=True)
class Lstm:
    """One layer.

    Attributes:
        steps, depth, units: sizes. energy: reach of a gate's sum before its activation; 8 and more saturate it.
        cell_bits: integer bits of the cell state. clip: of the cell state, 0 for none.
        changes: number of an input → fields of its tensor, None to leave it out, or fields of one that is absent.
        intermediates: how many. hidden: fields of the last of them. options: fields of the options.
    """

    steps: int
    depth: int
    units: int
    energy: float = 3.0
    cell_bits: int = 1
    clip: float = 10.0
    time_major: bool = False
    seed: int = 0
    version: int = 1
    changes: dict[int, dict[str, Any] | None] = field(default_factory=dict)
    source: dict[str, Any] = field(default_factory=dict)
    intermediates: int = 5
    hidden: dict[str, Any] = field(default_factory=dict)
    options: dict[str, Any] = field(default_factory=dict)

    def bytes(self) -> bytes:
        """Return the .tflite file."""
        writer, random = ModelWriter(), np.random.default_rng(self.seed)
        in_scale, hidden_scale = (float(np.exp(random.uniform(-6, -1))) for _ in range(2))
        in_point, hidden_point = (int(random.integers(-128, 128)) for _ in range(2))
        sides = (self.steps, 1) if self.time_major else (1, self.steps)
        source = {"scale": in_scale, "zero_point": in_point, **self.source}
        a = first = writer.tensor("in", **{"shape": (1, self.steps, self.depth), **source})
        if self.time_major:
            first = writer.tensor("by steps", **{"shape": (*sides, self.depth), **source})
            writer.node("RESHAPE", [a, writer.constant("sides before", (*sides, self.depth))], first)
        inputs = [first, *(self._input(writer, number, random, in_scale, hidden_scale, hidden_point) for number in range(1, 24))]
        meaning = {"scale": hidden_scale, "zero_point": hidden_point}
        others = [writer.tensor(f"intermediate {i}", (0,), "float32", None) for i in range(max(self.intermediates - 1, 0))]
        last = [writer.tensor("hidden", **{"shape": (0,), **meaning, **self.hidden})] if self.intermediates else []
        out = writer.tensor("out", (*sides, self.units), **meaning)
        options = {"FusedActivationFunction": TANH, "CellClip": self.clip, "TimeMajor": self.time_major, **self.options}
        writer.node(
            *("UNIDIRECTIONAL_SEQUENCE_LSTM", inputs, out, self.version, "UnidirectionalSequenceLSTMOptions"),
            **{"intermediates": (*others, *last), **options},
        )
        if self.time_major:
            by_steps, out = out, writer.tensor("by batch", (1, self.steps, self.units), **meaning)
            writer.node("RESHAPE", [by_steps, writer.constant("sides behind", (1, self.steps, self.units))], out)
        return writer.bytes([a], [out])

    def _input(
        self, writer: ModelWriter, number: int, random: np.random.Generator, in_scale: float, hidden_scale: float, hidden_point: int
    ) -> int:
        """Add an input after the first; ABSENT for those that Keras's layer has not."""
        fields = self._fields(number, random, in_scale, hidden_scale, hidden_point)
        change = self.changes.get(number, {})
        if change is None or (fields is None and not change):
            return ABSENT
        return writer.tensor(f"input {number}", **{"shape": (self.units,), **(fields or {}), **change})

    def _fields(
        self, number: int, random: np.random.Generator, in_scale: float, hidden_scale: float, hidden_point: int
    ) -> dict[str, Any] | None:
        if 1 <= number <= 8:
            depth, scale = (self.depth, in_scale) if number <= GATES else (self.units, hidden_scale)
            reach = self.energy * float(np.exp(random.uniform(-1, 1)))
            return {
                "shape": (self.units, depth),
                "scale": reach / (scale * 74 * 74 * np.sqrt(depth)),
                "data": random.integers(-128, 128, (self.units, depth)),
            }
        if 12 <= number <= 15:
            return {"dtype": "int32", "scale": None, "data": random.integers(-9000, 9000, self.units)}
        if number == 18:
            return {"shape": (1, self.units), "scale": hidden_scale, "zero_point": hidden_point, "variable": True}
        if number == 19:
            return {"shape": (1, self.units), "dtype": "int16", "scale": 2.0 ** (self.cell_bits - 15), "variable": True}
        return None
