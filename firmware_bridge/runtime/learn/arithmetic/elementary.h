/* SPDX-License-Identifier: Apache-2.0
 *
 * exp, log, cos, square root and the bits of a float, without libm: the same bits everywhere.
 */
#ifndef TINYTL_LEARN_ELEMENTARY_H
#define TINYTL_LEARN_ELEMENTARY_H

#include <stdint.h>
#include <string.h>

#include "learn/arithmetic/fused.h"

/* e^x for x ≤ 0. Relative error below 1.0e-7 for x > -86; 0 from there down (true value < 5e-38) and for NaN. */
float tinytl_exp_f32(float x);

/* Natural logarithm of a normal x > 0. Absolute error below 6e-8 + 1e-7 × |log x|. */
float tinytl_log_f32(float x);

/* cos πx for x in [0, 1], within 1e-6. */
float tinytl_cos_pi_f32(float x);

/* √x of a finite x ≥ 0. Relative error below 2e-7 for normal x; 0 for 0. */
float tinytl_sqrt_f32(float x);

/* base^exponent for a base in [0, 1], by squaring from the lowest bit up. */
float tinytl_power_f32(float base, uint32_t exponent);

static inline uint32_t tinytl_float_bits(float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

static inline float tinytl_float_of_bits(uint32_t bits)
{
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

/* ln 2 in two parts: the first has 11 trailing zero bits, so that its product with an exponent is exact. */
#define TINYTL_LN2_HIGH 0.693115234375f
#define TINYTL_LN2_LOW 0.0000319461833f
#define TINYTL_LOG2_E 1.44269504f

/* tinytl_exp_f32 in place, for loops. e^x = 2^n · e^r with n the integer nearest x / ln 2 and |r| ≤ 0.348;
 * e^r ≈ 1 + r + r² q(r), q of degree 4 fitted to the smallest largest relative error (3.2e-9). n ≥ -124 for x > -86:
 * the result is a normal number. */
static inline float tinytl_exp_here(float x)
{
    int32_t exponent;
    float n, r, q;
    if (!(x > -86.0f))
        return 0.0f;
    /* truncation of a negative number minus a half: the nearest */
    exponent = (int32_t)TINYTL_FUSED(x, TINYTL_LOG2_E, -0.5f);
    n = (float)exponent;
    r = TINYTL_FUSED(n, -TINYTL_LN2_HIGH, x);
    r = TINYTL_FUSED(n, -TINYTL_LN2_LOW, r);
    q = TINYTL_FUSED(0.00138138f, r, 0.0083691f);
    q = TINYTL_FUSED(q, r, 0.04166843f);
    q = TINYTL_FUSED(q, r, 0.16666517f);
    q = TINYTL_FUSED(q, r, 0.49999993f);
    r = TINYTL_FUSED(r * r, q, r) + 1.0f;
    return r * tinytl_float_of_bits((uint32_t)(exponent + 127) << 23);
}

#define TINYTL_MAGNITUDE_INFINITE 0x7F800000u

/* |value| as bits: ordered like |value|, and at least TINYTL_MAGNITUDE_INFINITE for infinities and NaN. */
static inline uint32_t tinytl_magnitude(float value)
{
    return tinytl_float_bits(value) & 0x7FFFFFFFu;
}

#endif
