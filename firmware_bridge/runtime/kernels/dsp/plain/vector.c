/* SPDX-License-Identifier: Apache-2.0
 * One vector times a matrix (kernels/dsp/vector.h) in plain C. */
#include "kernels/dsp/vector.h"
#include "kernels/dsp/plain/rescale.h"

enum { CHANNELS = 4, GROUP = 4 };

/* Low byte of a number, with its sign. */
static int32_t low_byte(int16_t number)
{
    return (int8_t)(number & 0xFF);
}

static uint32_t product_s16(const int16_t *weights, uint32_t channel, const int16_t *panel)
{
    uint32_t sum = 0;
    for (uint32_t half = 0; half < 2; half++)
        for (uint32_t k = 0; k < 2; k++)
            sum += (uint32_t)(weights[2 * CHANNELS * half + 2 * channel + k] * panel[2 * half + k]);
    return sum;
}

static uint32_t product_s8(const int16_t *weights, uint32_t channel, const int16_t *panel)
{
    uint32_t sum = 0;
    for (uint32_t k = 0; k < 2; k++) {
        const int16_t both = weights[2 * channel + k];
        sum += (uint32_t)(low_byte(both) * panel[k]) + (uint32_t)(both * panel[2 + k]);
    }
    return sum;
}

typedef uint32_t product(const int16_t *weights, uint32_t channel, const int16_t *panel);

static void run(const tinytl_vector *vector, product *of, uint32_t weights_step)
{
    const int16_t *weights = vector->weights;
    const int32_t *channels = vector->channels;
    int8_t *output = vector->output;
    for (; weights != (const int16_t *)vector->weights_end; channels += 4 * CHANNELS, output += CHANNELS) {
        uint32_t sums[CHANNELS];
        for (uint32_t c = 0; c < CHANNELS; c++)
            sums[c] = (uint32_t)channels[c];
        for (const int16_t *panel = vector->panel; panel != (const int16_t *)vector->panel_end;
             panel += GROUP, weights += weights_step)
            for (uint32_t c = 0; c < CHANNELS; c++)
                sums[c] += of(weights, c, panel);
        for (uint32_t c = 0; c < CHANNELS; c++)
            output[c] = rescale_shifted(sums[c], channels + CHANNELS + 3 * c);
    }
}

void tinytl_vector_s16(const tinytl_vector *vector)
{
    run(vector, product_s16, CHANNELS * GROUP);
}

void tinytl_vector_s8(const tinytl_vector *vector)
{
    run(vector, product_s8, CHANNELS * GROUP / 2);
}

int16_t *tinytl_pack_vector_s16(const int8_t *input, int16_t *panel, uint32_t count)
{
    for (uint32_t k = 0; k < count; k += 4)
        for (uint32_t half = 0; half < 2; half++) {
            *panel++ = input[k + half];
            *panel++ = input[k + half + 2];
        }
    return panel;
}

int16_t *tinytl_pack_vector_s8(const int8_t *input, int16_t *panel, uint32_t count)
{
    for (uint32_t k = 0; k < count; k += 4, panel += 4)
        for (uint32_t pair = 0; pair < 2; pair++) {
            panel[2 + pair] = (int16_t)(input[k + 2 * pair + 1] - 127);
            panel[pair] = (int16_t)(256 * input[k + 2 * pair] - panel[2 + pair]);
        }
    return panel;
}
