# SPDX-License-Identifier: Apache-2.0
"""The one shape of progress reports: long steps call it, the command line draws it."""

from collections.abc import Callable
from contextvars import ContextVar
from typing import Protocol, runtime_checkable

Progress = Callable[[str, int, int], None]
"""Called with (stage text, done, total); done ≤ total, both in the stage's own unit; total 0: nobody knows how many come."""


@runtime_checkable
class Paced(Protocol):
    """A `Progress` that says when it would show something: never where nobody looks, else a few times a second."""

    def is_due(self) -> bool:
        """Tell whether a report made now would be shown."""


def silent(stage: str, done: int, total: int) -> None:
    """Report nothing. Args: as `Progress`."""


def is_due(progress: Progress) -> bool:
    """Tell whether it is worth making a text for a report: not for `silent`, nor between two that a `Paced` one shows."""
    return progress.is_due() if isinstance(progress, Paced) else progress is not silent


REPORTER: ContextVar[Progress] = ContextVar("reporter", default=silent)
"""Who hears of long steps that nobody asked for, such as setting an emulator up; the command line sets it."""
