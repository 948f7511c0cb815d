/* SPDX-License-Identifier: Apache-2.0
 * Depthwise convolution (kernels/mve/depthwise.h): per two taps and 16 lanes four loads, four multiplications, two
 * additions in 16 bits and eight instructions that bring the pairs into 32 bits. Narrowing saturates and puts the lanes
 * back into their order. */
#include "kernels/mve/armv81m/depthwise_3x3.h"
#include "kernels/mve/tile.h"

#include <arm_mve.h>

static inline int32x4_t rescaled(int32x4_t sum, const int32_t *words, int is_signed)
{
    const int32x4_t high = vqrdmulhq_s32(sum, vldrwq_s32(words));
    const int32x4_t fixed = is_signed ? vaddq_s32(high, vshrq_n_s32(sum, 31)) : high;
    return vrshlq_s32(fixed, vldrwq_s32(words + MVE_LANES));
}

/* One block of 16 lanes: `at` bytes behind the taps. */
static inline int8x16_t block(const tinytl_mve_depthwise *rows, uint32_t at, const int8_t *weights,
                              const int32_t *table, int is_signed)
{
    const uint32_t taps = rows->tap_count;
    int32x4_t sum0 = vldrwq_s32(table), sum1 = vldrwq_s32(table + 4), sum2 = vldrwq_s32(table + 8),
              sum3 = vldrwq_s32(table + 12);
    for (uint32_t tap = 0; tap < taps; tap += 2) {
        int8x16_t x = vldrbq_s8(rows->taps[tap] + at), w = vldrbq_s8(weights + MVE_LANES * tap);
        int16x8_t even = vmullbq_int_s8(x, w), odd = vmulltq_int_s8(x, w);
        if (tap + 1u < taps) {
            x = vldrbq_s8(rows->taps[tap + 1u] + at);
            w = vldrbq_s8(weights + MVE_LANES * (tap + 1u));
            even = vaddq_s16(even, vmullbq_int_s8(x, w));
            odd = vaddq_s16(odd, vmulltq_int_s8(x, w));
        }
        sum0 = vaddq_s32(sum0, vmovlbq_s16(even));
        sum1 = vaddq_s32(sum1, vmovltq_s16(even));
        sum2 = vaddq_s32(sum2, vmovlbq_s16(odd));
        sum3 = vaddq_s32(sum3, vmovltq_s16(odd));
    }
    table += MVE_LANES;
    sum0 = rescaled(sum0, table, is_signed);
    sum1 = rescaled(sum1, table + 4, is_signed);
    sum2 = rescaled(sum2, table + 8, is_signed);
    sum3 = rescaled(sum3, table + 12, is_signed);
    int16x8_t even = vqmovnbq_s32(vuninitializedq_s16(), sum0), odd = vqmovnbq_s32(vuninitializedq_s16(), sum2);
    even = vqaddq_n_s16(vqmovntq_s32(even, sum1), (int16_t)rows->zero_point);
    odd = vqaddq_n_s16(vqmovntq_s32(odd, sum3), (int16_t)rows->zero_point);
    int8x16_t bytes = vqmovnbq_s16(vuninitializedq_s8(), even);
    bytes = vqmovntq_s16(bytes, odd);
    return vmaxq_s8(vminq_s8(bytes, vdupq_n_s8((int8_t)rows->act_max)), vdupq_n_s8((int8_t)rows->act_min));
}

/* Nine taps of three rows, three columns at equal distances each. */
static inline int is_3x3(const tinytl_mve_depthwise *rows)
{
    return rows->tap_count == 9u && rows->columns == 3u;
}

static inline void run(const tinytl_mve_depthwise *rows, int is_signed)
{
    int8_t *output = rows->output;
    for (uint32_t pixel = 0, start = 0; pixel < rows->pixels; pixel++, start += rows->step) {
        const int8_t *weights = rows->weights;
        const int32_t *table = rows->channels;
        uint32_t at = start, left = rows->lanes;
        for (; left >= MVE_LANES; left -= MVE_LANES, at += MVE_LANES, output += MVE_LANES) {
            vstrbq_s8(output, block(rows, at, weights, table, is_signed));
            if (rows->cycle > 1u) {
                weights += rows->tap_count * MVE_LANES;
                table += MVE_TABLE_WORDS;
            }
        }
        if (left) {
            vstrbq_p_s8(output, block(rows, at, weights, table, is_signed), vctp8q(left));
            output += left;
        }
    }
}

void tinytl_mve_depthwise_rounded(const tinytl_mve_depthwise *rows)
{
    if (is_3x3(rows))
        tinytl_mve_depthwise_3x3_rounded(rows);
    else
        run(rows, 0);
}

void tinytl_mve_depthwise_signed(const tinytl_mve_depthwise *rows)
{
    if (is_3x3(rows))
        tinytl_mve_depthwise_3x3_signed(rows);
    else
        run(rows, 1);
}
