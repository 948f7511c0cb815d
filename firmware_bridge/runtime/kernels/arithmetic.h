/* SPDX-License-Identifier: Apache-2.0
 * The fixed-point arithmetic of TFLite's reference kernels, written from its definition (gemmlowp's rounding
 * doubling high multiplication and rounding division by a power of two). Every result equals the reference's for all
 * inputs in the range named. */
#ifndef TINYTL_KERNELS_ARITHMETIC_H
#define TINYTL_KERNELS_ARITHMETIC_H

#include <stdint.h>

/* round(a · b / 2^31), ties up; a and b are not both INT32_MIN. With the reference's signed nudge and truncating
 * division that is floor((a · b + 2^30) / 2^31) for both signs. */
static inline int32_t doubling_high_mul(int32_t a, int32_t b)
{
    return (int32_t)(((int64_t)a * b + ((int64_t)1 << 30)) >> 31);
}

/* round(x / 2^exponent), ties away from zero; x > INT32_MIN, exponent 0 … 31. Below zero that is
 * floor((x − 1 + half) / 2^exponent); the last bit is shifted out apart, so that adding the half cannot overflow. */
static inline int32_t rounding_shift_right(int32_t x, int32_t exponent)
{
    if (exponent == 0)
        return x;
    const int32_t doubled = (x + (x >> 31)) >> (exponent - 1);
    return (doubled >> 1) + (doubled & 1);
}

/* x · 2^exponent, wrapping as two's complement does; exponent 0 … 31. */
static inline int32_t shift_left(int32_t x, int32_t exponent)
{
    return (int32_t)((uint32_t)x << exponent);
}

/* x · multiplier · 2^(shift − 31), rounded twice as the reference does; multiplier ≥ 0, shift −31 … 31. */
static inline int32_t multiply_by_quantized_multiplier(int32_t x, int32_t multiplier, int32_t shift)
{
    const int32_t high = doubling_high_mul(shift > 0 ? shift_left(x, shift) : x, multiplier);
    return shift < 0 ? rounding_shift_right(high, -shift) : high;
}

/* x · (high + low / 2^31) · 2^(shift − 31), the exact product rounded once, ties away from zero, saturated
 * at ± 2^30; high and low are not negative, shift −31 … 31. With |x| · low split at bit 31, what is cut off cannot
 * carry into the rounding. */
static inline int32_t multiply_by_wide_multiplier(int32_t x, int32_t high, int32_t low, int32_t shift)
{
    const int32_t bits = 31 - shift, limit = 1 << 30;
    const uint64_t magnitude = x < 0 ? (uint64_t)0 - (uint64_t)(int64_t)x : (uint64_t)x;
    const uint64_t product = magnitude * (uint32_t)high + ((magnitude * (uint32_t)low) >> 31);
    const uint64_t half = bits > 0 ? (uint64_t)1 << (bits - 1) : 0;
    const uint64_t rounded = (product + half) >> bits;
    const int32_t result = rounded > (uint64_t)limit ? limit : (int32_t)rounded;
    return x < 0 ? -result : result;
}

static inline int32_t clamp(int32_t x, int32_t low, int32_t high)
{
    return x < low ? low : x > high ? high : x;
}

/* clamp(x + zero_point, low, high) for any x: limited first, so that the sum cannot overflow. */
static inline int32_t clamp_from(int32_t x, int32_t zero_point, int32_t low, int32_t high)
{
    return clamp(x, low - zero_point, high - zero_point) + zero_point;
}

#endif
