# SPDX-License-Identifier: Apache-2.0
"""The runtime's own lists, its `.def` files, as rows: what C includes, Python reads.

In: a list's place below `runtime/` and its macro. Out: each row's arguments as texts. So a number or a text stands in one place.
"""

import re

from tinytl_bridge.paths import runtime_dir

_ARGUMENT = re.compile(r'"((?:[^"\\]|\\.)*)"|([^,\s][^,]*)')


def read_rows(path: str, macro: str) -> tuple[tuple[str, ...], ...]:
    """Return the arguments of each line `MACRO(…)`, in order; quoted ones without their quotes.

    Args:
        path: of the list, below the folder of the runtime. macro: the name that its lines begin with.

    Raises:
        BuildError: the runtime's sources are not installed.
    """
    text = (runtime_dir() / path).read_text(encoding="utf-8")
    lines = re.findall(rf"^{macro}\((.*)\)$", text, flags=re.MULTILINE)
    return tuple(tuple(found[1] or found[2].strip() for found in _ARGUMENT.finditer(line)) for line in lines)
