/* SPDX-License-Identifier: Apache-2.0
 * Depthwise convolution over pairs of rows (kernels/dsp/depthwise.h) in plain C. */
#include "kernels/dsp/depthwise.h"
#include "kernels/dsp/plain/halves.h"
#include "kernels/dsp/plain/rescale.h"

void tinytl_depthwise_pack_rows(const tinytl_depthwise_pack *rows)
{
    for (uint32_t c = 0; c < rows->channels; c++) {
        uint32_t *plane = rows->planes + c * (rows->plane_bytes / 4u);
        for (uint32_t x = 0; x < rows->columns; x++) {
            const uint32_t at = x * rows->channels + c;
            plane[x] = halves((uint32_t)(int32_t)rows->upper[at], (uint32_t)(int32_t)rows->lower[at]);
        }
    }
}

static int32_t low(uint32_t word)
{
    return (int16_t)(word & 0xFFFFu);
}

static int32_t high(uint32_t word)
{
    return (int16_t)(word >> 16);
}

/* Three columns of two rows of inputs `a` and the next two rows `b`: the output at row 0, and the one at row 1. */
static uint32_t upper_sum(uint32_t sum, const uint32_t *a, const uint32_t *b, const int32_t *w01, const int32_t *w2,
                          int in_low)
{
    for (uint32_t x = 0; x < 3; x++) {
        const uint32_t first = (uint32_t)w01[x], last = (uint32_t)w2[x];
        sum += (uint32_t)(low(first) * low(a[x])) + (uint32_t)(high(first) * high(a[x]));
        sum += (uint32_t)((in_low ? low(last) : high(last)) * low(b[x]));
    }
    return sum;
}

static uint32_t lower_sum(uint32_t sum, const uint32_t *a, const uint32_t *b, const int32_t *w01, const int32_t *w12)
{
    for (uint32_t x = 0; x < 3; x++) {
        const uint32_t first = (uint32_t)w01[x], last = (uint32_t)w12[x];
        sum += (uint32_t)(low(first) * high(a[x])) + (uint32_t)(low(last) * low(b[x])) +
               (uint32_t)(high(last) * high(b[x]));
    }
    return sum;
}

static int8_t rescaled(uint32_t acc, const int32_t *words, int is_signed)
{
    return is_signed ? rescale_signed((int32_t)acc, words) : rescale_saturating(acc, words);
}

static void run(const tinytl_depthwise_rows *rows, uint32_t stride, int is_signed)
{
    const uint32_t biases = stride == 1 ? 4 : 2, plane_words = rows->plane_bytes / 4u;
    const int32_t *table = rows->table;
    for (uint32_t c = 0; c < rows->channels; c++, table += biases + 8u + (uint32_t)is_signed) {
        const int32_t *w01 = table + biases, *rest = w01 + 3, *words = rest + 3;
        for (uint32_t x = 0; x < rows->columns; x++) {
            const uint32_t *a = rows->planes0 + c * plane_words + x * stride,
                           *b = rows->planes1 + c * plane_words + x * stride;
            const uint32_t upper = upper_sum((uint32_t)table[0], a, b, w01, rest, stride == 2);
            rows->output0[x * rows->step + c] = rescaled(upper, words, is_signed);
            if (stride == 1)
                rows->output1[x * rows->step + c] =
                    rescaled(lower_sum((uint32_t)table[2], a, b, w01, rest), words, is_signed);
        }
    }
}

void tinytl_depthwise_rows_1_saturating(const tinytl_depthwise_rows *rows)
{
    run(rows, 1, 0);
}

void tinytl_depthwise_rows_1_signed(const tinytl_depthwise_rows *rows)
{
    run(rows, 1, 1);
}

void tinytl_depthwise_rows_2_saturating(const tinytl_depthwise_rows *rows)
{
    run(rows, 2, 0);
}

void tinytl_depthwise_rows_2_signed(const tinytl_depthwise_rows *rows)
{
    run(rows, 2, 1);
}
