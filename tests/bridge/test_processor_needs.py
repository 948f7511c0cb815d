# SPDX-License-Identifier: Apache-2.0
"""A runtime that was compiled for more than the processor has is refused by the name of what is missing."""

import pytest

from tinytl.errors import BuildError
from tinytl_bridge.processor_needs import expect_features, expect_processor
from tinytl_bridge.twin import library

NEON, VFPV4, OTHER = 1 << 12, 1 << 16, 1 << 3


def test_this_processor_has_what_its_own_library_needs() -> None:
    expect_processor(library())


def test_a_processor_with_more_than_is_needed_is_taken() -> None:
    expect_features(NEON | VFPV4, NEON | VFPV4 | OTHER)
    expect_features(0, 0)


@pytest.mark.parametrize(("has", "missing"), [(OTHER, "no NEON and no VFPv4"), (NEON, "no VFPv4"), (VFPV4, "no NEON")])
def test_what_is_missing_is_named(has: int, missing: str) -> None:
    with pytest.raises(
        BuildError, match=f"this processor has {missing}, which the runtime of this wheel was compiled for; expected a Rasp"
    ):
        expect_features(NEON | VFPV4, has)
