# SPDX-License-Identifier: Apache-2.0
"""Numbers as a reader meets them: with their unit, and with how they were had.

In: values, units and the `how` of a `Figure`. Out: short texts. A number is measured, computed (it follows from shapes or a plan) or
modelled; in doubt it is called modelled, never the other way round.
"""

import re
from collections.abc import Sequence

from tinytl.measurement import Figure

MEASURED, COMPUTED, MODELLED = "measured", "computed", "modelled"

_ENERGY = {"pJ": 1e-3, "nJ": 1.0, "µJ": 1e3, "uJ": 1e3, "mJ": 1e6, "J": 1e9}
_COUNTS = {"instructions", "cycles", "MAC", "MACs", "samples", "parameters"}


def kind(figure: Figure) -> str:
    """Say whether a figure is measured, computed or modelled, from its `how` and unit."""
    how = figure.how.lower()
    if re.search(r"\bmodel|estimat|assum|calibrat", how) or (figure.unit in _ENERGY and "measured" not in how):
        return MODELLED
    if figure.unit in {"MAC", "MACs"} or re.search(r"\bplan|\bgraph|\bshape|\bcomput|\blinker", how):
        return COMPUTED
    return MEASURED


def percent(fraction: float) -> str:
    """0.9744 → «97.4 %»; never rounds what is below one to 100 %."""
    value = round(100.0 * fraction, 1)
    if value >= 100.0 and fraction < 1.0:
        value = 99.9
    return f"{value:.1f}\N{NO-BREAK SPACE}%"


def points(difference: float) -> str:
    """0.162 → «+16.2 points», with a real minus sign."""
    value = round(100.0 * difference, 1)
    sign = "+" if value > 0 else "\N{MINUS SIGN}" if value < 0 else "±"
    return f"{sign}{abs(value):.1f} points"


def deviation(fraction: float) -> str:
    """0.0123 → «+1.2 %», with a real minus sign."""
    value = round(100.0 * fraction, 1)
    sign = "+" if value > 0 else "\N{MINUS SIGN}" if value < 0 else "±"
    return f"{sign}{abs(value):.1f}\N{NO-BREAK SPACE}%"


def size(count: float) -> str:
    """41216 → «40.3 KB» (1 KB = 1,024 bytes)."""
    if count < 1024:
        return f"{count:,.0f}\N{NO-BREAK SPACE}B"
    if count < 1024 * 1024:
        return f"{_short(count / 1024)}\N{NO-BREAK SPACE}KB"
    return f"{_short(count / 1024 / 1024)}\N{NO-BREAK SPACE}MB"


def count(value: float) -> str:
    """1234567 → «1,234,567»."""
    return f"{value:,.0f}"


def compact(value: float) -> str:
    """1234567 → «1.23 M»."""
    for limit, letter in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if value >= limit:
            return (
                f"{value / limit:.3g}\N{NO-BREAK SPACE}{letter}"
                if value < 999.5 * limit
                else f"{value / limit:,.0f}\N{NO-BREAK SPACE}{letter}"
            )
    return f"{value:,.4g}"


def energy(nanojoules: float) -> str:
    """843.0 → «843 nJ», 12345 → «12.3 µJ»."""
    for limit, unit in ((1e6, "mJ"), (1e3, "µJ")):
        if nanojoules >= limit:
            return f"{nanojoules / limit:.3g}\N{NO-BREAK SPACE}{unit}"
    return f"{nanojoules:.3g}\N{NO-BREAK SPACE}nJ"


def seconds(value: float) -> str:
    """212.4 → «3 min 32 s»."""
    minutes, rest = divmod(round(value), 60)
    return f"{minutes} min {rest} s" if minutes else f"{value:.1f} s"


def clock(hertz: int) -> str:
    """168000000 → «168 MHz»."""
    return f"{hertz / 1e6:g}\N{NO-BREAK SPACE}MHz"


def amount(figure: Figure) -> str:
    """The value with its unit, without how it was had."""
    value, unit = figure.value, figure.unit
    if unit == "fraction":
        return percent(value)
    if unit in {"B", "bytes"}:
        return f"{value:,.0f}\N{NO-BREAK SPACE}B"
    if unit in _ENERGY:
        return energy(value * _ENERGY[unit])
    if unit in _COUNTS:
        return count(value)
    return f"{value:,.3g}\N{NO-BREAK SPACE}{unit}" if abs(value) < 999.5 else f"{value:,.0f}\N{NO-BREAK SPACE}{unit}"


def name(key: str) -> str:
    """instructions_per_teach_step → «Instructions per teach step»; modelled and unit endings go, they stand beside."""
    text = re.sub(r"_(model|nj|ms|bytes|j|w)(?=_|$)", "", key).replace("milliseconds", "time").replace("_", " ").replace(".", ", ").strip()
    return re.sub(
        r"\b(ram|macs?)\b",
        lambda found: found[0].upper().replace("MACS", "MACs"),
        text[:1].upper() + text[1:],
        flags=re.IGNORECASE,
    )


def shape(sides: Sequence[int]) -> str:
    """(1, 14, 14, 16) → «14 × 14 × 16»: without the batch of one."""
    return " × ".join(str(side) for side in (sides[1:] if len(sides) > 1 and sides[0] == 1 else sides))


def _short(value: float) -> str:
    return f"{value:.0f}" if value >= 100 or value == int(value) else f"{value:.1f}"
