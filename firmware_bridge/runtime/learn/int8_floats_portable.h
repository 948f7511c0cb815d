/* SPDX-License-Identifier: Apache-2.0
 *
 * What int8_rows.h does with floats in C, for cores without an FPU too.
 */
#ifndef TINYTL_LEARN_INT8_FLOATS_PORTABLE_H
#define TINYTL_LEARN_INT8_FLOATS_PORTABLE_H

#include <stdint.h>

static inline int16_t to_int16(float value)
{
    return (int16_t)(value >= 32767.0f ? 32767 : value > -32768.0f ? (int32_t)value : -32768);
}

static inline void move_four(int8_t *weights, const int32_t *sums, float factor, int32_t keep, uint32_t chance)
{
    for (uint32_t k = 0; k < 4; k++) {
        float move = (float)sums[k] * factor;
        int32_t steps = move >= (float)INT8_MOST ? INT8_MOST - 1 : move < -(float)INT8_MOST ? -INT8_MOST : (int32_t)move;
        chance = chance * INT8_CHANCE_FACTOR + INT8_CHANCE_STEP;
        steps = (weights[k] * keep + steps + (int32_t)(chance >> 12)) >> 20;
        weights[k] = (int8_t)(steps > 127 ? 127 : steps < -128 ? -128 : steps);
    }
}

#endif
