/* SPDX-License-Identifier: Apache-2.0
 *
 * Sums and products of what the image says are made in 64 bits, so that none wraps. Counts stay below 2^24: then every
 * index below fits 32 bits, and counts are exact as floats.
 */
#include "learn/check/head_check.h"

#include <string.h>

#include "ground/error.h"
#include "learn/arithmetic/elementary.h"
#include "learn/int8/int8_layer.h"

#define MAX_FOLDED 65536u      /* features in one of the sums that drift compares */
#define MAX_MEAN (1 << 28)

#define BAD_SECTION(member) bad_record(header->head, FIELD(tinytl_head_section, member))

/* The structs are the records of SPEC.md section 2.5, read in place. */
typedef char section_has_192_bytes[sizeof(tinytl_head_section) == 192 ? 1 : -1];
typedef char value_has_32_bytes[sizeof(tinytl_head_value) == 32 ? 1 : -1];
typedef char layer_has_52_bytes[sizeof(tinytl_head_layer) == 52 ? 1 : -1];

static const tinytl_head_section *section_of(const tinytl_image_header *header)
{
    return (const tinytl_head_section *)(const void *)((const uint8_t *)header + header->head);
}

static const tinytl_head_layer *layers_of(const tinytl_image_header *header)
{
    return (const tinytl_head_layer *)(const void *)((const uint8_t *)header + section_of(header)->layers);
}

static int is_finite(float value)
{
    return tinytl_magnitude(value) < TINYTL_MAGNITUDE_INFINITE;
}

/* `bytes` at `offset` are inside the image and aligned as sections are. */
static tinytl_error inside_image(const tinytl_image_header *header, uint32_t offset, uint64_t bytes)
{
    uint64_t end = offset + bytes;
    if (end > header->image_bytes)
        return refusal(TINYTL_STATUS_bad_offset, capped(end), header->image_bytes);
    if (offset % TINYTL_ALIGNMENT != 0 || offset < header->header_bytes)
        return refusal(TINYTL_STATUS_misaligned, offset, TINYTL_ALIGNMENT);
    return fine();
}

static tinytl_error check_counts(const tinytl_image_header *header)
{
    const tinytl_head_section *head = section_of(header);
    tinytl_error error;
    if (head->layer_count == 0 || head->layer_count > TINYTL_MAX_LAYERS)
        return BAD_SECTION(layer_count);
    if (head->feature_values != header->output_count)
        return BAD_SECTION(feature_values);
    if (head->value_count != head->feature_values + head->layer_count)
        return BAD_SECTION(value_count);
    if (head->class_capacity > TINYTL_MAX_CLASSES)
        return BAD_SECTION(class_capacity);
    if (head->class_count == 0 || head->class_count > head->class_capacity)
        return BAD_SECTION(class_count);
    if (head->feature_count == 0 || head->feature_count > TINYTL_MAX_COUNT)
        return BAD_SECTION(feature_count);
    if (head->parameter_count == 0 || head->parameter_count > TINYTL_MAX_COUNT)
        return BAD_SECTION(parameter_count);
    if (head->frozen_count > TINYTL_MAX_COUNT)
        return BAD_SECTION(frozen_count);
    if (head->columns_floats > TINYTL_MAX_COUNT)
        return BAD_SECTION(columns_floats);
    if (head->replay_set_count > TINYTL_MAX_COUNT)
        return BAD_SECTION(replay_set_count);
    if (head->replay_capacity > TINYTL_MAX_COUNT)
        return BAD_SECTION(replay_capacity);
    error = inside_image(header, head->layers, (uint64_t)head->layer_count * sizeof(tinytl_head_layer));
    if (error.status != TINYTL_STATUS_ok)
        return error;
    return inside_image(header, head->values, (uint64_t)head->value_count * sizeof(tinytl_head_value));
}

/* The guard has a buffer that is large enough to tell anything, or no settings. */
static tinytl_error check_guard(const tinytl_image_header *header)
{
    const tinytl_head_section *head = section_of(header);
    int guarded = head->guard_capacity != 0;
    if (head->guard_capacity > TINYTL_MAX_GUARD || (guarded && head->guard_capacity < TINYTL_GUARD_LEAST))
        return BAD_SECTION(guard_capacity);
    if (!guarded && head->guard_every != 0)
        return BAD_SECTION(guard_every);
    if (!guarded && head->guard_check_every != 0)
        return BAD_SECTION(guard_check_every);
    return fine();
}

static int is_real_in(float value, float least, float greatest)
{
    return value >= least && value <= greatest;
}

static int is_count_in(uint32_t value, uint32_t least, uint32_t greatest)
{
    return value >= least && value <= greatest;
}

/* Settings that nothing of this head reads: they may be 0. */
static int is_idle(const tinytl_head_section *head, uint32_t field)
{
    return (field == FIELD(tinytl_head_section, epsilon) && head->optimizer != TINYTL_ADAM) ||
           (field == FIELD(tinytl_head_section, guard_every) && head->guard_capacity == 0);
}

