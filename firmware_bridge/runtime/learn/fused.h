/* SPDX-License-Identifier: Apache-2.0
 *
 * a × b + c with one rounding, the same bits on every machine: the only operation of the learner that compilers and libraries
 * do not agree on by themselves. Cores with a fused instruction use it; glibc's fmaf is correctly rounded; elsewhere (newlib
 * rounds twice) the exact one below is used. All other float operations are single ones: build with -ffp-contract=off (gcc's
 * default under -std=c99, not under -std=gnu99).
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

/* Double holds the product exactly (48 bits). The sum is rounded to odd: of the two doubles around the true sum the one with
 * an odd last bit is taken. Rounding that to float gives the correctly rounded result, since 53 ≥ 24 + 2 bits
 * (Boldo and Melquiond 2008, «Emulation of FMA and correctly rounded sums»). */
static inline float tinytl_fused_exact(float a, float b, float c)
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

#if !defined(TINYTL_FUSED_EXACT) &&                                                                                          \
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
