# SPDX-License-Identifier: Apache-2.0
"""Dataclasses as plain values for `json.dump`: what `convert` takes back."""

import base64
from collections.abc import Mapping
from dataclasses import is_dataclass
from typing import Any

from tinytl.typed_json.checking import fields_of


def to_plain(value: Any) -> Any:
    """Return data as plain values for `json.dump`: classes as dicts in the order of their fields, tuples as lists, bytes as base64.

    Args:
        value: what `convert` returns, or plain values.

    Raises:
        TypeError: what JSON has no form for, with the type's name.
    """
    if value is None or isinstance(value, str | int | float):
        return value
    if isinstance(value, bytes):
        return base64.b64encode(value).decode("ascii")
    if isinstance(value, Mapping):
        return {key: to_plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [to_plain(item) for item in value]
    if is_dataclass(value) and not isinstance(value, type):
        return {key: to_plain(getattr(value, name)) for name, key, _, _ in fields_of(type(value))}
    if hasattr(value, "tolist"):  # a NumPy scalar or array
        return value.tolist()
    raise TypeError(type(value).__name__)
