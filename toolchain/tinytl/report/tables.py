# SPDX-License-Identifier: Apache-2.0
"""The layer table: which columns a measurement can fill, and how each was had.

In: a `Measurement`. Out: `Column`s for the page's template. A column that no layer has a value for is left out.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from tinytl.measurement import Figure, LayerRow, Measurement
from tinytl.report import wording
from tinytl.report.summary import find


@dataclass(frozen=True)
class Column:
    """One numeric column. kind: measured, computed or modelled; summable: whether a sum says something."""

    title: str
    how: str
    kind: str
    attribute: str
    show: Callable[[float], str] = wording.count
    summable: bool = True

    def text(self, layer: LayerRow) -> str:
        """Return one cell."""
        value = getattr(layer, self.attribute)
        return "–" if value is None else self.show(value)

    def total(self, layers: Sequence[LayerRow]) -> str:
        """Return the cell under the column."""
        values = [getattr(layer, self.attribute) for layer in layers]
        return self.show(sum(value for value in values if value is not None)) if self.summable else ""


def layer_columns(measurement: Measurement) -> tuple[Column, ...]:
    """Return the columns that at least one layer can fill, in the order of the table."""
    instructions = find(measurement, "instructions", "inference") or Figure(0.0, "instructions", "instructions")
    cycles = find(measurement, "cycles") or Figure(0.0, "cycles", "cycles (model)")
    energy = find(measurement, "nJ", "full") or find(measurement, "nJ") or Figure(0.0, "nJ", "nJ (model)")
    columns = (
        Column("MACs", "from the graph", wording.COMPUTED, "macs"),
        Column("Weights", "bytes, image plan", wording.COMPUTED, "weight_bytes"),
        Column("Activations", "bytes, image plan", wording.COMPUTED, "activation_bytes", summable=False),
        Column("Instructions", instructions.how, wording.kind(instructions), "instructions"),
        Column("Cycles", cycles.how, wording.MODELLED, "cycles_model", _nearly(wording.count)),
        Column("Energy", energy.how, wording.MODELLED, "energy_nj", _nearly(wording.energy)),
    )
    return tuple(column for column in columns if any(getattr(layer, column.attribute) is not None for layer in measurement.layers))


def energies(measurement: Measurement) -> list[tuple[str, float]]:
    """Return (model, nJ) of every modelled energy of a measurement, the smallest first; «nJ (model: thesis)» becomes «thesis»."""
    modelled = [figure for figure in measurement.figures.values() if figure.unit == "nJ"]
    pairs = [(re.sub(r"^.*\(model: (.*)\)$", r"\1", figure.how), figure.value) for figure in modelled]
    return sorted(pairs, key=lambda pair: pair[1])


def _nearly(show: Callable[[float], str]) -> Callable[[float], str]:
    return lambda value: "≈ " + show(value)
