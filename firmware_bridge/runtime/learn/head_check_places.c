/* SPDX-License-Identifier: Apache-2.0
 *
 * Where the head's buffers lie in the arena. What outlasts an inference (parameters, velocities, replay buffer) may touch no
 * tensor and no scratch; what is used after an inference may touch no graph output, which the learner reads first.
 */
#include "learn/head_check.h"

#define PLACES 6u
#define PERSISTENT 3u

typedef struct place {
    uint64_t start;
    uint64_t bytes;
    uint32_t field; /* of the head section */
} place;

#define FIELD(member) ((uint32_t)offsetof(tinytl_head_section, member))

static const tinytl_error accepted = {TINYTL_STATUS_ok, 0, 0};

static int overlap(uint64_t a, uint64_t a_bytes, uint64_t b, uint64_t b_bytes)
{
    return a < b + b_bytes && b < a + a_bytes && a_bytes != 0 && b_bytes != 0;
}

/* The persistent ones first; what is absent has 0 bytes. */
static void list_places(const tinytl_head_section *head, place places[PLACES])
{
    uint64_t parameters_bytes = (uint64_t)head->parameter_count * sizeof(float);
    uint64_t replay_features_bytes = ((uint64_t)head->replay_capacity * head->feature_count + 3u) & ~(uint64_t)3u;
    uint32_t has_velocities = head->velocities != TINYTL_NONE;
    places[0] = (place){head->parameters, parameters_bytes, FIELD(parameters)};
    places[1] = (place){has_velocities ? head->velocities : 0, has_velocities ? parameters_bytes : 0, FIELD(velocities)};
    places[2] = (place){head->replay_buffer, replay_features_bytes + (uint64_t)head->replay_capacity * sizeof(uint16_t),
                        FIELD(replay_buffer)};
    places[3] = (place){head->features_f32, (uint64_t)head->feature_count * sizeof(float), FIELD(features_f32)};
    places[4] = (place){head->features_s8, head->feature_count, FIELD(features_s8)};
    places[5] = (place){head->workspace, head->workspace_bytes, FIELD(workspace)};
}

static tinytl_error check_arena(const tinytl_image_header *header, const place places[PLACES])
{
    for (uint32_t i = 0; i < PLACES; i++) {
        uint64_t end = places[i].start + places[i].bytes;
        if (end > header->arena_bytes)
            return (tinytl_error){TINYTL_STATUS_bad_offset, end > UINT32_MAX ? UINT32_MAX : (uint32_t)end, header->arena_bytes};
        if (places[i].start % TINYTL_ALIGNMENT != 0)
            return (tinytl_error){TINYTL_STATUS_misaligned, (uint32_t)places[i].start, TINYTL_ALIGNMENT};
        for (uint32_t j = 0; j < i; j++)
            if (overlap(places[i].start, places[i].bytes, places[j].start, places[j].bytes))
                return (tinytl_error){TINYTL_STATUS_bad_record, header->head, places[i].field};
    }
    return accepted;
}

/* `bytes` of the graph at `start` do not touch the first `count` places. */
static tinytl_error check_apart(const tinytl_image_header *header, const place *places, uint32_t count, uint32_t start, uint32_t bytes)
{
    for (uint32_t i = 0; i < count; i++)
        if (overlap(places[i].start, places[i].bytes, start, bytes))
            return (tinytl_error){TINYTL_STATUS_bad_record, header->head, places[i].field};
    return accepted;
}

static tinytl_error check_graph(const tinytl_image_header *header, const place places[PLACES])
{
    const uint8_t *image = (const uint8_t *)header;
    const tinytl_tensor *tensors = (const tinytl_tensor *)(const void *)(image + header->tensors);
    const tinytl_operator *operators = (const tinytl_operator *)(const void *)(image + header->operators);
    const uint16_t *outputs = (const uint16_t *)(const void *)(image + header->operands) + header->graph_operands + header->input_count;
    tinytl_error error = accepted;
    for (uint32_t i = 0; i < header->tensor_count && error.status == TINYTL_STATUS_ok; i++)
        if (tensors[i].region == 0)
            error = check_apart(header, places, PERSISTENT, tensors[i].offset, tensors[i].bytes);
    for (uint32_t i = 0; i < header->operator_count && error.status == TINYTL_STATUS_ok; i++)
        error = check_apart(header, places, PERSISTENT, operators[i].scratch_offset, operators[i].scratch_bytes);
    for (uint32_t i = 0; i < header->output_count && error.status == TINYTL_STATUS_ok; i++)
        error = check_apart(header, places, PLACES, tensors[outputs[i]].offset, tensors[outputs[i]].bytes);
    return error;
}

/* Outputs and gradients of all layers lie apart in the workspace. */
static tinytl_error check_workspace(const tinytl_image_header *header, const tinytl_head_section *head)
{
    const tinytl_head_layer *layers = (const tinytl_head_layer *)(const void *)((const uint8_t *)header + head->layers);
    for (uint32_t i = 0; i < 2u * head->layer_count; i++)
        for (uint32_t j = 0; j < i; j++) {
            const tinytl_head_layer *a = &layers[i / 2u], *b = &layers[j / 2u];
            if (overlap((i & 1u) ? a->d_output : a->output, a->out, (j & 1u) ? b->d_output : b->output, b->out))
                return (tinytl_error){TINYTL_STATUS_bad_record, head->layers + i / 2u * (uint32_t)sizeof *a,
                                      (uint32_t)((i & 1u) ? offsetof(tinytl_head_layer, d_output) : offsetof(tinytl_head_layer, output))};
        }
    return accepted;
}

tinytl_error tinytl_head_check_places(const void *image)
{
    const tinytl_image_header *header = image;
    const tinytl_head_section *head = (const tinytl_head_section *)(const void *)((const uint8_t *)image + header->head);
    place places[PLACES];
    tinytl_error error;
    list_places(head, places);
    error = check_arena(header, places);
    if (error.status == TINYTL_STATUS_ok)
        error = check_graph(header, places);
    return error.status == TINYTL_STATUS_ok ? check_workspace(header, head) : error;
}
