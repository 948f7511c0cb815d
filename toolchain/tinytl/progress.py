# SPDX-License-Identifier: Apache-2.0
"""The one shape of progress reports: long steps call it, the command line draws it."""

from collections.abc import Callable

Progress = Callable[[str, int, int], None]
"""Called with (stage text, done, total); done ≤ total, both in the stage's own unit."""


def silent(stage: str, done: int, total: int) -> None:
    """Report nothing."""
