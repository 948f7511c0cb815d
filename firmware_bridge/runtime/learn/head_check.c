/* SPDX-License-Identifier: Apache-2.0
 *
 * Sums and products of what the image says are made in 64 bits, so that none wraps. Counts stay below 2^24: then every index
 * below fits 32 bits, and counts are exact as floats.
 */
#include "learn/head_check.h"

#include "learn/elementary.h"

#define MAX_LAYERS 8u
#define MAX_COUNT (1u << 24)
#define MAX_CLASSES 4096u
#define MAX_REPLAYS 64u

#define FIELD(record, member) ((uint32_t)offsetof(record, member))
#define REFUSE(member) refuse(header, FIELD(tinytl_head_section, member))

/* The structs are the records of SPEC.md section 2.5, read in place. */
typedef char section_has_112_bytes[sizeof(tinytl_head_section) == 112 ? 1 : -1];
typedef char layer_has_32_bytes[sizeof(tinytl_head_layer) == 32 ? 1 : -1];

static const tinytl_error accepted = {TINYTL_STATUS_ok, 0, 0};

static tinytl_error refuse(const tinytl_image_header *header, uint32_t field)
{
    return (tinytl_error){TINYTL_STATUS_bad_record, header->head, field};
}

static const tinytl_head_section *section_of(const tinytl_image_header *header)
{
    return (const tinytl_head_section *)(const void *)((const uint8_t *)header + header->head);
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
        return (tinytl_error){TINYTL_STATUS_bad_offset, end > UINT32_MAX ? UINT32_MAX : (uint32_t)end, header->image_bytes};
    if (offset % TINYTL_ALIGNMENT != 0 || offset < header->header_bytes)
        return (tinytl_error){TINYTL_STATUS_misaligned, offset, TINYTL_ALIGNMENT};
    return accepted;
}

static tinytl_error check_counts(const tinytl_image_header *header)
{
    const tinytl_head_section *head = section_of(header);
    if (head->layer_count == 0 || head->layer_count > MAX_LAYERS)
        return REFUSE(layer_count);
    if (head->class_capacity > MAX_CLASSES)
        return REFUSE(class_capacity);
    if (head->class_count == 0 || head->class_count > head->class_capacity)
        return REFUSE(class_count);
    if (head->feature_count == 0 || head->feature_count > MAX_COUNT)
        return REFUSE(feature_count);
    if (head->parameter_count > MAX_COUNT)
        return REFUSE(parameter_count);
    if (head->replay_set_count > MAX_COUNT)
        return REFUSE(replay_set_count);
    if (head->replay_capacity > MAX_COUNT)
        return REFUSE(replay_capacity);
    for (uint32_t i = 0; i < 4; i++)
        if (head->reserved[i] != 0)
            return REFUSE(reserved);
    return inside_image(header, head->layers, (uint64_t)head->layer_count * sizeof(tinytl_head_layer));
}

/* learning_rate × weight_decay ≤ 1: a weight may decay to 0, not swing past it. */
static tinytl_error check_learning(const tinytl_image_header *header)
{
    const tinytl_head_section *head = section_of(header);
    if (!(head->learning_rate > 0.0f) || !is_finite(head->learning_rate))
        return REFUSE(learning_rate);
    if (!(head->momentum >= 0.0f && head->momentum < 1.0f))
        return REFUSE(momentum);
    if (head->momentum > 0.0f && head->velocities == TINYTL_NONE)
        return REFUSE(velocities);
    if (!(head->weight_decay >= 0.0f && head->learning_rate * head->weight_decay <= 1.0f))
        return REFUSE(weight_decay);
    if (head->replays_per_step > MAX_REPLAYS)
        return REFUSE(replays_per_step);
    if (head->seed == 0)
        return REFUSE(seed);
    if (head->loss != 1)
        return REFUSE(loss);
    return accepted;
}

/* The graph outputs are the features: int8 in the arena, with a scale. */
static tinytl_error check_features(const tinytl_image_header *header)
{
    const uint8_t *image = (const uint8_t *)header;
    const tinytl_tensor *tensors = (const tinytl_tensor *)(const void *)(image + header->tensors);
    const uint16_t *outputs = (const uint16_t *)(const void *)(image + header->operands) + header->graph_operands + header->input_count;
    uint64_t features = 0;
    for (uint32_t index = 0; index < header->output_count; index++) {
        const tinytl_tensor *tensor = &tensors[outputs[index]];
        if (tensor->dtype != TINYTL_INT8 || tensor->region != 0 || !(tensor->scale > 0.0f) || !is_finite(tensor->scale))
            return REFUSE(feature_count);
        features += tensor->bytes;
    }
    return features == section_of(header)->feature_count ? accepted : REFUSE(feature_count);
}

