/* SPDX-License-Identifier: Apache-2.0 */
#include "learn/layers/schedule.h"

#include "learn/arithmetic/elementary.h"
#include "learn/arithmetic/fused.h"

float tinytl_learning_rate(const tinytl_head_section *head, uint32_t steps)
{
    float rate = head->learning_rate, factor = head->schedule_factor, share;
    if (head->schedule == TINYTL_CONSTANT)
        return rate;
    if (head->schedule == TINYTL_STEPS)
        return rate * tinytl_power_f32(factor, steps / head->schedule_steps);
    if (steps >= head->schedule_steps)
        return rate * factor;
    share = 0.5f * (1.0f + tinytl_cos_pi_f32((float)steps / (float)head->schedule_steps));
    return rate * TINYTL_FUSED(share, 1.0f - factor, factor);
}
