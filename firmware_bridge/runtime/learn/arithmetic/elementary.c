/* SPDX-License-Identifier: Apache-2.0 */
#include "learn/arithmetic/elementary.h"

#include "learn/arithmetic/fused.h"

float tinytl_exp_f32(float x)
{
    return tinytl_exp_here(x);
}

/* x = 2^e · m with m in [√½, √2); s = (m - 1) / (m + 1), |s| ≤ 0.172; log m = 2 s + s³ g(s²), g of degree 2
 * (error 8.5e-10 relative). */
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
    tail = TINYTL_FUSED(s * square, g, exponent * TINYTL_LN2_LOW);
    tail = TINYTL_FUSED(2.0f, s, tail);
    return TINYTL_FUSED(exponent, TINYTL_LN2_HIGH, tail);
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

/* x · y with y → 1 / √x: half the exponent as a first guess, then Newton: y ← y (3/2 - x/2 · y²),
 * which doubles the bits. */
float tinytl_sqrt_f32(float x)
{
    float y = tinytl_float_of_bits(0x5F3759DFu - (tinytl_float_bits(x) >> 1));
    float half = 0.5f * x;
    for (int round = 0; round < 4; round++)
        y *= TINYTL_FUSED(-half * y, y, 1.5f);
    return x * y;
}

float tinytl_power_f32(float base, uint32_t exponent)
{
    float result = 1.0f;
    for (; exponent != 0; exponent >>= 1) {
        if (exponent & 1u)
            result *= base;
        base *= base;
    }
    return result;
}
