# SPDX-License-Identifier: Apache-2.0
"""How a person is asked for something that only a person knows, such as a pairing code.

In: a question. Out: the answer. A program without a person at hand asks nobody, and whoever needs the answer refuses with a hint.
"""

from collections.abc import Callable
from contextvars import ContextVar

Asker = Callable[[str], str]

ASKER: ContextVar[Asker | None] = ContextVar("asker", default=None)
"""Asks the person at this program's terminal; None: nobody is there."""
