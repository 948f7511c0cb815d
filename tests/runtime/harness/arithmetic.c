/* SPDX-License-Identifier: Apache-2.0
 * The inline arithmetic of the kernels as functions that a test can call. */
#include "kernels/arithmetic.h"
#include "kernels/window.h"

int32_t test_doubling_high_mul(int32_t a, int32_t b);
int32_t test_rounding_shift_right(int32_t x, int32_t exponent);
int32_t test_multiply(int32_t x, int32_t multiplier, int32_t shift);
int32_t test_multiply_wide(int32_t x, int32_t high, int32_t low, int32_t shift);
int32_t test_clamp_from(int32_t x, int32_t zero_point, int32_t low, int32_t high);
void test_window_clip(int32_t origin, int32_t dilation, int32_t taps, int32_t side, int32_t found[3]);

int32_t test_doubling_high_mul(int32_t a, int32_t b)
{
    return doubling_high_mul(a, b);
}

int32_t test_rounding_shift_right(int32_t x, int32_t exponent)
{
    return rounding_shift_right(x, exponent);
}

int32_t test_multiply(int32_t x, int32_t multiplier, int32_t shift)
{
    return multiply_by_quantized_multiplier(x, multiplier, shift);
}

int32_t test_multiply_wide(int32_t x, int32_t high, int32_t low, int32_t shift)
{
    return multiply_by_wide_multiplier(x, high, low, shift);
}

int32_t test_clamp_from(int32_t x, int32_t zero_point, int32_t low, int32_t high)
{
    return clamp_from(x, zero_point, low, high);
}

void test_window_clip(int32_t origin, int32_t dilation, int32_t taps, int32_t side, int32_t found[3])
{
    const window clipped = window_clip(origin, dilation, taps, side);
    found[0] = clipped.first;
    found[1] = clipped.last;
    found[2] = clipped.origin;
}
