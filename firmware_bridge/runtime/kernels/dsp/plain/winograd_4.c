/* SPDX-License-Identifier: Apache-2.0
 * The transforms of Winograd F(4×4, 3×3) in plain C (armv7em/winograd_4.S is the fast one), at the points 0, ±1, ±2 and
 * infinity. The weights' rows (1, 0, 0), (−1, −1, −1), (−1, 1, −1), (1, 2, 4), (1, −2, 4), (0, 0, 1) are integers; what
 * that leaves out stands in the output transform, whose rows then make 24, 12, 6 and 6 times the sum: 9 · 2^(a + b) in
 * two dimensions, a and b of 3 2 1 1. Multiplying by the inverse of 9 modulo 2^32 is exact.
 *
 * The input transform works on two channels a word with ordinary additions: a word is read as the integer
 * high · 65536 + low, of which linear combinations are exact, and is taken apart again at the end. Inputs are taken as
 * 0 … 255, results stay within ± 17340. */
#include "kernels/dsp/plain/halves.h"
#include "kernels/dsp/winograd.h"
#include "kernels/dsp/words.h"

#define OFFSET 0x00800080u
#define INVERSE_OF_9 0x38E38E39u

/* high · 65536 + low as an integer → the two halves side by side. */
static inline uint32_t apart(uint32_t both)
{
    return (both + 0x8000u) ^ 0x8000u;
}

/* One line of the input transform: rows (4, 0, −5, 0, 1, 0), (0, −4, −4, 1, 1, 0), (0, 4, −4, −1, 1, 0),
 * (0, −2, −1, 2, 1, 0), (0, 2, −1, −2, 1, 0), (0, 4, 0, −5, 0, 1). */
static inline void line(uint32_t d0, uint32_t d1, uint32_t d2, uint32_t d3, uint32_t d4, uint32_t d5, uint32_t to[6])
{
    const uint32_t even = d4 - d2, odd = d3 - d1, p = d4 - (d2 << 2), s = d3 - (d1 << 2);
    to[0] = even + ((d0 - d2) << 2);
    to[1] = p + s;
    to[2] = p - s;
    to[3] = even + (odd << 1);
    to[4] = even - (odd << 1);
    to[5] = d5 - d3 - (odd << 2);
}

#define HALF(take, v)                                                                                                  \
    do {                                                                                                               \
        const int8_t *from = input;                                                                                    \
        for (uint32_t i = 0; i < 6; i++, from += row_bytes)                                                            \
            line(take(OFFSET, load_word(from)), take(OFFSET, load_word(from + channels)),                              \
                 take(OFFSET, load_word(from + 2 * channels)), take(OFFSET, load_word(from + 3 * channels)),           \
                 take(OFFSET, load_word(from + 4 * channels)), take(OFFSET, load_word(from + 5 * channels)), rows[i]); \
        columns(rows, v, channels);                                                                                    \
    } while (0)

static inline void columns(uint32_t rows[6][6], uint32_t *v, uint32_t step)
{
    for (uint32_t j = 0; j < 6; j++) {
        uint32_t column[6], *at = v + j * step;
        line(rows[0][j], rows[1][j], rows[2][j], rows[3][j], rows[4][j], rows[5][j], column);
        for (uint32_t i = 0; i < 6; i++, at += 6 * step)
            *at = apart(column[i]);
    }
}

void tinytl_winograd_input_4(const int8_t *input, uint32_t row_bytes, uint32_t channels, uint32_t *v)
{
    uint32_t rows[6][6];
    for (uint32_t c = 0; c < channels; c += 4, input += 4, v += 4) {
        HALF(add_even_bytes, v);
        HALF(add_odd_bytes, v + 2);
    }
}

static inline void back(uint32_t m0, uint32_t m1, uint32_t m2, uint32_t m3, uint32_t m4, uint32_t m5, uint32_t to[4])
{
    const uint32_t s12 = m1 + m2, d12 = m1 - m2, s34 = m3 + m4, d34 = m3 - m4;
    to[0] = s34 + (s12 << 2) + 6 * m0;
    to[1] = d34 + (d12 << 1);
    to[2] = s12 + s34;
    to[3] = d12 + (d34 << 1) + 6 * m5;
}

/* `scaled`: 9 · 2^(8 − left) times the sum. */
static inline int8_t rescaled(uint32_t scaled, uint32_t left, const tinytl_winograd_channel *channel)
{
    const uint32_t acc = channel->bias + scaled * (INVERSE_OF_9 << left);
    return channel->is_signed ? rescaled_signed((int32_t)acc >> 7, channel->words)
                              : rescaled_saturating(acc, channel->words);
}

void tinytl_winograd_output_4(const int32_t *m, const tinytl_winograd_channel *channel, int8_t *output,
                              uint32_t row_bytes, uint32_t step)
{
    static const uint8_t powers[4] = {3, 2, 1, 1};
    const uint32_t *word = (const uint32_t *)(const void *)m;
    uint32_t columns[6][4];
    for (uint32_t j = 0; j < 6; j++, word += 4)
        back(word[0], word[24], word[48], word[72], word[96], word[120], columns[j]);
    for (uint32_t i = 0; i < 4; i++, output += row_bytes) {
        uint32_t y[4];
        back(columns[0][i], columns[1][i], columns[2][i], columns[3][i], columns[4][i], columns[5][i], y);
        const uint32_t left = 8u - powers[i];
        output[0] = rescaled(y[0], left - 3u, channel);
        output[step] = rescaled(y[1], left - 2u, channel);
        output[2 * step] = rescaled(y[2], left - 1u, channel);
        output[3 * step] = rescaled(y[3], left - 1u, channel);
    }
}
