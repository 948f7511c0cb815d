/* SPDX-License-Identifier: Apache-2.0 */
#include "learn/loss.h"

#include "learn/elementary.h"

uint32_t tinytl_largest(const float *logits, uint32_t classes)
{
    uint32_t best = 0;
    for (uint32_t j = 1; j < classes; j++)
        if (logits[j] > logits[best])
            best = j;
    return best;
}

float tinytl_softmax_cross_entropy(const float *logits, uint32_t classes, uint32_t label, float *d_logits)
{
    float largest = logits[tinytl_largest(logits, classes)];
    float sum = 0.0f;
    float scale;
    for (uint32_t j = 0; j < classes; j++) {
        float power = tinytl_exp_f32(logits[j] - largest);
        d_logits[j] = power;
        sum += power;
    }
    scale = 1.0f / sum; /* sum ≥ 1: the largest logit adds e^0 */
    for (uint32_t j = 0; j < classes; j++)
        d_logits[j] *= scale;
    d_logits[label] -= 1.0f;
    return tinytl_log_f32(sum) - (logits[label] - largest);
}
