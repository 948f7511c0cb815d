/* SPDX-License-Identifier: Apache-2.0
 *
 * How far a sample's features lie from those of the source task's classes, and what samples were like of late.
 * Distances are sums of integers, so they are exact on any machine.
 */
#include <string.h>

#include "learn/arithmetic/elementary.h"
#include "learn/layers/graph.h"

#define UNITS 16 /* of the image's means to a step of int8 */
#define REMEMBERED 64u /* samples that the means reach back */
#define EVERY 8u

/* sums[k]: elements k, k + count, k + 2 count … of each feature. The check of the image leaves less than 2^17 of
 * them: |sum| < 2^28. */
static void fold(const tinytl_model *model, uint32_t count, int32_t *sums)
{
    memset(sums, 0, count * sizeof *sums);
    for (uint32_t value = 0; value < model->head->feature_values; value++) {
        const int8_t *features = tinytl_feature_at(model, value);
        const uint32_t bytes = tinytl_feature_tensor(model, value)->bytes;
        for (uint32_t k = 0; k < count; k++) {
            int32_t sum = 0;
            for (uint32_t i = k; i < bytes; i += count)
                sum += features[i];
            sums[k] += sum * UNITS;
        }
    }
}

/* Squared; below 2^64, since |means| ≤ 2^28 too. */
static uint64_t distance(const int32_t *sums, const int32_t *means, uint32_t count)
{
    uint64_t total = 0;
    for (uint32_t k = 0; k < count; k++) {
        const int64_t away = sums[k] - means[k];
        total += (uint64_t)(away * away);
    }
    return total;
}

float tinytl_head_drift(const tinytl_model *model)
{
    const tinytl_head_section *head = model->head;
    int32_t sums[TINYTL_DRIFT_NUMBERS];
    uint64_t nearest = UINT64_MAX;
    if (head == NULL || head->drift_numbers == 0)
        return -1.0f;
    const int32_t *means = (const int32_t *)(const void *)(model->image + head->drift_means);
    fold(model, head->drift_numbers, sums);
    for (uint32_t label = 0; label < head->class_count; label++, means += head->drift_numbers) {
        const uint64_t squared = distance(sums, means, head->drift_numbers);
        nearest = squared < nearest ? squared : nearest;
    }
    return tinytl_sqrt_f32((float)nearest / head->drift_spread);
}

int tinytl_watch_is_due(tinytl_watch *watch)
{
    return watch->looked < REMEMBERED || ++watch->passed % EVERY == 0;
}

void tinytl_watch_note(tinytl_watch *watch, float confidence, float drift)
{
    if (!(confidence >= 0.0f))
        return;
    watch->looked++;
    const float share = 1.0f / (float)(watch->looked < REMEMBERED ? watch->looked : REMEMBERED);
    watch->confidence += (confidence - watch->confidence) * share;
    watch->drift += (drift - watch->drift) * share;
}
