/* SPDX-License-Identifier: Apache-2.0
 *
 * The loops that a step of a layer with int8 weights spends its time in: products of 16-bit numbers in sums of 32 bits, which none
 * overflows (int8_layer.h), so that every order gives the same. Included by the files int8_*.c alone.
 *
 * «Dealt»: of each four numbers first 0 and 2, then 1 and 3, as SXTB16 takes bytes out of a word.
 *
 *     dot_one     Σ row[i] x[i]; count: a multiple of 8, above 0, as everywhere here; x: dealt
 *     dot_four    sums[w] = Σ row[i] x of window w[i]; x: for each four numbers those of window 0, dealt, of window 1, …
 *     sum_tile    sums[4 r + lane] = Σ over pixels of e[r] x[lane]; pixels: a multiple of 4, above 0. x: for each two pixels four lanes of two numbers;
 *                 e: for each two pixels two rows of two numbers
 *     deal_four   four bytes - zero_point, dealt
 *     lane_four   four bytes - zero_point of a pixel: to[0], to[2], to[4], to[6]
 *     move_four   int8_update.c
 *     to_int16    truncates and saturates
 */
#ifndef TINYTL_LEARN_INT8_ROWS_H
#define TINYTL_LEARN_INT8_ROWS_H

#include <stdint.h>

#include "learn/elementary.h"

#define INT8_UNIT 1048576 /* 2^20 steps of a rounding are 1 */
#define INT8_MOST 268435456 /* 2^28: more than a weight's whole range */
#define INT8_CHANCE_FACTOR 1664525u
#define INT8_CHANCE_STEP 1013904223u

#if defined(__ARM_FEATURE_DSP) && defined(__thumb2__) && defined(__GNUC__) && !defined(__clang__)
#include "learn/int8_rows_dsp.h"
#else
#include "learn/int8_rows_portable.h"
#endif

/* value × inverse, rounded to the nearest, halves away from 0. */
static inline int16_t int8_round(float value, float inverse)
{
    float scaled = value * inverse;
    return to_int16(scaled + tinytl_float_of_bits((tinytl_float_bits(scaled) & 0x80000000u) | 0x3F000000u)); /* a half with its sign */
}

#endif
