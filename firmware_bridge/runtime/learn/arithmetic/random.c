/* SPDX-License-Identifier: Apache-2.0 */
#include "learn/arithmetic/random.h"

uint32_t tinytl_random(tinytl_model *model)
{
    uint32_t x = model->random;
    x ^= x << 13;
    x ^= x >> 17;
    x ^= x << 5;
    model->random = x;
    return x;
}

uint32_t tinytl_random_below(tinytl_model *model, uint32_t limit)
{
    return (uint32_t)(((uint64_t)tinytl_random(model) * limit) >> 32);
}