/* Field of a layer that is wrong, or 0 (kind, which stands there, is told apart by the caller). */
static uint32_t layer_fault(const tinytl_head_layer *layer, uint64_t in, uint64_t first_parameter, uint64_t workspace_floats)
{
    if (layer->activation > 2)
        return FIELD(tinytl_head_layer, activation);
    if (layer->in != in)
        return FIELD(tinytl_head_layer, in);
    if (layer->out == 0 || layer->out > MAX_COUNT)
        return FIELD(tinytl_head_layer, out);
    if (layer->weights != first_parameter)
        return FIELD(tinytl_head_layer, weights);
    if (layer->bias != first_parameter + in * layer->out)
        return FIELD(tinytl_head_layer, bias);
    if ((uint64_t)layer->output + layer->out > workspace_floats)
        return FIELD(tinytl_head_layer, output);
    if ((uint64_t)layer->d_output + layer->out > workspace_floats)
        return FIELD(tinytl_head_layer, d_output);
    if (layer->reserved != 0)
        return FIELD(tinytl_head_layer, reserved);
    return 0;
}

/* Each layer takes what the one before gives; parameters follow one another without gaps and are all counted. */
static tinytl_error check_layers(const tinytl_image_header *header)
{
    const tinytl_head_section *head = section_of(header);
    const tinytl_head_layer *layers = (const tinytl_head_layer *)(const void *)((const uint8_t *)header + head->layers);
    uint64_t width = head->feature_count, parameters = 0;
    for (uint32_t number = 0; number < head->layer_count; number++) {
        const tinytl_head_layer *layer = &layers[number];
        uint32_t record = head->layers + number * (uint32_t)sizeof *layer;
        uint32_t fault = layer_fault(layer, width, parameters, head->workspace_bytes / sizeof(float));
        if (layer->kind != 1 || fault != 0)
            return (tinytl_error){TINYTL_STATUS_bad_record, record, layer->kind != 1 ? 0 : fault};
        if (number + 1 == head->layer_count && layer->activation != 0)
            return (tinytl_error){TINYTL_STATUS_bad_record, record, FIELD(tinytl_head_layer, activation)};
        parameters += (width + 1u) * layer->out;
        if (parameters > head->parameter_count)
            return REFUSE(parameter_count);
        width = layer->out;
    }
    if (parameters != head->parameter_count)
        return REFUSE(parameter_count);
    return width == head->class_capacity ? accepted : REFUSE(class_capacity);
}

static tinytl_error check_initial_parameters(const tinytl_image_header *header)
{
    const tinytl_head_section *head = section_of(header);
    const float *initial = (const float *)(const void *)((const uint8_t *)header + head->initial_parameters);
    tinytl_error error = inside_image(header, head->initial_parameters, (uint64_t)head->parameter_count * sizeof(float));
    if (error.status != TINYTL_STATUS_ok)
        return error;
    for (uint32_t i = 0; i < head->parameter_count; i++)
        if (!is_finite(initial[i]))
            return REFUSE(initial_parameters);
    return accepted;
}

static tinytl_error check_replay_set(const tinytl_image_header *header)
{
    const tinytl_head_section *head = section_of(header);
    const uint16_t *labels = (const uint16_t *)(const void *)((const uint8_t *)header + head->replay_set_labels);
    uint64_t count = head->replay_set_count;
    tinytl_error error;
    if (count == 0)
        return head->replay_set_features == 0 && head->replay_set_labels == 0 ? accepted : REFUSE(replay_set_count);
    error = inside_image(header, head->replay_set_features, count * head->feature_count);
    if (error.status == TINYTL_STATUS_ok)
        error = inside_image(header, head->replay_set_labels, count * sizeof *labels);
    for (uint32_t i = 0; error.status == TINYTL_STATUS_ok && i < count; i++)
        if (labels[i] >= head->class_count)
            error = REFUSE(replay_set_labels);
    return error;
}

tinytl_error tinytl_head_check(const void *image)
{
    static tinytl_error (*const checks[])(const tinytl_image_header *) = {
        check_counts, check_learning, check_features, check_layers, check_initial_parameters, check_replay_set,
    };
    const tinytl_image_header *header = image;
    tinytl_error error = accepted;
    if (header->head == 0)
        return accepted;
    error = inside_image(header, header->head, sizeof(tinytl_head_section));
    for (size_t i = 0; i < sizeof checks / sizeof checks[0] && error.status == TINYTL_STATUS_ok; i++)
        error = checks[i](header);
    return error.status == TINYTL_STATUS_ok ? tinytl_head_check_places(image) : error;
}