/* Every setting is within the limits of the one list. */
static tinytl_error check_settings(const tinytl_image_header *header)
{
    const tinytl_head_section *head = section_of(header);
#define REAL(name, least, greatest) \
    if (!is_real_in(head->name, least, greatest) && \
        !(head->name == 0.0f && is_idle(head, FIELD(tinytl_head_section, name)))) \
        return BAD_SECTION(name);
#define COUNT(name, least, greatest) \
    if (!is_count_in(head->name, least, greatest) && \
        !(head->name == 0 && is_idle(head, FIELD(tinytl_head_section, name)))) \
        return BAD_SECTION(name);
#define CHOICE(name, first, last) COUNT(name, first, last)
#define BYTES(name, least, greatest)
#include "learn/settings.def"
#undef REAL
#undef COUNT
#undef CHOICE
#undef BYTES
    return fine();
}

/* What settings must be to one another. learning_rate × weight_decay ≤ 1: a weight may decay
 * to 0, not swing past it. */
static tinytl_error check_together(const tinytl_image_header *header)
{
    const tinytl_head_section *head = section_of(header);
    if (!(head->learning_rate * head->weight_decay <= 1.0f))
        return BAD_SECTION(weight_decay);
    if (head->schedule != TINYTL_CONSTANT && head->schedule_steps == 0)
        return BAD_SECTION(schedule_steps);
    if (head->label_smoothing > 0.0f && head->loss != TINYTL_SOFTMAX_CROSS_ENTROPY)
        return BAD_SECTION(label_smoothing);
    return fine();
}

/* The buffers that an optimizer needs are there; int8 weights know plain SGD alone. */
static tinytl_error check_optimizer(const tinytl_image_header *header)
{
    const tinytl_head_section *head = section_of(header);
    int adam = head->optimizer == TINYTL_ADAM;
    if ((adam || head->accumulation > 1 || head->clip_norm > 0.0f) && head->gradients == TINYTL_NONE)
        return BAD_SECTION(gradients);
    if ((adam || head->momentum > 0.0f) && head->moments == TINYTL_NONE)
        return BAD_SECTION(moments);
    if (adam && head->second_moments == TINYTL_NONE)
        return BAD_SECTION(second_moments);
    if (head->int8_scratch_bytes != 0 && (adam || head->momentum > 0.0f || head->gradients != TINYTL_NONE))
        return BAD_SECTION(int8_scratch_bytes);
    return fine();
}

static int is_feature(const tinytl_tensor *tensor, const tinytl_head_value *value, uint64_t place)
{
    return tensor->dtype == TINYTL_INT8 && tensor->region == 0 && tensor->scale > 0.0f && is_finite(tensor->scale) &&
           value->storage == TINYTL_FEATURE && value->place == place && value->gradient == TINYTL_NONE &&
           value->mask == TINYTL_NONE && (uint64_t)value->height * value->width * value->channels == tensor->bytes;
}

/* The graph outputs are the features: int8 in the arena, with a scale. The first values are what
 * they are to the layers. */
static tinytl_error check_features(const tinytl_image_header *header)
{
    const uint8_t *image = (const uint8_t *)header;
    const tinytl_head_section *head = section_of(header);
    const tinytl_tensor *tensors = (const tinytl_tensor *)(const void *)(image + header->tensors);
    const tinytl_head_value *values = (const tinytl_head_value *)(const void *)(image + head->values);
    const uint16_t *outputs =
        (const uint16_t *)(const void *)(image + header->operands) + header->graph_operands + header->input_count;
    uint64_t features = 0;
    for (uint32_t index = 0; index < header->output_count; index++) {
        if (!is_feature(&tensors[outputs[index]], &values[index], features))
            return bad_record(head->values + index * (uint32_t)sizeof *values, 0);
        features += tensors[outputs[index]].bytes;
    }
    return features == head->feature_count ? fine() : BAD_SECTION(feature_count);
}

static uint32_t first_not_finite(const uint8_t *words, uint32_t first, uint32_t count)
{
    for (uint32_t i = first; i < first + count; i++) {
        float value;
        memcpy(&value, words + (size_t)i * sizeof value, sizeof value);
        if (!is_finite(value))
            return i;
    }
    return TINYTL_NONE;
}

uint32_t tinytl_head_not_finite(const tinytl_head_section *head, const tinytl_head_layer *layers, const void *words)
{
    uint32_t place = TINYTL_NONE, from = 0; /* floats since the last int8 weights */
    for (uint32_t number = 0; number < head->layer_count && place == TINYTL_NONE; number++)
        if (layers[number].weight_storage == TINYTL_WEIGHTS_INT8) {
            place = first_not_finite(words, from, layers[number].weights - from);
            from = layers[number].weights + (uint32_t)tinytl_int8_words(&layers[number]);
        }
    return place != TINYTL_NONE ? place : first_not_finite(words, from, head->parameter_count - from);
}

