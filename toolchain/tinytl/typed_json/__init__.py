# SPDX-License-Identifier: Apache-2.0
"""Typed data to JSON and back: `decode` reads plain values, `convert` checks them against a class, `to_plain` goes back."""

from tinytl.typed_json.checking import Bounds, FieldError, convert
from tinytl.typed_json.reading import decode
from tinytl.typed_json.writing import to_plain

__all__ = ["Bounds", "FieldError", "convert", "decode", "to_plain"]
