# SPDX-License-Identifier: Apache-2.0
"""What a dataset may ask of this machine before anything is allocated for it: memory, and a number of classes."""

import os

from tinytl.errors import DataError

MOST_CLASSES = 65_535
"""A head counts its classes in 16 bits (SPEC.md section 2.5)."""
MEMORY_SHARE = 0.5
"""Of the machine's memory, for the samples of one dataset."""


def expect_memory(name: str, wanted_bytes: int) -> None:
    """Refuse samples that would not fit into memory.

    Args:
        name: of what holds them, for the error. wanted_bytes: of the samples once read.

    Raises:
        DataError: more than half of the machine's memory.
    """
    limit_bytes = int(MEMORY_SHARE * os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))
    if wanted_bytes > limit_bytes:
        raise DataError(
            f"{name} takes {wanted_bytes:,} bytes of memory once read",
            expected=f"at most {limit_bytes:,}, half of this machine's memory",
            hint="smaller or fewer samples; uint8 images take a quarter of float32 ones",
        )


def expect_classes(name: str, lowest: int, highest: int) -> None:
    """Refuse class numbers that are none.

    Args:
        name: of what holds the labels, for the error. lowest, highest: class number there.

    Raises:
        DataError: below 0, or so large that it can be no number of a class.
    """
    if lowest < 0 or highest >= MOST_CLASSES:
        raise DataError(
            f"{name} holds label {lowest if lowest < 0 else highest}",
            expected=f"class numbers from 0 to {MOST_CLASSES - 1}, without gaps",
            hint="number the classes 0, 1, 2 …, and give their names as `classes`",
        )
