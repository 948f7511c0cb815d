# SPDX-License-Identifier: Apache-2.0
"""Whether this processor has what the runtime was compiled for: a wheel for 32-bit Arm uses NEON and VFPv4, which an older one lacks.

In: the twin's shared library. Out: nothing, or a refusal instead of an illegal instruction in the middle of a step.
"""

import ctypes

from tinytl.errors import BuildError

NAMES = {1 << 12: "NEON", 1 << 16: "VFPv4"}
"""Bit of Linux' AT_HWCAP on 32-bit Arm → name."""
_AT_HWCAP = 16


def expect_processor(library: ctypes.CDLL) -> None:
    """Ask the library what it was compiled for, and Linux what the processor has.

    Args:
        library: the twin's.

    Raises:
        BuildError: the processor lacks some of it.
    """
    needed = library.tinytl_twin_processor_needs
    needed.restype = ctypes.c_uint32
    if needs := needed():
        features = ctypes.CDLL(None).getauxval
        features.restype, features.argtypes = ctypes.c_ulong, [ctypes.c_ulong]
        expect_features(needs, features(_AT_HWCAP))


def expect_features(needs: int, has: int) -> None:
    """Compare two sets of bits of AT_HWCAP.

    Args:
        needs: of the library. has: of the processor.

    Raises:
        BuildError: a bit of `needs` is missing, by its name.
    """
    if missing := [name for bit, name in NAMES.items() if needs & ~has & bit]:
        raise BuildError(
            f"this processor has no {' and no '.join(missing)}, which the runtime of this wheel was compiled for",
            expected="a Raspberry Pi 2 or newer",
            hint="elsewhere compile it there: pip install --force-reinstall --no-deps --no-binary tinytl tinytl (needs a C compiler)",
        )
