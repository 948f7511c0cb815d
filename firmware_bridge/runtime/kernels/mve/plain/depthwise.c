/* SPDX-License-Identifier: Apache-2.0
 * Depthwise convolution (kernels/mve/depthwise.h) in plain C. */
#include "kernels/mve/depthwise.h"
#include "kernels/mve/plain/rescale.h"

static uint32_t place_in_table(uint32_t lane)
{
    static const uint8_t group[4] = {0, 2, 1, 3}; /* of lanes modulo 4 */
    return 4u * group[lane % 4u] + lane / 4u;
}

static void run(const tinytl_mve_depthwise *rows, int rescaling)
{
    int8_t *output = rows->output;
    for (uint32_t pixel = 0; pixel < rows->pixels; pixel++)
        for (uint32_t lane = 0; lane < rows->lanes; lane++) {
            const uint32_t block = lane / MVE_LANES % rows->cycle, in_block = lane % MVE_LANES;
            const int8_t *weights = rows->weights + block * rows->tap_count * MVE_LANES + in_block;
            uint32_t sum = 0;
            for (uint32_t tap = 0; tap < rows->tap_count; tap++)
                sum += (uint32_t)(rows->taps[tap][pixel * rows->step + lane] * weights[tap * MVE_LANES]);
            const int32_t *words = rows->channels + block * MVE_TABLE_WORDS + place_in_table(in_block);
            const int32_t scaled = mve_rescaled(sum, words, MVE_LANES, rescaling);
            *output++ = (int8_t)clamp_from(scaled, rows->zero_point, rows->act_min, rows->act_max);
        }
}

void tinytl_mve_depthwise_rounded(const tinytl_mve_depthwise *rows)
{
    run(rows, MVE_ROUNDED);
}

void tinytl_mve_depthwise_signed(const tinytl_mve_depthwise *rows)
{
    run(rows, MVE_SIGNED);
}
