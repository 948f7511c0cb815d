/* SPDX-License-Identifier: Apache-2.0
 * Average pooling and the mean over height and width, four channels at a time: bytes are added up in halves of two
 * words. Channels are a multiple of 4. */
#include "kernels/block_pooling.h"
#include "kernels/dsp/halves.h"

enum { CHANNELS = 4 };

static inline void sum_places(const int8_t *first, const pool_places *places, int32_t *sums)
{
    uint32_t even = 0, odd = 0;
    for (int32_t y = 0; y < places->rows; y++, first += places->row_step) {
        const int8_t *place = first;
        for (int32_t x = 0; x < places->columns; x++, place += places->column_step) {
            const uint32_t word = load_word(place);
            even = add_even_bytes(even, word);
            odd = add_odd_bytes(odd, word);
        }
    }
    sums[0] = (int16_t)(even & 0xFFFFu);
    sums[1] = (int16_t)(odd & 0xFFFFu);
    sums[2] = (int16_t)(even >> 16);
    sums[3] = (int16_t)(odd >> 16);
}

void tinytl_average_pool_2d_words(const tinytl_call *call)
{
    average_pool_blocks(call, CHANNELS, sum_places);
}

void tinytl_mean_words(const tinytl_call *call)
{
    mean_blocks(call, CHANNELS, sum_places);
}
