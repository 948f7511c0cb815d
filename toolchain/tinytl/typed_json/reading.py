# SPDX-License-Identifier: Apache-2.0
"""JSON that may come from anywhere, as plain values.

In: bytes or text. Out: dicts, lists, texts, numbers. Stricter than Python's own reader: what another reader would refuse is refused here.
"""

import json
import math
import re
from typing import Any

_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")


def decode(document: bytes | str) -> Any:
    """Parse JSON as RFC 8259 has it: UTF-8, no NaN, nothing beyond a float's range, no half of a surrogate pair.

    Args:
        document: the bytes of a file, or its text.

    Returns:
        plain values.

    Raises:
        ValueError: what is no such JSON, with the place.
    """
    text = document if isinstance(document, str) else document.decode("utf-8")
    try:
        values = json.loads(text, parse_constant=_refuse_constant, parse_float=_finite)
    except RecursionError:
        raise ValueError("nested too deeply") from None
    if _SURROGATE.search(text):
        json.dumps(values, ensure_ascii=False).encode()
    return values


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is no JSON")


def _finite(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        raise ValueError(f"{text} is out of range")
    return number
