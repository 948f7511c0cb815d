# SPDX-License-Identifier: Apache-2.0
"""Rows of a sweep with known figures."""

from typing import Any

from tinytl_bench.sweep.preparing import Costs
from tinytl_bench.sweep.results import Row


def known_costs(*, arena: int = 20_000, energy: float = 1000.0, **more: Any) -> Costs:
    return Costs(68, 10_368, 1_640_000, 64, 0.2048, 700.0, energy, arena, 12_800, 99_000, **more)


def known_row(plan: str = "fc", *, accuracy: float = 0.9, weights: str = "float32", place: str = "twin", **costs: Any) -> Row:
    return Row(place, plan, weights, 0.01, 3, accuracy, 0.012, 0.3, 0.89, 0.88, 0.31, 0.87, 0.5, -0.021, 1.25, known_costs(**costs))
