# SPDX-License-Identifier: Apache-2.0
"""What one retraining costs, as people ask: how many inferences, how much of a coin cell.

In: energies of an inference and of a taught sample in nJ. Out: a `Retraining`, and the sentence with its assumptions.
"""

from dataclasses import dataclass
from math import floor, log10

CR2032_MAH, CR2032_VOLTS = 225, 3.0
CR2032_NJ = CR2032_MAH * 3.6 * CR2032_VOLTS * 1e9
"""2,430 J: typical capacity to 2.0 V and nominal voltage, as en.wikipedia.org/wiki/CR2032_battery gives both."""
_UNITS = ((1e9, "J"), (1e6, "mJ"), (1e3, "µJ"), (1.0, "nJ"))


@dataclass(frozen=True)
class Retraining:
    """Teaching so many samples once each.

    Attributes:
        samples: taught. energy_nj: of all of them together. inferences: that take as much, None where the model does not count them.
        battery_fraction: of a CR2032's nominal energy.
    """

    samples: int
    energy_nj: float
    inferences: float | None
    battery_fraction: float

    @property
    def text(self) -> str:
        """The answer in one sentence."""
        share = f"{_percent(self.battery_fraction)} % of a CR2032"
        if self.inferences is None:
            return f"one retraining of {self.samples:,} samples: {in_joules(self.energy_nj)}, {share}"
        return (
            f"one retraining of {self.samples:,} samples costs as much as {self.inferences:,.0f} inferences, {share} "
            f"({in_joules(self.energy_nj)})"
        )


def retraining(samples: int, *, taught_nj: float, inference_nj: float | None) -> Retraining:
    """Return what teaching samples once each costs.

    Args:
        samples: ≥ 1. taught_nj: energy of one taught sample. inference_nj: of one inference; None where the energy model does not say.
    """
    total = samples * taught_nj
    return Retraining(samples, total, total / inference_nj if inference_nj else None, total / CR2032_NJ)


def _percent(fraction: float) -> str:
    """Return two digits of a percentage as a plain decimal, «0.000049»."""
    percent = 100 * fraction
    places = max(0, 1 - floor(log10(percent))) if percent else 0
    return f"{percent:,.{places}f}"


def joule_unit(nanojoules: float) -> tuple[float, str]:
    """Return the unit in which an energy reads well: how many nJ it has, and its name."""
    return next(((size, name) for size, name in _UNITS if nanojoules >= size), _UNITS[-1])


def in_joules(nanojoules: float) -> str:
    """Return an energy with its unit, «122.5 µJ»; of four digits."""
    size, name = joule_unit(nanojoules)
    return f"{nanojoules / size:,.4g} {name}"
