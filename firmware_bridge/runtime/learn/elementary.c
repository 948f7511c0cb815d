/* SPDX-License-Identifier: Apache-2.0 */
#include "learn/elementary.h"

#include "learn/fused.h"

/* ln 2 in two parts: the first has 11 trailing zero bits, so that its product with an exponent is exact. */
#define LN2_HIGH 0.693115234375f
#define LN2_LOW 0.0000319461833f
#define LOG2_E 1.44269504f

/* e^x = 2^n · e^r with n the integer nearest x / ln 2 and |r| ≤ 0.348; e^r ≈ 1 + r + r² q(r), q of degree 4 fitted to the
 * smallest largest relative error (3.2e-9). n ≥ -124 for x > -86: the result is a normal number. */
float tinytl_exp_f32(float x)
{
    int32_t exponent;
    float n, r, q;
    if (!(x > -86.0f))
        return 0.0f;
    exponent = (int32_t)TINYTL_FUSED(x, LOG2_E, -0.5f); /* truncation of a negative number minus a half: the nearest */
    n = (float)exponent;
    r = TINYTL_FUSED(n, -LN2_HIGH, x);
    r = TINYTL_FUSED(n, -LN2_LOW, r);
    q = TINYTL_FUSED(0.00138138f, r, 0.0083691f);
    q = TINYTL_FUSED(q, r, 0.04166843f);
    q = TINYTL_FUSED(q, r, 0.16666517f);
    q = TINYTL_FUSED(q, r, 0.49999993f);
    r = TINYTL_FUSED(r * r, q, r) + 1.0f;
    return r * tinytl_float_of_bits((uint32_t)(exponent + 127) << 23);
}

/* x = 2^e · m with m in [√½, √2); s = (m - 1) / (m + 1), |s| ≤ 0.172; log m = 2 s + s³ g(s²), g of degree 2 (error 8.5e-10
 * relative). */
float tinytl_log_f32(float x)
{
    uint32_t bits = tinytl_float_bits(x) - 0x3F3504F3u; /* √½ */
    float exponent = (float)((int32_t)bits >> 23);
    float m = tinytl_float_of_bits((bits & 0x007FFFFFu) + 0x3F3504F3u);
    float s = (m - 1.0f) / (m + 1.0f);
    float square = s * s;
    float g = TINYTL_FUSED(0.29883555f, square, 0.39977089f);
    float tail;
    g = TINYTL_FUSED(g, square, 0.6666678f);
    tail = TINYTL_FUSED(s * square, g, exponent * LN2_LOW);
    tail = TINYTL_FUSED(2.0f, s, tail);
    return TINYTL_FUSED(exponent, LN2_HIGH, tail);
}

/* Taylor's series of cos t in t², |t| ≤ π/2; the other half by symmetry. */
float tinytl_cos_pi_f32(float x)
{
    float from_end = x > 0.5f ? 1.0f - x : x;
    float angle = 3.14159274f * from_end, square = angle * angle, sum;
    sum = TINYTL_FUSED(-2.75573192e-7f, square, 2.48015873e-5f);
    sum = TINYTL_FUSED(sum, square, -1.38888889e-3f);
    sum = TINYTL_FUSED(sum, square, 4.16666667e-2f);
    sum = TINYTL_FUSED(sum, square, -0.5f);
    sum = TINYTL_FUSED(sum, square, 1.0f);
    return x > 0.5f ? -sum : sum;
}

/* x · y with y → 1 / √x: half the exponent as a first guess, then Newton: y ← y (3/2 - x/2 · y²), which doubles the bits. */
float tinytl_sqrt_f32(float x)
{
    float y = tinytl_float_of_bits(0x5F3759DFu - (tinytl_float_bits(x) >> 1));
    float half = 0.5f * x;
    for (int round = 0; round < 4; round++)
        y *= TINYTL_FUSED(-half * y, y, 1.5f);
    return x * y;
}
