# SPDX-License-Identifier: Apache-2.0
"""Fixed-point constants against values worked out by hand and against what the mantissa and shift mean."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinytl.compiler.arithmetic.multipliers import (
    Multiplier,
    activation_range,
    add_multipliers,
    mean_multiplier,
    per_channel_multipliers,
    product_multiplier,
    quantize_multiplier,
    relu_multiplier,
    softmax_constants,
)
from tinytl.compiler.arithmetic.wide_multipliers import WideMultiplier, wide_multipliers
from tinytl.errors import CompileError

F = np.float32


@pytest.mark.parametrize(
    ("real", "value", "shift"),
    [
        (1.0, 1 << 30, 1),
        (0.5, 1 << 30, 0),
        (0.25, 1 << 30, -1),
        (0.75, 3 << 29, 0),
        (0.0, 0, 0),
        (1 - 2**-40, 1 << 30, 1),  # the mantissa rounds up to 2^31 and is halved
        (2**-31, 1 << 30, -30),
        (2**-32, 1 << 30, -31),
        (2**-33, 0, 0),  # too small: flushed to zero
    ],
)
def test_known_multipliers(real: float, value: int, shift: int) -> None:
    assert quantize_multiplier(real) == Multiplier(value, shift)


@given(st.floats(2**-31, 2**29))
def test_multiplier_means_its_factor(real: float) -> None:
    multiplier = quantize_multiplier(real)
    assert 1 << 30 <= multiplier.value < 1 << 31
    assert abs(multiplier.value * 2.0 ** (multiplier.shift - 31) / real - 1) <= 2**-31


@pytest.mark.parametrize("real", [float("nan"), float("inf"), -0.5])
def test_factor_that_is_no_scale_is_refused(real: float) -> None:
    with pytest.raises(CompileError, match=rf"^a rescaling factor is {real}; expected a finite number ≥ 0$"):
        quantize_multiplier(real)


def test_factor_that_is_too_large_is_refused() -> None:
    with pytest.raises(CompileError, match=r"^a rescaling factor is 2\.14748e\+09; expected less than 2\^30: scales of one"):
        quantize_multiplier(2.0**31)


def test_dead_channel_gets_zero() -> None:
    assert per_channel_multipliers(F(0.1), (F(0.0), F(0.2)), F(0.1), 2)[0] == Multiplier(0, 0)


def test_one_weight_scale_is_repeated() -> None:
    assert len(set(per_channel_multipliers(F(0.1), (F(0.3),), F(0.7), 4))) == 1
    assert len(per_channel_multipliers(F(0.1), (F(0.3),), F(0.7), 4)) == 4


def test_widths_of_products_are_those_of_tflite() -> None:
    """Where the float product rounds, the two ways differ, and each operator has its own."""
    a, b, out = F(0.1), F(0.3), F(0.7)
    double, single = float(a) * float(b) / float(out), float(F(F(a * b) / out))
    assert quantize_multiplier(double) != quantize_multiplier(single)
    assert per_channel_multipliers(a, (b,), out, 1) == [quantize_multiplier(double)]
    assert product_multiplier(a, b, out) == quantize_multiplier(single)
    assert relu_multiplier(a, b) == quantize_multiplier(float(F(a / b)))


def test_add_brings_both_to_twice_the_larger_scale() -> None:
    constants = add_multipliers(F(0.5), F(0.25), F(0.5))
    assert constants.a == quantize_multiplier(0.5)
    assert constants.b == quantize_multiplier(0.25)
    assert constants.output == quantize_multiplier(2.0 / 2**20)


def test_add_with_a_vanishing_output_scale_is_refused() -> None:
    with pytest.raises(CompileError, match=r"^the output scale 1e-07 of a sum or difference is 500,000 times smaller than its inputs'$"):
        add_multipliers(F(0.5), F(0.5), F(1e-7))


@given(st.integers(1, 4096))
def test_mean_folds_the_count_in(count: int) -> None:
    multiplier = mean_multiplier(F(0.05), F(0.02), count)
    factor = float(F(0.05)) / float(F(0.02)) / count
    assert 1 << 29 < multiplier.value < 1 << 31
    assert multiplier.value * 2.0 ** (multiplier.shift - 31) == pytest.approx(factor, rel=2**-28)


def test_softmax_constants_of_a_common_scale() -> None:
    # beta × scale × 2^26 = 2^22, whose shift is 23; differences below −31 × 2^26 / 2^23 count nothing.
    constants = softmax_constants(1.0, F(1 / 16))
    assert (constants.input_multiplier, constants.input_left_shift, constants.diff_min) == (1 << 30, 23, -248)


def test_softmax_of_a_large_scale_is_capped() -> None:
    constants = softmax_constants(1.0, F(100.0))
    assert (constants.input_multiplier, constants.input_left_shift) == ((1 << 31) - 1, 31)


def test_softmax_of_a_beta_that_is_no_number_is_refused() -> None:
    with pytest.raises(CompileError, match=r"^a SOFTMAX's beta × input scale is nan; expected more than 2\^-26$"):
        softmax_constants(float("nan"), F(0.1))


def test_softmax_of_a_vanishing_scale_is_refused() -> None:
    with pytest.raises(CompileError, match=r"^a SOFTMAX's beta × input scale is 1e-08; expected more than 2\^-26$"):
        softmax_constants(1.0, F(1e-8))


@pytest.mark.parametrize(
    ("activation", "expected"),
    [("NONE", (-128, 127)), ("RELU", (-3, 127)), ("RELU6", (-3, 117)), ("RELU_N1_TO_1", (-23, 17))],
)
def test_activation_clamps_in_the_output_domain(activation: str, expected: tuple[int, int]) -> None:
    assert activation_range(activation, "int8", F(0.05), -3) == expected


def test_activation_bound_that_overflows_is_refused() -> None:
    with pytest.raises(CompileError, match=r"^an activation's bound 6 at scale 1e-30 does not fit 32 bits$"):
        activation_range("RELU6", "int8", F(1e-30), 0)


def test_activation_range_stays_in_the_type() -> None:
    assert activation_range("RELU6", "int8", F(0.001), 0) == (0, 127)
    assert activation_range("RELU6", "uint8", F(0.1), 10) == (10, 70)


def rescaled(total: int, multiplier: WideMultiplier) -> int:
    """What the kernel computes: the exact product, rounded once, ties away from zero."""
    bits = 62 - multiplier.shift
    magnitude = abs(total) * ((multiplier.high << 31) + multiplier.low)
    rounded = (magnitude + (1 << bits >> 1)) >> bits
    return -rounded if total < 0 else rounded


def in_double(total: int, factor: float) -> int:
    """What TFLite's reference computes: the double product, rounded, ties away from zero."""
    magnitude = float(abs(total)) * factor
    rounded = int(magnitude) + (magnitude % 1 >= 0.5)
    return -rounded if total < 0 else rounded


