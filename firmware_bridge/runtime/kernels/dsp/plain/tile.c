/* SPDX-License-Identifier: Apache-2.0
 * The tiles of kernels/dsp/tile.h in plain C: the truth that the assembly is tested against, and what the twin runs. */
#include "kernels/dsp/tile.h"
#include "kernels/dsp/plain/rescale.h"

enum { GROUP = 8 }; /* 16-bit numbers of a group in a panel of two rows */

/* sums[channel][pixel] += Σ over one group; in the panel, number 4 · (k % 2) + 2 · row + k / 2 is input k of a row. */
static void add_group_s16(const int16_t *weights, const int16_t *panel, uint32_t sums[4])
{
    for (uint32_t channel = 0; channel < 2; channel++)
        for (uint32_t pixel = 0; pixel < 2; pixel++)
            for (uint32_t half = 0; half < GROUP; half += 4)
                for (uint32_t k = 0; k < 2; k++)
                    sums[2 * channel + pixel] +=
                        (uint32_t)(weights[half + 2 * channel + k] * panel[half + 2 * pixel + k]);
}

/* The low byte of a number, with its sign. */
static int32_t low_byte(int16_t number)
{
    return (int8_t)(number & 0xFF);
}

static void add_group_s8(const int16_t *weights, const int16_t *panel, uint32_t sums[4])
{
    for (uint32_t channel = 0; channel < 2; channel++)
        for (uint32_t pixel = 0; pixel < 2; pixel++)
            for (uint32_t k = 0; k < 2; k++) {
                const int16_t both = weights[2 * channel + k];
                sums[2 * channel + pixel] += (uint32_t)(low_byte(both) * panel[2 * pixel + k]);
                sums[2 * channel + pixel] += (uint32_t)(both * panel[4 + 2 * pixel + k]);
            }
}

typedef void add_group(const int16_t *weights, const int16_t *panel, uint32_t sums[4]);

static void run(const tinytl_tile *tile, add_group *add, uint32_t weights_step, int is_signed, int32_t halvings)
{
    const int16_t *weights = tile->weights;
    const int32_t *channels = tile->channels;
    int8_t *outputs[2] = {tile->output0, tile->output1};

    while (weights != (const int16_t *)tile->weights_end) {
        uint32_t sums[4] = {(uint32_t)channels[0], (uint32_t)channels[1], (uint32_t)channels[2], (uint32_t)channels[3]};
        for (const int16_t *panel = tile->panel; panel != (const int16_t *)tile->panel_end;
             panel += GROUP, weights += weights_step)
            add(weights, panel, sums);
        channels += 4;
        for (uint32_t channel = 0; channel < 2; channel++, channels += 2 + is_signed)
            for (uint32_t pixel = 0; pixel < 2; pixel++) {
                const uint32_t sum = sums[2 * channel + pixel];
                *outputs[pixel]++ =
                    is_signed ? rescale_signed((int32_t)sum >> halvings, channels) : rescale_saturating(sum, channels);
            }
    }
}

void tinytl_tile_s16_saturating(const tinytl_tile *tile)
{
    run(tile, add_group_s16, GROUP, 0, 0);
}

void tinytl_tile_s16_signed(const tinytl_tile *tile)
{
    run(tile, add_group_s16, GROUP, 1, 0);
}

void tinytl_tile_s8_saturating(const tinytl_tile *tile)
{
    run(tile, add_group_s8, GROUP / 2, 0, 7);
}

void tinytl_tile_s8_signed(const tinytl_tile *tile)
{
    run(tile, add_group_s8, GROUP / 2, 1, 7);
}

int16_t *tinytl_pack_pair_s16(const int8_t *pixel0, const int8_t *pixel1, int16_t *panel, uint32_t count)
{
    for (uint32_t k = 0; k < count; k += 4)
        for (uint32_t half = 0; half < 2; half++) {
            *panel++ = pixel0[k + half];
            *panel++ = pixel0[k + half + 2];
            *panel++ = pixel1[k + half];
            *panel++ = pixel1[k + half + 2];
        }
    return panel;
}

static int16_t odd(const int8_t *pixel, uint32_t k)
{
    return (int16_t)(pixel[k + 1] - 127);
}

static int16_t even(const int8_t *pixel, uint32_t k)
{
    return (int16_t)(256 * pixel[k] - odd(pixel, k));
}

int16_t *tinytl_pack_pair_s8(const int8_t *pixel0, const int8_t *pixel1, int16_t *panel, uint32_t count)
{
    for (uint32_t k = 0; k < count; k += 4, panel += 8)
        for (uint32_t pair = 0; pair < 2; pair++) {
            panel[pair] = even(pixel0, k + 2 * pair);
            panel[2 + pair] = even(pixel1, k + 2 * pair);
            panel[4 + pair] = odd(pixel0, k + 2 * pair);
            panel[6 + pair] = odd(pixel1, k + 2 * pair);
        }
    return panel;
}
