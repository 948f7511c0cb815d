/* SPDX-License-Identifier: Apache-2.0
 *
 * rows.h in C: four rows share each loaded input.
 */
#ifndef TINYTL_LEARN_ROWS_PORTABLE_H
#define TINYTL_LEARN_ROWS_PORTABLE_H

#include <stdint.h>

#include "learn/fused.h"

/* weights: [4][in]; sums: [4], in and out. */
static void dot_block(const float *weights, uint32_t in, const float *input, float sums[TINYTL_BLOCK])
{
    const float *w0 = weights, *w1 = w0 + in, *w2 = w1 + in, *w3 = w2 + in;
    const float *end = input + in;
    float s0 = sums[0], s1 = sums[1], s2 = sums[2], s3 = sums[3];
    while (input != end) {
        float x = *input++;
        s0 = TINYTL_FUSED(*w0++, x, s0);
        s1 = TINYTL_FUSED(*w1++, x, s1);
        s2 = TINYTL_FUSED(*w2++, x, s2);
        s3 = TINYTL_FUSED(*w3++, x, s3);
    }
    sums[0] = s0;
    sums[1] = s1;
    sums[2] = s2;
    sums[3] = s3;
}

static float dot_row(const float *weights, uint32_t in, const float *input, float sum)
{
    for (uint32_t i = 0; i < in; i++)
        sum = TINYTL_FUSED(weights[i], input[i], sum);
    return sum;
}

static void gather_block(const float *const rows[TINYTL_BLOCK], const float d[TINYTL_BLOCK], uint32_t in, float *d_input)
{
    const float *w0 = rows[0], *w1 = rows[1], *w2 = rows[2], *w3 = rows[3];
    float d0 = d[0], d1 = d[1], d2 = d[2], d3 = d[3];
    const float *end = d_input + in;
    while (d_input != end) {
        float sum = *d_input;
        sum = TINYTL_FUSED(d0, *w0++, sum);
        sum = TINYTL_FUSED(d1, *w1++, sum);
        sum = TINYTL_FUSED(d2, *w2++, sum);
        sum = TINYTL_FUSED(d3, *w3++, sum);
        *d_input++ = sum;
    }
}

static void gather_row(const float *weights, float d, uint32_t in, float *d_input)
{
    for (uint32_t i = 0; i < in; i++)
        d_input[i] = TINYTL_FUSED(d, weights[i], d_input[i]);
}

static void update_block(float *const rows[TINYTL_BLOCK], const float steps[TINYTL_BLOCK], const float *input, uint32_t in)
{
    float *w0 = rows[0], *w1 = rows[1], *w2 = rows[2], *w3 = rows[3];
    float g0 = steps[0], g1 = steps[1], g2 = steps[2], g3 = steps[3];
    const float *end = input + in;
    while (input != end) {
        float x = *input++;
        *w0 = TINYTL_FUSED(g0, x, *w0);
        *w1 = TINYTL_FUSED(g1, x, *w1);
        *w2 = TINYTL_FUSED(g2, x, *w2);
        *w3 = TINYTL_FUSED(g3, x, *w3);
        w0++, w1++, w2++, w3++;
    }
}

static void update_row(float *weights, float step, const float *input, uint32_t in)
{
    for (uint32_t i = 0; i < in; i++)
        weights[i] = TINYTL_FUSED(step, input[i], weights[i]);
}

#endif