scales = st.sampled_from([0.25, 0.125, 0.75, 0.375, 1.5, 0.1, 0.3, 0.7]) | st.floats(2**-10, 2.0, width=32)


@given(scales, scales, scales, st.integers(-(2**20), 2**20), st.integers(0, 255), st.integers(-1, 1))
def test_wide_multiplier_equals_the_double_product(a: float, b: float, out: float, total: int, level: int, step: int) -> None:
    """At sums anywhere, and at those around every tie."""
    multiplier = wide_multipliers(F(a), (F(b),), F(out), 1)[0]
    factor = float(F(a)) * float(F(b)) / float(F(out))
    for chosen in (total, round((level + 0.5) / factor) + step):
        if abs(chosen * factor) < 256 and abs(chosen) < 2**31:
            assert rescaled(chosen, multiplier) == in_double(chosen, factor)


def test_product_that_double_rounds_onto_a_tie_counts_as_one() -> None:
    # double(1/6) lies below a sixth: three of them are below a half, but their double product is a half.
    plain = int(1 / 6 * 2**55) << 9
    assert 3 * plain < 1 << 63
    multiplier = wide_multipliers(F(0.25), (F(0.5),), F(0.75), 1)[0]
    assert (multiplier.high << 31) + multiplier.low > plain
    assert rescaled(3, multiplier) == in_double(3, 1 / 6) == 1


def test_wide_multipliers_repeat_one_scale_and_flush_what_is_tiny() -> None:
    assert len(wide_multipliers(F(0.1), (F(0.3),), F(0.7), 4)) == 4
    assert wide_multipliers(F(0.1), (F(0.0), F(1e-20)), F(0.1), 2) == [WideMultiplier(0, 0, 0)] * 2


def test_wide_factor_that_is_too_large_is_refused() -> None:
    with pytest.raises(CompileError, match=r"^a rescaling factor is 1e\+30; expected less than 2\^30: scales of one"):
        wide_multipliers(F(1e15), (F(1e15),), F(1.0), 1)
