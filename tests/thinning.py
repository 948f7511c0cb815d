# SPDX-License-Identifier: Apache-2.0
"""Cases of one kind, thinned for every day: some of them are run, the others are long tests."""

from collections.abc import Iterable
from typing import Any

import pytest


def thinned(cases: Iterable[Any], *, every: int, names: int = 1) -> list[Any]:
    """Return the cases as parameters of which the first and then every n-th is for every day.

    Args:
        cases: one value each, or a tuple of several. every: 2 or more. names: how many arguments a case has.
    """
    return [
        pytest.param(*(case if names > 1 else (case,)), marks=() if number % every == 0 else pytest.mark.long)
        for number, case in enumerate(cases)
    ]
