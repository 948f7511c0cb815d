/* SPDX-License-Identifier: Apache-2.0
 *
 * a × b + c with one rounding, the same bits on every machine: the only operation of the learner that compilers and
 * libraries do not agree on by themselves. Cores with a fused instruction use it; glibc's fmaf is correctly rounded;
 * elsewhere (newlib rounds twice) the exact one below is used. All other float operations are single ones: build with
 * -ffp-contract=off (gcc's default under -std=c99, not under -std=gnu99).
 */
#ifndef TINYTL_LEARN_FUSED_H
#define TINYTL_LEARN_FUSED_H

#include <float.h>
#include <math.h>
#include <stdint.h>
#include <string.h>

#if defined(__FAST_MATH__)
#error "the learner's bits are a promise: build it without -ffast-math"
#endif
#if defined(FLT_EVAL_METHOD) && FLT_EVAL_METHOD != 0
#error "float must be computed as float: build with -msse2 -mfpmath=sse on 32-bit x86"
#endif

/* Any operands. Double holds the product exactly (48 bits). The sum is rounded to odd: of the two doubles around the
 * true sum the one with an odd last bit is taken. Rounding that to float gives the correctly rounded result, since
 * 53 ≥ 24 + 2 bits (Boldo and Melquiond 2008, «Emulation of FMA and correctly rounded sums»). */
static inline float tinytl_fused_double(float a, float b, float c)
{
    double product = (double)a * (double)b;
    double addend = (double)c;
    double sum = product + addend;
    double part = sum - product;
    double error = (product - (sum - part)) + (addend - part); /* exact (Knuth's two-sum); NaN if sum is not finite */
    if (error > 0.0 || error < 0.0) {
        uint64_t bits;
        memcpy(&bits, &sum, sizeof bits);
        if ((bits & 1u) == 0u)
            bits = (error > 0.0) == (sum > 0.0) ? bits + 1u : bits - 1u;
        memcpy(&sum, &bits, sizeof sum);
    }
    return (float)sum;
}

static inline uint32_t tinytl_leading_zeros(uint64_t value) /* above 0 */
{
#if defined(__GNUC__) || defined(__clang__)
    return (uint32_t)__builtin_clzll(value);
#else
    uint32_t count = 0;
    for (; !(value >> 63); value <<= 1)
        count++;
    return count;
#endif
}

/* value >> count, its last bit 1 where a bit was lost: the rounding below only asks whether there were some. */
static inline uint64_t tinytl_shift_sticky(uint64_t value, uint32_t count)
{
    if (count > 62u)
        return value != 0;
    return value >> count | ((value & (((uint64_t)1 << count) - 1u)) != 0);
}

/* sum × 2^(exponent - 150) with this sign as a float; what is no normal number is computed again. */
static inline float tinytl_fused_rounded(uint64_t sum, int32_t exponent, uint32_t sign, float a, float b, float c)
{
    uint32_t zeros, mantissa, bits;
    uint64_t rest;
    float number;
    if (sum == 0)
        return 0.0f; /* of opposite signs: +0 in round to nearest */
    zeros = tinytl_leading_zeros(sum);
    exponent += 40 - (int32_t)zeros;
    if (exponent < 1 || exponent > 253)
        return tinytl_fused_double(a, b, c);
    sum <<= zeros;
    mantissa = (uint32_t)(sum >> 40);
    rest = sum << 24;
    mantissa += rest > (uint64_t)1 << 63 || (rest == (uint64_t)1 << 63 && (mantissa & 1u));
    /* a mantissa of 2^24 carries into the exponent */
    bits = sign + ((uint32_t)exponent << 23) + (mantissa - 0x800000u);
    memcpy(&number, &bits, sizeof number);
    return number;
}

/* Normal operands and a normal result in integers: on a core without an FPU a fraction of what double takes. The
 * product has 48 bits; it and the addend are brought to one exponent with the larger one's first bit in bit 60 or 61.
 * What the smaller one loses below bit 0 is far below a rounding of the sum: nothing is lost where they nearly cancel,
 * since the product's 14 last bits are 0. */
static inline float tinytl_fused_exact(float a, float b, float c)
{
    uint32_t x, y, z, sign;
    int32_t exponent, distance;
    uint64_t product, addend, sum;
    memcpy(&x, &a, sizeof x);
    memcpy(&y, &b, sizeof y);
    memcpy(&z, &c, sizeof z);
    if ((x >> 23 & 0xFFu) - 1u >= 254u || (y >> 23 & 0xFFu) - 1u >= 254u ||
        ((z >> 23 & 0xFFu) - 1u >= 254u && z << 1 != 0)) {
        int is_zero = (x << 1 == 0 && y << 1 < 0xFF000000u) || (y << 1 == 0 && x << 1 < 0xFF000000u);
        return is_zero && z << 1 != 0 ? c : tinytl_fused_double(a, b, c);
    }
    product = (uint64_t)((x & 0x7FFFFFu) | 0x800000u) * ((y & 0x7FFFFFu) | 0x800000u) << 14;
    addend = z << 1 == 0 ? 0u : (z & 0x7FFFFFu) | 0x800000u;
    /* of the product's bit 0, biased as a mantissa's */
    exponent = (int32_t)(x >> 23 & 0xFFu) + (int32_t)(y >> 23 & 0xFFu) - 164;
    distance = z << 1 == 0 ? 0 : (int32_t)(z >> 23 & 0xFFu) - exponent;
    if (distance > 38) {
        product = tinytl_shift_sticky(product, (uint32_t)distance - 38u);
        addend <<= 38;
        exponent += distance - 38;
    } else if (distance >= 0) {
        addend <<= distance;
    } else {
        addend = tinytl_shift_sticky(addend, (uint32_t)-distance);
    }
    sign = (x ^ y) & 0x80000000u;
    if (sign == (z & 0x80000000u)) {
        sum = product + addend;
    } else if (product > addend) {
        sum = product - addend;
    } else {
        sum = addend - product;
        sign ^= 0x80000000u;
    }
    return tinytl_fused_rounded(sum, exponent, sign, a, b, c);
}

#if !defined(TINYTL_FUSED_EXACT) && \
    (defined(__ARM_FEATURE_FMA) || defined(__FMA__) || defined(__aarch64__) || defined(__GLIBC__))
#if defined(__GNUC__) || defined(__clang__)
#define TINYTL_FUSED(a, b, c) __builtin_fmaf((a), (b), (c)) /* an instruction, also with -ffreestanding */
#else
#define TINYTL_FUSED(a, b, c) fmaf((a), (b), (c))
#endif
#else
#define TINYTL_FUSED(a, b, c) tinytl_fused_exact((a), (b), (c))
#endif

#endif
