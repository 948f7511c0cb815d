# SPDX-License-Identifier: Apache-2.0
"""The fixed-point arithmetic of the kernels: known answers, and equality with its definition in exact integers.

The definition is gemmlowp's, as TFLite's reference kernels use it: a rounding doubling high multiplication whose nudge has the
product's sign and whose division truncates, then a division by a power of two that rounds ties away from zero.
"""

import ctypes
from fractions import Fraction
from itertools import product

import numpy as np
import pytest
from building import HARNESS, STRICT, compile_c

LOW, HIGH = -(2**31), 2**31 - 1
EDGES = (0, 1, -1, 2, -2, 3, -3, 127, -128, 2**20 + 1, -(2**20) - 1, 2**30 - 1, 2**30, -(2**30), 2**30 + 1, HIGH - 1, HIGH, LOW + 1, LOW)


@pytest.fixture(scope="module")
def arithmetic(tmp_path_factory: pytest.TempPathFactory) -> ctypes.CDLL:
    path = tmp_path_factory.mktemp("arithmetic") / "arithmetic.so"
    return ctypes.CDLL(str(compile_c(path, [HARNESS / "arithmetic.c"], *STRICT, "-O2", "-shared", "-fPIC")))


def doubling_high_mul(a: int, b: int) -> int:
    exact = a * b
    nudged = exact + (2**30 if exact >= 0 else 1 - 2**30)
    return nudged // 2**31 if nudged >= 0 else -(-nudged // 2**31)


def rounded_away(value: Fraction) -> int:
    """Round to an integer, ties away from zero."""
    magnitude = int(abs(value) + Fraction(1, 2))
    return magnitude if value >= 0 else -magnitude


def wrapped(value: int) -> int:
    return (value - LOW) % 2**32 + LOW


def drawn(count: int, seed: int) -> list[int]:
    """Numbers of every size and both signs, with the edges."""
    random = np.random.default_rng(seed)
    sizes = random.integers(0, 32, count)
    return [*EDGES, *(int(value) >> int(size) for value, size in zip(random.integers(LOW, HIGH + 1, count), sizes, strict=True))]


@pytest.mark.parametrize(
    ("x", "multiplier", "shift", "expected"),
    [
        (1000, 2**30, 0, 500),
        (-1000, 2**30, 0, -500),
        (3, 2**30, 0, 2),  # 1.5: up
        (-3, 2**30, 0, -1),  # −1.5: the first rounding takes ties up …
        (6, 2**30, -1, 2),  # 3 / 2: the second takes ties away from zero
        (-6, 2**30, -1, -2),
        (5, 2**30, -1, 2),  # 2.5 → 3 → 1.5 → 2: rounded twice, where 1.25 rounded once is 1
        (7, 2**30, 4, 56),
        (HIGH, 1 << 30, 1, -1),  # shifted to the left before, out of range: it wraps, as in the reference
        (12345678, 1518500250, -9, 17050),
        (77, 0, 0, 0),
    ],
)
def test_known_answers(arithmetic: ctypes.CDLL, x: int, multiplier: int, shift: int, expected: int) -> None:
    assert arithmetic.test_multiply(x, multiplier, shift) == expected


def test_high_multiplication_is_that_of_the_reference(arithmetic: ctypes.CDLL) -> None:
    values = drawn(60, 1)
    for a, b in product(values, values):
        if (a, b) != (LOW, LOW):
            assert arithmetic.test_doubling_high_mul(a, b) == doubling_high_mul(a, b), (a, b)


def test_shift_rounds_ties_away_from_zero(arithmetic: ctypes.CDLL) -> None:
    for x, exponent in product(drawn(120, 2), range(32)):
        if x != LOW:
            assert arithmetic.test_rounding_shift_right(x, exponent) == rounded_away(Fraction(x, 2**exponent)), (x, exponent)


def test_rescaling_rounds_twice(arithmetic: ctypes.CDLL) -> None:
    multipliers = [0, 1, 2**30, 2**30 + 1, 1518500250, HIGH]
    for x, multiplier, shift in product(drawn(60, 3), multipliers, range(-31, 32)):
        high = doubling_high_mul(wrapped(x << max(shift, 0)), multiplier)
        assert arithmetic.test_multiply(x, multiplier, shift) == rounded_away(Fraction(high, 2 ** max(-shift, 0))), (x, multiplier, shift)


def test_wide_rescaling_rounds_once_and_saturates(arithmetic: ctypes.CDLL) -> None:
    words = [(2**30, 0), (2**30, 1), (2**30, HIGH), (HIGH, HIGH), (1518500250, 1977789), (0, 0), (1431655765, 1431655765)]
    for x, (high, low), shift in product(drawn(60, 4), words, range(-31, 32)):
        exact = x * (high + Fraction(low, 2**31)) * Fraction(2) ** (shift - 31)
        expected = max(-(2**30), min(2**30, rounded_away(exact)))
        assert arithmetic.test_multiply_wide(x, high, low, shift) == expected, (x, high, low, shift)


def test_clamp_around_a_zero_point_never_overflows(arithmetic: ctypes.CDLL) -> None:
    for x, zero_point, (low, high) in product(EDGES, (-128, -1, 0, 7, 127), ((-128, 127), (-128, -128), (5, 90))):
        assert arithmetic.test_clamp_from(x, zero_point, low, high) == max(low, min(high, x + zero_point))


def test_window_keeps_the_taps_inside(arithmetic: ctypes.CDLL) -> None:
    found = (ctypes.c_int32 * 3)()
    for origin, dilation, taps, side in product(range(-7, 9), (1, 2, 5), (1, 2, 3, 4), (1, 2, 7)):
        inside = [tap for tap in range(taps) if 0 <= origin + tap * dilation < side]
        arithmetic.test_window_clip(origin, dilation, taps, side, found)
        assert list(range(found[0], found[1])) == inside
        assert not inside or found[2] == origin
