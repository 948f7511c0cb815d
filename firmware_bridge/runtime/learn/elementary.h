/* SPDX-License-Identifier: Apache-2.0
 *
 * exp, log, cos, square root and the bits of a float, without libm: the same bits everywhere.
 */
#ifndef TINYTL_LEARN_ELEMENTARY_H
#define TINYTL_LEARN_ELEMENTARY_H

#include <stdint.h>
#include <string.h>

/* e^x for x ≤ 0. Relative error below 1.0e-7 for x > -86; 0 from there down (true value < 5e-38) and for NaN. */
float tinytl_exp_f32(float x);

/* Natural logarithm of a normal x > 0. Absolute error below 6e-8 + 1e-7 × |log x|. */
float tinytl_log_f32(float x);

/* cos πx for x in [0, 1], within 1e-6. */
float tinytl_cos_pi_f32(float x);

/* √x of a finite x ≥ 0. Relative error below 2e-7 for normal x; 0 for 0. */
float tinytl_sqrt_f32(float x);

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

#define TINYTL_MAGNITUDE_INFINITE 0x7F800000u

/* |value| as bits: ordered like |value|, and at least TINYTL_MAGNITUDE_INFINITE for infinities and NaN. */
static inline uint32_t tinytl_magnitude(float value)
{
    return tinytl_float_bits(value) & 0x7FFFFFFFu;
}

#endif
