# SPDX-License-Identifier: Apache-2.0
"""The `Measurement`: all that crosses from a target to a report. Every figure says how it was had.

As JSON: one flat object, `{"name": …, "bundle": …, "target": …, <figure>: value, …, "energy_nj": {model: value}, "how": {figure: text},
"units": …, "layers": […]}`. Figures that a target cannot give are null, and `how` says why. What `from_json` returns has been checked.
"""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from tinytl.errors import BenchError

FORMAT = "tinytl-measurement"
ENERGY = "energy_nj_"
_HOW_ENERGIES = "modelled, never measured; energy_nj_<model> says by which model"
_HISTOGRAM = "counts of 0 or more by class that add up to the layer's instructions, or null"
_HINT = "tinytl bench BUNDLE --target TARGET -o FILE writes one"

REQUIRED = (
    "accuracy", "instructions_per_inference", "instructions_per_teach_step", "cycles_model", "milliseconds_model", "arena_bytes",
    "stack_bytes", "ram_bytes", "flash_bytes",
)  # fmt: skip


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
    """One operator of the extractor, or one layer of the head, as reports list it.

    kernel: which of its family runs it; expected_instructions: by the compiler's cost model of a Cortex-M4, None where it has none.
    classes: instructions by class, adding up to `instructions`; None where they are not told apart.
    rate_factor: what SGD multiplies the head's learning rate with; None where nothing trains.
    """

    name: str
    operator: str
    output_shape: tuple[int, ...]
    macs: int
    weight_bytes: int
    activation_bytes: int
    instructions: int | None = None
    cycles_model: int | None = None
    energy_nj: float | None = None
    kernel: str = ""
    expected_instructions: int | None = None
    classes: dict[str, int] | None = None
    rate_factor: float | None = None


@dataclass(frozen=True)
class Measurement:
    """Figures of one bundle on one target.

    Attributes:
        figures: by name; energies are named `energy_nj_<model>`.
        details: what else is worth keeping, such as class histograms; `missing` names figures this target cannot give, and why.
    """

    bundle: str
    target: str
    figures: dict[str, Figure]
    layers: tuple[LayerRow, ...] = ()
    details: dict[str, Any] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Return the flat object for `json.dump`."""
        plain = {name: figure for name, figure in self.figures.items() if not name.startswith(ENERGY)}
        energies = {name.removeprefix(ENERGY): figure.value for name, figure in self.figures.items() if name.startswith(ENERGY)}
        missing = self.details.get("missing", {})
        return {
            "format": FORMAT, "name": self.bundle, "bundle": self.bundle, "target": self.target,
            **{name: None for name in REQUIRED if name not in plain}, **{name: figure.value for name, figure in plain.items()},
            "energy_nj": energies,
            "how": {**{name: figure.how for name, figure in self.figures.items()}, **missing, "energy_nj": _HOW_ENERGIES},
            "units": {name: figure.unit for name, figure in self.figures.items()},
            "layers": [asdict(layer) for layer in self.layers],
            "details": self.details,
        }  # fmt: skip

    @classmethod
    def from_json(cls, document: Any) -> "Measurement":
        """Read what `to_json` returned.

        Raises:
            BenchError: another format, or a field that is missing or of the wrong type, by name.
        """
        if not isinstance(document, Mapping) or document.get("format") != FORMAT:
            kind = document.get("format") if isinstance(document, Mapping) else type(document).__name__
            raise BenchError(f"measurement: format is {kind!r}", expected=repr(FORMAT), hint=_HINT)
        for name in ("bundle", "target"):
            _expect(isinstance(document.get(name), str), name, document.get(name), "a text")
        for name in ("how", "units", "energy_nj"):
            _expect(isinstance(document.get(name), Mapping), name, document.get(name), "an object")
        _expect(isinstance(document.get("layers"), list), "layers", document.get("layers"), "a list")
        details = document.get("details", {})
        _expect(isinstance(details, Mapping), "details", details, "an object")
        _expect(isinstance(details.get("missing", {}), Mapping), "details.missing", details.get("missing"), "an object")
        return cls(document["bundle"], document["target"], _figures(document), _layers(document["layers"]), dict(details))


def _expect(holds: bool, name: str, value: Any, expected: str) -> None:
    if not holds:
        raise BenchError(f"measurement: field {name!r} is {str(value)[:60]!r}", expected=expected, hint=_HINT)


def _figures(document: Mapping[str, Any]) -> dict[str, Figure]:
    figures = {}
    for name, unit in document["units"].items():
        energy = name.startswith(ENERGY)
        value: Any = document["energy_nj"].get(name.removeprefix(ENERGY)) if energy else document.get(name)
        _expect(_is_finite(value), name, value, "a finite number")
        how = document["how"].get(name)
        _expect(isinstance(how, str) and isinstance(unit, str), f"how.{name}", how, "a text")
        figures[name] = Figure(value, unit, how)
    return figures


def _layers(rows: list[Any]) -> tuple[LayerRow, ...]:
    layers = []
    for index, row in enumerate(rows):
        try:
            layer = LayerRow(**{**row, "output_shape": tuple(row["output_shape"])})
        except (TypeError, KeyError) as error:
            raise BenchError(f"measurement: layers[{index}] is malformed: {error}", expected="the fields of a layer", hint=_HINT) from error
        sides = layer.output_shape
        _expect(all(isinstance(side, int) for side in sides), f"layers[{index}].output_shape", sides, "whole numbers")
        for name in ("name", "operator"):
            _expect(isinstance(getattr(layer, name), str), f"layers[{index}].{name}", getattr(layer, name), "a text")
        for name in ("macs", "weight_bytes", "activation_bytes"):
            _expect(_is_finite(getattr(layer, name)), f"layers[{index}].{name}", getattr(layer, name), "a finite number")
        for name in ("instructions", "cycles_model", "energy_nj", "expected_instructions"):
            value = getattr(layer, name)
            _expect(value is None or _is_finite(value), f"layers[{index}].{name}", value, "a finite number or null")
        _expect(_is_histogram(layer.classes, layer.instructions), f"layers[{index}].classes", layer.classes, _HISTOGRAM)
        layers.append(layer)
    return tuple(layers)


def _is_histogram(classes: Any, instructions: int | None) -> bool:
    if classes is None:
        return True
    if not isinstance(classes, Mapping):
        return False
    counts = classes.values()
    return all(_is_finite(count) and count >= 0 for count in counts) and sum(counts) == instructions


def _is_finite(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
