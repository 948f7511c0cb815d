/* SPDX-License-Identifier: Apache-2.0
 * Softmax over the last dimension, of at most 4,096: input s8 → output s8 of its dims, scale 1/256 and zero point
 * −128, in the fixed-point arithmetic of TFLite's reference kernel (gemmlowp): exp by a degree-4 polynomial on
 * [−1/4, 0) and a barrel of constants, 1 / (1 + x) by three Newton-Raphson steps. Qm.n below: m integer bits,
 * n fractional bits, one sign bit. */
#include "kernels/arithmetic.h"
#include "kernels/checks/shape_checks.h"

enum {
    INPUT_MULTIPLIER, /* beta · scale of input, Q31, not negative */
    INPUT_LEFT_SHIFT, /* 0 … 31 */
    DIFF_MIN          /* ≤ 0: differences below that from the largest count as none */
};

enum { DIFF_FRACTION_BITS = 26, SUM_INTEGER_BITS = 12 };

static int32_t saturating_shift_left(int32_t x, int32_t exponent)
{
    const int64_t wide = (int64_t)x * ((int64_t)1 << exponent);
    return wide > INT32_MAX ? INT32_MAX : wide < INT32_MIN ? INT32_MIN : (int32_t)wide;
}

/* exp(a) for a in [−1/4, 0), Q0.31: Taylor around −1/8. */
static int32_t exp_on_quarter(int32_t a)
{
    const int32_t exp_minus_eighth = 1895147668, one_third = 715827883;
    const int32_t x = a + (1 << 28);
    const int32_t x2 = doubling_high_mul(x, x);
    const int32_t x3 = doubling_high_mul(x2, x);
    const int32_t x4 = doubling_high_mul(x2, x2);
    const int32_t tail = rounding_shift_right(doubling_high_mul(rounding_shift_right(x4, 2) + x3, one_third) + x2, 1);
    return saturating_shift_left(exp_minus_eighth + doubling_high_mul(exp_minus_eighth, x + tail), 0);
}

/* exp(a) for a ≤ 0, Q5.26 → Q0.31. */
static int32_t exp_on_negative(int32_t a)
{
    /* exp(−2^k), k = −2 … 4 */
    static const int32_t barrel[7] = {1672461947, 1302514674, 790015084, 290630308, 39332535, 720401, 242};
    const int32_t quarter = 1 << (DIFF_FRACTION_BITS - 2);
    const int32_t rest = (a & (quarter - 1)) - quarter;
    const int32_t whole = rest - a;
    int32_t result = exp_on_quarter(saturating_shift_left(rest, 5));
    for (int32_t k = 0; k < 7; k++)
        if (whole & (1 << (DIFF_FRACTION_BITS - 2 + k)))
            result = doubling_high_mul(result, barrel[k]);
    return a == 0 ? INT32_MAX : result;
}

/* 1 / (1 + x) for x in [0, 1), Q0.31. */
static int32_t reciprocal_of_one_plus(int32_t x)
{
    const int32_t c48_17 = 1515870810, c32_17 = -1010580540, one = 1 << 29; /* Q2.29 */
    const int32_t half = (int32_t)(((int64_t)x + INT32_MAX + 1) / 2);
    int32_t y = c48_17 + doubling_high_mul(half, c32_17);
    for (int step = 0; step < 3; step++)
        y += saturating_shift_left(doubling_high_mul(y, one - doubling_high_mul(half, y)), 2);
    return saturating_shift_left(y, 1);
}

static int32_t leading_zeros(uint32_t x)
{
    int32_t zeros = 0;
    for (; zeros < 32 && !(x & 0x80000000u); x <<= 1)
        zeros++;
    return zeros;
}

/* exp(input − largest), Q0.31. */
static int32_t exp_of(int32_t diff, const int32_t *p)
{
    return exp_on_negative(doubling_high_mul(shift_left(diff, p[INPUT_LEFT_SHIFT]), p[INPUT_MULTIPLIER]));
}

/* exp · scale / 2^exponent. The reference has no answer beyond 31 (it stops), but one is needed where 512 classes and
 * more share the probability: less than half a step each, which rounds to 0. */
static int32_t share_of(int32_t exponential, int32_t scale, int32_t exponent)
{
    return exponent > 31 ? 0 : rounding_shift_right(doubling_high_mul(scale, exponential), exponent);
}

static void softmax_row(const int8_t *input, int8_t *output, uint32_t depth, const int32_t *p)
{
    int32_t largest = INT8_MIN;
    uint32_t sum = 0; /* Q12.19; 4,096 ones just fit */
    for (uint32_t c = 0; c < depth; c++)
        largest = input[c] > largest ? input[c] : largest;
    for (uint32_t c = 0; c < depth; c++)
        if (input[c] - largest >= p[DIFF_MIN])
            sum += (uint32_t)rounding_shift_right(exp_of(input[c] - largest, p), SUM_INTEGER_BITS);
    const int32_t headroom = leading_zeros(sum);
    const int32_t exponent = SUM_INTEGER_BITS - headroom + 31 - 8;
    const int32_t scale = reciprocal_of_one_plus((int32_t)((sum << headroom) - 0x80000000u));
    for (uint32_t c = 0; c < depth; c++) {
        const int32_t diff = input[c] - largest;
        const int32_t share = diff >= p[DIFF_MIN] ? share_of(exp_of(diff, p), scale, exponent) : 0;
        output[c] = (int8_t)clamp(share + INT8_MIN, INT8_MIN, INT8_MAX);
    }
}

int tinytl_rule_softmax(const tinytl_call *call)
{
    const int32_t *p = call->params;
    return counts(call, 1) && s8_to_s8(call) && same_dims(call_input(call, 0), call_output(call)) &&
           tensor_last_dim(call_input(call, 0)) <= 4096 && p[INPUT_MULTIPLIER] >= 0 &&
           in_range(p[INPUT_LEFT_SHIFT], 0, 31) && in_range(p[DIFF_MIN], INT32_MIN, 0);
}

void tinytl_softmax(const tinytl_call *call)
{
    const uint32_t depth = tensor_last_dim(call_input(call, 0));
    const uint32_t rows = tensor_elements(call_input(call, 0)) / depth;
    const int8_t *input = call_input_data(call, 0);
    int8_t *output = call_output_data(call);

    for (uint32_t row = 0; row < rows; row++)
        softmax_row(input + row * depth, output + row * depth, depth, call->params);
}
