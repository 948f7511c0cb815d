# SPDX-License-Identifier: Apache-2.0
"""The runtime's statuses by name and in words, read from their one list, `runtime/include/tinytl_status.def`.

In: a status's number and its two numbers. Out: its name or text. No library is loaded for it.
"""

from functools import cache

from tinytl.runtime_lists import rows


@cache
def _rows() -> tuple[tuple[str, ...], ...]:
    return tuple((name, text) for _, name, text in rows("include/tinytl_status.def"))


def status_names() -> tuple[str, ...]:
    """Return the names of all statuses, in order: a status's number is its place."""
    return tuple(name for name, _ in _rows())


def status_name(status: int) -> str:
    """Return a status's name; of a number beyond the list, which newer firmware may send, `status N`."""
    names = status_names()
    return names[status] if status < len(names) else f"status {status}"


def status_text(status: int, got: int = 0, expected: int = 0) -> str:
    """Return the text of a status with its numbers in place.

    Args:
        status: its number, 0 or more. got, expected: the two numbers that come with it.
    """
    text = _rows()[status][1] if status < len(_rows()) else "unknown status"
    return text.replace("%1", f"{got:,}").replace("%2", f"{expected:,}")
