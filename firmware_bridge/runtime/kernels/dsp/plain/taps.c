/* SPDX-License-Identifier: Apache-2.0
 * Depthwise convolution of one pixel (kernels/dsp/taps.h) in plain C. */
#include "kernels/dsp/taps.h"
#include "kernels/dsp/plain/rescale.h"

enum { QUAD = 4 };

/* Lane of a table's pair of words: (0, 2), (1, 3). */
static int32_t weight_of(const int32_t *words, uint32_t lane)
{
    const uint32_t word = (uint32_t)words[lane % 2u];
    return (int16_t)(lane < 2u ? word & 0xFFFFu : word >> 16);
}

static void run(const tinytl_pixel_taps *pixel, int is_signed)
{
    const uint32_t count = (uint32_t)(pixel->taps_end - pixel->taps), words = is_signed ? 3 : 2;
    const int32_t *table = pixel->table;
    for (uint32_t c = 0; c < pixel->channels; c += QUAD, table += taps_table_words(count, is_signed)) {
        const int32_t *weights = table + QUAD, *channels = weights + 2u * count;
        for (uint32_t lane = 0; lane < QUAD; lane++) {
            uint32_t acc = (uint32_t)table[lane];
            for (uint32_t t = 0; t < count; t++)
                acc +=
                    (uint32_t)(weight_of(weights + 2u * t, lane) * pixel->input[pixel->taps[t] + (int32_t)(c + lane)]);
            const int32_t *constants = channels + words * lane;
            pixel->output[c + lane] =
                is_signed ? rescale_signed((int32_t)acc, constants) : rescale_saturating(acc, constants);
        }
    }
}

void tinytl_taps_saturating(const tinytl_pixel_taps *pixel)
{
    run(pixel, 0);
}

void tinytl_taps_signed(const tinytl_pixel_taps *pixel)
{
    run(pixel, 1);
}
