# SPDX-License-Identifier: Apache-2.0
"""The one list of TFLite operators that the compiler takes; each module holds the rules of one family.

Adding an operator: CONTRIBUTING.md, «A new operator». In Python that is its rule in a family here, and its tests.
"""

from tinytl.compiler.operators import (
    activation,
    arithmetic,
    batch_space,
    convolution,
    fully_connected,
    lstm,
    movement,
    pooling,
    precision,
    reduction,
    resizing,
    shape_arithmetic,
    slicing,
    transpose_conv,
)
from tinytl.compiler.operators.rule import Rule

_FAMILIES = (
    *(convolution, fully_connected, pooling, arithmetic, activation),
    *(reduction, movement, precision, shape_arithmetic, slicing, resizing, transpose_conv),
    *(batch_space, lstm),
)

RULES: dict[str, Rule] = {rule.operator: rule for family in _FAMILIES for rule in family.RULES}
"""TFLite's name → rule."""


def supported_list() -> str:
    """Return the names with their largest versions, as refusals print them."""
    return ", ".join(f"{rule.operator} ≤ {rule.versions}" for _, rule in sorted(RULES.items()))
