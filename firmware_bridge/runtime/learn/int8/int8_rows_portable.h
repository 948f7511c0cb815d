/* SPDX-License-Identifier: Apache-2.0
 *
 * int8_rows.h in C.
 */
#ifndef TINYTL_LEARN_INT8_ROWS_PORTABLE_H
#define TINYTL_LEARN_INT8_ROWS_PORTABLE_H

#include <stdint.h>

/* Four weights with four dealt numbers. */
static inline int32_t int8_product(const int8_t *row, const int16_t *x)
{
    return row[0] * x[0] + row[2] * x[1] + row[1] * x[2] + row[3] * x[3];
}

static inline int32_t dot_one(const int8_t *row, const int16_t *x, uint32_t count)
{
    int32_t sum = 0;
    for (uint32_t i = 0; i < count; i += 4)
        sum += int8_product(row + i, x + i);
    return sum;
}

static inline void dot_four(const int8_t *row, const int16_t *x, uint32_t count, int32_t sums[4])
{
    for (uint32_t w = 0; w < 4; w++)
        sums[w] = 0;
    for (uint32_t i = 0; i < count; i += 4, x += 16)
        for (uint32_t w = 0; w < 4; w++)
            sums[w] += int8_product(row + i, x + 4 * w);
}

static inline void sum_tile(const int16_t *x, const int16_t *e, uint32_t pixels, int32_t sums[8])
{
    for (uint32_t k = 0; k < 8; k++)
        sums[k] = 0;
    for (uint32_t p = 0; p < pixels; p += 2, x += 8, e += 4)
        for (uint32_t k = 0; k < 8; k++)
            sums[k] += e[k / 4 * 2] * x[k % 4 * 2] + e[k / 4 * 2 + 1] * x[k % 4 * 2 + 1];
}

static inline void deal_four(const int8_t *from, int32_t zero_point, int16_t *to)
{
    to[0] = (int16_t)(from[0] - zero_point);
    to[1] = (int16_t)(from[2] - zero_point);
    to[2] = (int16_t)(from[1] - zero_point);
    to[3] = (int16_t)(from[3] - zero_point);
}

static inline void lane_four(const int8_t *from, int32_t zero_point, int16_t *to)
{
    for (uint32_t k = 0; k < 4; k++)
        to[2 * k] = (int16_t)(from[k] - zero_point);
}

static inline void move_four(int8_t *weights, const int32_t *sums, int8_factor factor, int32_t keep, uint32_t chance)
{
    move_each(weights, sums, factor, keep, chance);
}

static inline void move_input(int8_t *weights, const int16_t *x, int8_factor factor, int32_t keep, uint32_t chance)
{
    const int32_t sums[4] = {x[0], x[2], x[1], x[3]};
    move_each(weights, sums, factor, keep, chance);
}

#endif
