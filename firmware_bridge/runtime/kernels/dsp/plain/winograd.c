/* SPDX-License-Identifier: Apache-2.0
 * The products of Winograd convolution (kernels/dsp/winograd.h) in plain C. */
#include "kernels/dsp/winograd.h"

void tinytl_winograd_multiply(const int16_t *u, const uint32_t *v, int32_t *m, uint32_t groups, uint32_t positions)
{
    const int16_t *panel = (const int16_t *)(const void *)v;
    for (uint32_t position = 0; position < positions; position++, m += 4) {
        uint32_t sums[4] = {0, 0, 0, 0};
        for (uint32_t half = 0; half < 2u * groups; half++, u += 4, panel += 4)
            for (uint32_t k = 0; k < 4; k++)
                sums[k] += (uint32_t)(u[2 * (k / 2)] * panel[2 * (k % 2)]) +
                           (uint32_t)(u[2 * (k / 2) + 1] * panel[2 * (k % 2) + 1]);
        for (uint32_t k = 0; k < 4; k++)
            m[k] = (int32_t)sums[k];
    }
}