static tinytl_error check_frozen(const tinytl_image_header *header)
{
    const tinytl_head_section *head = section_of(header);
    tinytl_error error = inside_image(header, head->frozen_parameters, (uint64_t)head->frozen_count * sizeof(float));
    if (error.status == TINYTL_STATUS_ok &&
        first_not_finite((const uint8_t *)header + head->frozen_parameters, 0, head->frozen_count) != TINYTL_NONE)
        error = BAD_SECTION(frozen_parameters);
    return error;
}

/* A row's scale is what a weight of 1 means. */
static tinytl_error check_scales(const tinytl_image_header *header)
{
    const tinytl_head_section *head = section_of(header);
    const tinytl_head_layer *layers = layers_of(header);
    const float *frozen = (const float *)(const void *)((const uint8_t *)header + head->frozen_parameters);
    for (uint32_t number = 0; number < head->layer_count; number++)
        for (uint32_t r = 0; layers[number].weight_storage == TINYTL_WEIGHTS_INT8 && r < layers[number].out; r++)
            if (!(frozen[layers[number].scales + r] > 0.0f))
                return BAD_SECTION(frozen_parameters);
    return fine();
}

static tinytl_error check_parameters(const tinytl_image_header *header)
{
    const tinytl_head_section *head = section_of(header);
    tinytl_error error =
        inside_image(header, head->initial_parameters, (uint64_t)head->parameter_count * sizeof(float));
    if (error.status != TINYTL_STATUS_ok)
        return error;
    if (tinytl_head_not_finite(head, layers_of(header), (const uint8_t *)header + head->initial_parameters) !=
        TINYTL_NONE)
        return BAD_SECTION(initial_parameters);
    if (head->frozen_count == 0)
        return head->frozen_parameters == 0 ? fine() : BAD_SECTION(frozen_parameters);
    error = check_frozen(header);
    return error.status == TINYTL_STATUS_ok ? check_scales(header) : error;
}

static tinytl_error check_replay_set(const tinytl_image_header *header)
{
    const tinytl_head_section *head = section_of(header);
    const uint16_t *labels = (const uint16_t *)(const void *)((const uint8_t *)header + head->replay_set_labels);
    uint64_t count = head->replay_set_count;
    tinytl_error error;
    if (count == 0)
        return head->replay_set_features == 0 && head->replay_set_labels == 0 ? fine() : BAD_SECTION(replay_set_count);
    error = inside_image(header, head->replay_set_features, count * head->feature_count);
    if (error.status == TINYTL_STATUS_ok)
        error = inside_image(header, head->replay_set_labels, count * sizeof *labels);
    for (uint32_t i = 0; error.status == TINYTL_STATUS_ok && i < count; i++)
        if (labels[i] >= head->class_count)
            error = BAD_SECTION(replay_set_labels);
    return error;
}

/* Sums and means leave room for the squares of their differences: learn/drift.c. */
static tinytl_error check_drift(const tinytl_image_header *header)
{
    const tinytl_head_section *head = section_of(header);
    const int32_t *means = (const int32_t *)(const void *)((const uint8_t *)header + head->drift_means);
    uint64_t count = (uint64_t)head->class_count * head->drift_numbers;
    tinytl_error error;
    if (head->drift_numbers == 0)
        return head->drift_means != 0 ? BAD_SECTION(drift_means) :
               head->drift_spread != 0.0f ? BAD_SECTION(drift_spread) : fine();
    if (head->drift_numbers > TINYTL_DRIFT_NUMBERS || head->feature_count > head->drift_numbers * MAX_FOLDED)
        return BAD_SECTION(drift_numbers);
    if (!(head->drift_spread >= 1.0f) || !is_finite(head->drift_spread))
        return BAD_SECTION(drift_spread);
    error = inside_image(header, head->drift_means, count * sizeof *means);
    for (uint64_t i = 0; error.status == TINYTL_STATUS_ok && i < count; i++)
        if (means[i] < -MAX_MEAN || means[i] > MAX_MEAN)
            error = BAD_SECTION(drift_means);
    return error;
}

tinytl_error tinytl_head_check(const void *image)
{
    static tinytl_error (*const checks[])(const tinytl_image_header *) = {
        check_counts, check_guard, check_settings, check_together, check_optimizer, check_features,
        tinytl_head_check_layers, check_parameters, check_replay_set, check_drift,
    };
    const tinytl_image_header *header = image;
    tinytl_error error = fine();
    if (header->head == 0)
        return fine();
    error = inside_image(header, header->head, sizeof(tinytl_head_section));
    for (size_t i = 0; i < sizeof checks / sizeof checks[0] && error.status == TINYTL_STATUS_ok; i++)
        error = checks[i](header);
    return error.status == TINYTL_STATUS_ok ? tinytl_head_check_places(image) : error;
}
