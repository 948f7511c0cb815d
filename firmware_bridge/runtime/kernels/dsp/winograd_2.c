/* SPDX-License-Identifier: Apache-2.0
 * The transforms of Winograd F(2×2, 3×3), scaled by 2 a side: the result is 4 times the sum. Input: B' d B by rows
 * (1, 0, −1, 0), (0, 1, 1, 0), (0, −1, 1, 0), (0, 1, 0, −1); its values stay within ± 512, so halves never meet. */
#include "kernels/dsp/halves.h"
#include "kernels/dsp/winograd.h"

typedef struct row4 {
    uint32_t at[4];
} row4;

static inline row4 across(uint32_t d0, uint32_t d1, uint32_t d2, uint32_t d3)
{
    const row4 row = {{sub_halves(d0, d2), add_halves(d1, d2), sub_halves(d2, d1), sub_halves(d1, d3)}};
    return row;
}

#define ROW(take, from, channels)                                                                      \
    across(take(load_word(from)), take(load_word((from) + (channels))), take(load_word((from) + 2 * (channels))), \
           take(load_word((from) + 3 * (channels))))

/* Columns of four transformed rows, and the store at 16 positions `step` words apart. */
static inline void down(const row4 *r0, const row4 *r1, const row4 *r2, const row4 *r3, uint32_t *v, uint32_t step)
{
    for (uint32_t j = 0; j < 4; j++, v += step) {
        v[0] = sub_halves(r0->at[j], r2->at[j]);
        v[4 * step] = add_halves(r1->at[j], r2->at[j]);
        v[8 * step] = sub_halves(r2->at[j], r1->at[j]);
        v[12 * step] = sub_halves(r1->at[j], r3->at[j]);
    }
}

#define HALF(take, v)                                                   \
    do {                                                                \
        const row4 r0 = ROW(take, input, channels);                     \
        const row4 r1 = ROW(take, input + row_bytes, channels);         \
        const row4 r2 = ROW(take, input + 2 * row_bytes, channels);     \
        const row4 r3 = ROW(take, input + 3 * row_bytes, channels);     \
        down(&r0, &r1, &r2, &r3, v, channels);                          \
    } while (0)

void tinytl_winograd_input_2(const int8_t *input, uint32_t row_bytes, uint32_t channels, uint32_t *v)
{
    for (uint32_t c = 0; c < channels; c += 4, input += 4, v += 4) {
        HALF(even_bytes, v);
        HALF(odd_bytes, v + 2);
    }
}

/* Rows of the output transform: (1, 1, 1, 0), (0, 1, −1, −1). */
static inline void pair_of(uint32_t m0, uint32_t m1, uint32_t m2, uint32_t m3, uint32_t *y0, uint32_t *y1)
{
    *y0 = m0 + m1 + m2;
    *y1 = m1 - m2 - m3;
}

static inline int8_t rescaled(uint32_t four_sums, const tinytl_winograd_channel *channel)
{
    const uint32_t acc = channel->bias + (four_sums << 6);
    return channel->is_signed ? rescaled_signed((int32_t)acc >> 7, channel->words)
                              : rescaled_saturating(acc, channel->words);
}

void tinytl_winograd_output_2(const int32_t *m, const tinytl_winograd_channel *channel, int8_t *output,
                              uint32_t row_bytes, uint32_t step)
{
    const uint32_t *word = (const uint32_t *)(const void *)m;
    uint32_t rows[2][4], y0, y1;
    for (uint32_t j = 0; j < 4; j++)
        pair_of(word[4 * j], word[4 * (4 + j)], word[4 * (8 + j)], word[4 * (12 + j)], &rows[0][j], &rows[1][j]);
    for (uint32_t i = 0; i < 2; i++, output += row_bytes) {
        pair_of(rows[i][0], rows[i][1], rows[i][2], rows[i][3], &y0, &y1);
        output[0] = rescaled(y0, channel);
        output[step] = rescaled(y1, channel);
    }
}
