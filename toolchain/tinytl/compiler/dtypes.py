# SPDX-License-Identifier: Apache-2.0
"""The types of tensors, one table: how many bytes an element takes, its number in an image (SPEC.md section 2.2), its type in C."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Dtype:
    """One type of tensor elements.

    Attributes:
        name: as NumPy calls it.
        element_bytes: of one element.
        number: in the records of an image; None where only the compiler meets the type.
        c_type: in C.
    """

    name: str
    element_bytes: int
    number: int | None
    c_type: str


DTYPES = (
    Dtype("int8", 1, 1, "int8_t"),
    Dtype("uint8", 1, 2, "uint8_t"),
    Dtype("int16", 2, 3, "int16_t"),
    Dtype("int32", 4, 4, "int32_t"),
    Dtype("int64", 8, None, "int64_t"),
    Dtype("float32", 4, 5, "float"),
)
ELEMENT_BYTES = {dtype.name: dtype.element_bytes for dtype in DTYPES}
"""Name → bytes of an element."""
DTYPE_NUMBERS = {dtype.name: dtype.number for dtype in DTYPES if dtype.number is not None}
"""Name → number in an image."""
DTYPE_NAMES = {number: name for name, number in DTYPE_NUMBERS.items()}
"""Number in an image → name."""
C_TYPES = {dtype.name: dtype.c_type for dtype in DTYPES}
"""Name → type in C."""
