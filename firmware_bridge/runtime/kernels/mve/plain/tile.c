/* SPDX-License-Identifier: Apache-2.0
 * The matrix products of kernels/mve/tile.h in plain C: the truth that the assembly is tested against, and
 * what the twin runs. */
#include "kernels/mve/tile.h"
#include "kernels/mve/plain/rescale.h"

/* Σ over blocks of a row, with weights of one channel every `step` bytes. */
static uint32_t product(const int8_t *row, const int8_t *weights, uint32_t blocks, int32_t step)
{
    uint32_t sum = 0;
    for (uint32_t block = 0; block < blocks; block++, row += MVE_BLOCK, weights += step)
        for (uint32_t k = 0; k < MVE_BLOCK; k++)
            sum += (uint32_t)(row[k] * weights[k]);
    return sum;
}

static void run(const tinytl_mve_tile *tile, int rescaling)
{
    for (uint32_t channel = 0; channel < tile->channel_count; channel++) {
        const uint32_t quad = channel / MVE_QUAD, lane = channel % MVE_QUAD, pass = lane % 2u, place = lane / 2u;
        const uint32_t first = 2u * (2u * quad + pass) * tile->blocks + (pass ? 2u * (tile->blocks - 1u) : 0u) + place;
        const int8_t *weights = tile->weights + first * MVE_BLOCK;
        const int32_t *words = tile->channels + 3u * MVE_QUAD * quad + lane;
        for (uint32_t row = 0; row < MVE_ROWS; row++) {
            const uint32_t sum = product(tile->rows[row], weights, tile->blocks, pass ? -2 * MVE_BLOCK : 2 * MVE_BLOCK);
            const int32_t scaled = mve_rescaled(sum, words, MVE_QUAD, rescaling);
            tile->outputs[row][channel] = (int8_t)clamp_from(scaled, tile->zero_point, tile->act_min, tile->act_max);
        }
    }
}

void tinytl_mve_tile_rounded(const tinytl_mve_tile *tile)
{
    run(tile, MVE_ROUNDED);
}

void tinytl_mve_tile_signed(const tinytl_mve_tile *tile)
{
    run(tile, MVE_SIGNED);
}

void tinytl_mve_vector_shifted(const tinytl_mve_vector *vector)
{
    for (uint32_t channel = 0; channel < vector->channel_count; channel++) {
        const uint32_t quad = channel / MVE_QUAD, lane = channel % MVE_QUAD;
        const int8_t *weights = vector->weights + MVE_QUAD * MVE_BLOCK * vector->blocks * quad + MVE_BLOCK * lane;
        const int32_t *words = vector->channels + 4u * MVE_QUAD * quad + lane;
        const uint32_t sum = product(vector->row, weights, vector->blocks, MVE_QUAD * MVE_BLOCK) + (uint32_t)words[0];
        const uint32_t high =
            (uint32_t)(((int64_t)(int32_t)sum * words[MVE_QUAD]) >> 32) + (uint32_t)words[2u * MVE_QUAD];
        vector->output[channel] =
            (int8_t)clamp((int32_t)high >> -words[3u * MVE_QUAD], vector->act_min, vector->act_max);
    }
}
