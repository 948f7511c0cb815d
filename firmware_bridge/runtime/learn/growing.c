/* SPDX-License-Identifier: Apache-2.0
 *
 * A class that the head did not have. Its row of the last layer is imprinted (Qi et al., «Low-Shot Learning with
 * Imprinted Weights», CVPR 2018, arXiv:1712.07136): it points where the first sample's inputs of that layer lie. There
 * inputs are normalized; here they are not and have a bias, so the direction is taken from the centre of the replayed
 * samples, and the mean of the other rows is added:
 *
 *     d = x - centre,   w = mean of rows + (spread / |d|) d,   b = mean of biases - (spread / |d|) d·centre
 *
 * spread is the root mean square of |row - mean of rows|. So at the centre the new class's logit is the
 * mean of the others'.
 */
#include <string.h>

#include "ground/error.h"
#include "learn/class_names.h"
#include "learn/arithmetic/elementary.h"
#include "learn/groups.h"
#include "learn/replay.h"
#include "learn/layers/window.h"
#include "tinytl.h"

#define CENTRE_SAMPLES 64u

/* The last layer's parameters, all rows; in: numbers of a row. */
typedef struct last_layer {
    float *weights;
    float *bias;
    uint32_t number;
    uint32_t in;
} last_layer;

static last_layer last_of(const tinytl_model *model)
{
    uint32_t number = model->head->layer_count - 1;
    const tinytl_head_layer *layer = &model->layers[number];
    float *parameters = tinytl_head_parameters(model);
    return (last_layer){parameters + layer->weights, parameters + layer->bias, number, layer->in};
}

/* Inputs of the last layer for the model's present features, [in]. */
static const float *inputs_of_last(tinytl_model *model, const last_layer *last)
{
    tinytl_pass pass = tinytl_pass_of(model, 0.0f);
    tinytl_groups_forward(&pass);
    return tinytl_window_read(&pass, last->number, 0);
}

/* Mean inputs over the first replayed samples: of the replay set, or of the buffer where there is no set; zeros
 * where both are empty. */
static void find_centre(tinytl_model *model, const last_layer *last, float *centre)
{
    uint32_t from_set = model->head->replay_set_count, count = from_set != 0 ? from_set : model->replay_count;
    memset(centre, 0, (size_t)last->in * sizeof *centre);
    count = count < CENTRE_SAMPLES ? count : CENTRE_SAMPLES;
    for (uint32_t place = 0; place < count; place++) {
        const float *inputs;
        model->features =
            (from_set != 0 ? tinytl_replay_set_at(model, place) : tinytl_replay_buffer_at(model, place)).features;
        inputs = inputs_of_last(model, last);
        for (uint32_t i = 0; i < last->in; i++)
            centre[i] += inputs[i];
    }
    model->features = NULL;
    for (uint32_t i = 0; count != 0 && i < last->in; i++)
        centre[i] *= 1.0f / (float)count;
}

static float mean_of(const float *first, uint32_t count, uint32_t stride)
{
    float sum = 0.0f;
    for (uint32_t j = 0; j < count; j++)
        sum += first[(size_t)j * stride];
    return sum * (1.0f / (float)count);
}

/* Root mean square over the rows of their distance from their mean. */
static float spread_of(const last_layer *last, uint32_t rows)
{
    float squares = 0.0f;
    for (uint32_t i = 0; i < last->in; i++) {
        float mean = mean_of(last->weights + i, rows, last->in);
        for (uint32_t j = 0; j < rows; j++) {
            float distance = last->weights[(size_t)j * last->in + i] - mean;
            squares = TINYTL_FUSED(distance, distance, squares);
        }
    }
    return tinytl_sqrt_f32(squares * (1.0f / (float)rows));
}

/* Writes row `rows` and its bias. Returns 0 and writes zeros where they would not be finite. */
static int imprint(tinytl_model *model, const last_layer *last, uint32_t rows)
{
    float *row = last->weights + (size_t)rows * last->in, squares = 0.0f, along = 0.0f, factor;
    const float *inputs;
    find_centre(model, last, row);
    inputs = inputs_of_last(model, last);
    for (uint32_t i = 0; i < last->in; i++) {
        float d = inputs[i] - row[i];
        squares = TINYTL_FUSED(d, d, squares);
        along = TINYTL_FUSED(d, row[i], along);
        row[i] = d;
    }
    factor = squares > 0.0f ? spread_of(last, rows) / tinytl_sqrt_f32(squares) : 0.0f;
    for (uint32_t i = 0; i < last->in; i++)
        row[i] = TINYTL_FUSED(factor, row[i], mean_of(last->weights + i, rows, last->in));
    last->bias[rows] = TINYTL_FUSED(-factor, along, mean_of(last->bias, rows, 1));
    if (tinytl_largest_magnitude(row, last->in) < TINYTL_MAGNITUDE_INFINITE &&
        tinytl_magnitude(last->bias[rows]) < TINYTL_MAGNITUDE_INFINITE)
        return 1;
    memset(row, 0, (size_t)last->in * sizeof *row);
    last->bias[rows] = 0.0f;
    return 0;
}

tinytl_error tinytl_head_grow(tinytl_model *model, const char *name)
{
    const tinytl_head_section *head = model->head;
    uint32_t number = model->class_count;
    tinytl_error error;
    last_layer last;
    if (head == NULL)
        return refusal(TINYTL_STATUS_no_head, 0, 0);
    if (number == head->class_capacity)
        return refusal(TINYTL_STATUS_no_room, number, head->class_capacity);
    if (model->layers[head->layer_count - 1].trains != (TINYTL_TRAINS_WEIGHTS | TINYTL_TRAINS_BIAS))
        return refusal(TINYTL_STATUS_frozen_rows, 0, 0);
    error = tinytl_class_name_check(name, tinytl_head_class_name(model, head->class_count), number - head->class_count);
    error.got += error.status == TINYTL_STATUS_name_taken ? head->class_count : 0;
    if (error.status != TINYTL_STATUS_ok)
        return error;
    last = last_of(model);
    if (!imprint(model, &last, number))
        return refusal(TINYTL_STATUS_diverged, 0, 0);
    memset(tinytl_head_class_name(model, number), 0, TINYTL_CLASS_NAME_BYTES);
    memcpy(tinytl_head_class_name(model, number), name, strlen(name));
    model->class_count++;
    return error;
}
