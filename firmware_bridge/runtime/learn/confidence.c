/* SPDX-License-Identifier: Apache-2.0
 *
 * How sure the head is: the probability of the class that it predicts.
 */
#include "learn/arithmetic/elementary.h"
#include "tinytl.h"

/* Of one logit z: the sigmoid of |z|. Of several: the softmax's largest, 1 / Σ e^(z - max z). Sums
 * run from class 0 up. */
float tinytl_head_confidence(const tinytl_model *model)
{
    const float *logits = tinytl_head_logits(model);
    uint32_t count = tinytl_head_logit_count(model);
    float largest, sum = 0.0f;
    if (count == 0)
        return 0.0f;
    if (count == 1)
        return 1.0f / (1.0f + tinytl_exp_f32(logits[0] < 0.0f ? logits[0] : -logits[0]));
    largest = logits[0];
    for (uint32_t j = 1; j < count; j++)
        largest = logits[j] > largest ? logits[j] : largest;
    for (uint32_t j = 0; j < count; j++)
        sum += tinytl_exp_f32(logits[j] - largest);
    return 1.0f / sum;
}
