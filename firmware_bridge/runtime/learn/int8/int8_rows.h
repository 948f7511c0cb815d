/* SPDX-License-Identifier: Apache-2.0
 *
 * The loops that a step of a layer with int8 weights spends its time in: products of 16-bit numbers in sums of 32 bits,
 * which none overflows (int8_layer.h), so that every order gives the same. Included by the files int8_*.c alone.
 *
 * «Dealt»: of each four numbers first 0 and 2, then 1 and 3, as SXTB16 takes bytes out of a word.
 *
 *     dot_one     Σ row[i] x[i]; count: a multiple of 8, above 0, as everywhere here; x: dealt
 *     dot_four    sums[w] = Σ row[i] x of window w[i]; x: for each four numbers those of window 0,
 *                 dealt, of window 1, …
 *     sum_tile    sums[4 r + lane] = Σ over pixels of e[r] x[lane]; pixels: a multiple of 4, above 0. x: for each two
 *                 pixels four lanes of two numbers; e: for each two pixels two rows of two numbers
 *     deal_four   four bytes - zero_point, dealt
 *     lane_four   four bytes - zero_point of a pixel: to[0], to[2], to[4], to[6]
 *     move_four   move_each
 *     move_input  the same with four dealt 16-bit numbers for sums
 */
#ifndef TINYTL_LEARN_INT8_ROWS_H
#define TINYTL_LEARN_INT8_ROWS_H

#include <stdint.h>

#include "learn/arithmetic/elementary.h"

#define INT8_UNIT 1048576 /* 2^20 steps of a rounding are 1 */
#define INT8_MOST 268435456 /* 2^28: more than a weight's whole range */
/* A float factor as mantissa × 2^-shift: |mantissa| < 2^31, shift 0 or more. Products are below 2^63: beyond it
 * all shifts are alike. */
typedef struct int8_factor {
    int32_t mantissa;
    int32_t shift;
} int8_factor;

#define INT8_CHANCE_FACTOR 1664525u
#define INT8_CHANCE_STEP 1013904223u

/* Four weights of one word: weight × keep + sum × factor + chance, in steps of 2^-20, rounded down. */
static inline void move_each(int8_t *weights, const int32_t *sums, int8_factor factor, int32_t keep, uint32_t chance)
{
    for (uint32_t k = 0; k < 4; k++) {
        int64_t move = (int64_t)sums[k] * factor.mantissa >> (factor.shift < 63 ? factor.shift : 63);
        int32_t steps = move >= INT8_MOST ? INT8_MOST - 1 : move < -INT8_MOST ? -INT8_MOST : (int32_t)move;
        chance = chance * INT8_CHANCE_FACTOR + INT8_CHANCE_STEP;
        steps = (weights[k] * keep + steps + (int32_t)(chance >> 12)) >> 20;
        weights[k] = (int8_t)(steps > 127 ? 127 : steps < -128 ? -128 : steps);
    }
}

#if defined(__ARM_FEATURE_DSP) && defined(__thumb2__) && defined(__GNUC__) && !defined(__clang__)
#include "learn/int8/int8_rows_dsp.h"
#else
#include "learn/int8/int8_rows_portable.h"
#endif

/* Truncated and saturated, as VCVT and SSAT do it. */
static inline int16_t to_int16(float value)
{
#if defined(__ARM_FEATURE_DSP) && defined(__ARM_FP) && defined(__GNUC__)
    int32_t whole;
    __asm__("vcvt.s32.f32 %[value], %[value]\n vmov %[whole], %[value]\n ssat %[whole], #16, %[whole]"
            : [value] "+t"(value), [whole] "=r"(whole));
    return (int16_t)whole;
#else
    return (int16_t)(value >= 32767.0f ? 32767 : value > -32768.0f ? (int32_t)value : -32768);
#endif
}

/* Of a finite factor; 0 of one below the normal numbers. */
static inline int8_factor int8_factor_of(float factor)
{
    uint32_t bits = tinytl_float_bits(factor);
    int32_t exponent = (int32_t)(bits >> 23 & 0xFFu), mantissa = (int32_t)(((bits & 0x7FFFFFu) | 0x800000u) << 7),
            shift = 157 - exponent;
    if (exponent == 0)
        mantissa = 0;
    return (int8_factor){(bits >> 31) != 0 ? -mantissa : mantissa, shift < 0 ? 0 : shift};
}

/* value × inverse, rounded to the nearest, halves away from 0. */
static inline int16_t int8_round(float value, float inverse)
{
    float scaled = value * inverse;
    /* a half with its sign */
    return to_int16(scaled + tinytl_float_of_bits((tinytl_float_bits(scaled) & 0x80000000u) | 0x3F000000u));
}

#endif
