/* SPDX-License-Identifier: Apache-2.0 */
#include "learn/layers/loss.h"

#include <string.h>

#include "learn/arithmetic/elementary.h"
#include "learn/arithmetic/fused.h"

uint32_t tinytl_largest(const float *logits, uint32_t count)
{
    float largest = logits[0];
    uint32_t best = 0;
    for (uint32_t j = 1; j < count; j++)
        if (logits[j] > largest) {
            largest = logits[j];
            best = j;
        }
    return best;
}

static float softmax_cross_entropy(const float *logits, uint32_t count, uint32_t label, float largest, float *d_logits)
{
    float sum = 0.0f, finite = 0.0f; /* which 0 × infinity or NaN is not */
    float scale;
    for (uint32_t j = 0; j < count; j++) {
        float below = logits[j] - largest, power = tinytl_exp_here(below);
        d_logits[j] = power;
        sum += power;
        finite = TINYTL_FUSED(below, 0.0f, finite);
    }
    scale = 1.0f / sum; /* sum ≥ 1: the largest logit adds e^0 */
    for (uint32_t j = 0; j < count; j++)
        d_logits[j] *= scale;
    d_logits[label] -= 1.0f;
    return tinytl_log_f32(sum) - (logits[label] - largest) + finite;
}

/* Turns the loss and d_logits of a one-hot target into those of the smoothed one. Returns what the loss grows by,
 * smoothing × (z_label - mean z). */
static float smooth_label(const float *logits, uint32_t count, uint32_t label, float largest, float smoothing,
                          float *d_logits)
{
    float share = smoothing / (float)count, growth = smoothing * (logits[label] - largest);
    for (uint32_t j = 0; j < count; j++) {
        growth = TINYTL_FUSED(share, largest - logits[j], growth);
        d_logits[j] -= share;
    }
    d_logits[label] += smoothing;
    return growth;
}

/* With a = e^-|z| in (0, 1]: log(1 + e^z) = max(z, 0) + log(1 + a); sigmoid(z) = 1 / (1 + a), of a
 * negative z a / (1 + a). */
static float sigmoid_cross_entropy(const float *logits, uint32_t count, uint32_t label, float *d_logits)
{
    float loss = 0.0f;
    for (uint32_t j = 0; j < count; j++) {
        float z = logits[j], target = label == j ? 1.0f : 0.0f;
        float a = tinytl_exp_f32(z < 0.0f ? z : -z);
        float share = 1.0f / (1.0f + a);
        loss += (z > 0.0f ? z : 0.0f) - target * z + tinytl_log_f32(1.0f + a);
        d_logits[j] = (z < 0.0f ? a * share : share) - target;
    }
    return loss;
}

static float squared_error(const float *logits, uint32_t count, uint32_t label, float *d_logits)
{
    float sum = 0.0f, share = 1.0f / (float)count;
    for (uint32_t j = 0; j < count; j++) {
        float error = logits[j] - (label == j ? 1.0f : 0.0f);
        sum = TINYTL_FUSED(error, error, sum);
        d_logits[j] = 2.0f * share * error;
    }
    return sum * share;
}

/* Whether labels are smoothed: by the bits, as most heads do not, and a float compared takes longer. -0 is 0. */
static int smooths(const tinytl_head_section *head)
{
    uint32_t bits;
    memcpy(&bits, &head->label_smoothing, sizeof bits);
    return bits << 1 != 0;
}

float tinytl_loss_of(const tinytl_head_section *head, const float *logits, uint32_t count, uint32_t label,
                     uint32_t largest, float *d_logits)
{
    float loss;
    if (head->loss == TINYTL_SIGMOID_CROSS_ENTROPY)
        return sigmoid_cross_entropy(logits, count, label, d_logits);
    if (head->loss == TINYTL_SQUARED_ERROR)
        return squared_error(logits, count, label, d_logits);
    loss = softmax_cross_entropy(logits, count, label, logits[largest], d_logits);
    if (smooths(head))
        loss += smooth_label(logits, count, label, logits[largest], head->label_smoothing, d_logits);
    return loss;
}
