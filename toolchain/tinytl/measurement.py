# SPDX-License-Identifier: Apache-2.0
"""The `Measurement`: all that crosses from a target to a report. Every figure says how it was had."""

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Figure:
    """One number and its origin.

    Attributes:
        value: the number.
        unit: "instructions", "cycles", "ms", "nJ", "B", "fraction", "MAC".
        how: e.g. "instructions (QEMU 7.2 plugin)", "cycles (Cortex-M4 model)", "nJ (model: thesis)", "device", "image plan".
    """

    value: float
    unit: str
    how: str


@dataclass(frozen=True)
class LayerRow:
    """One operator of the extractor, or one layer of the head, as reports list it."""

    name: str
    operator: str
    output_shape: tuple[int, ...]
    macs: int
    weight_bytes: int
    activation_bytes: int
    instructions: int | None = None
    cycles_model: int | None = None
    energy_nj: float | None = None


@dataclass(frozen=True)
class Measurement:
    """Figures of one bundle on one target."""

    bundle: str
    target: str
    figures: dict[str, Figure]
    layers: tuple[LayerRow, ...] = ()
    details: dict[str, Any] = field(default_factory=dict)
