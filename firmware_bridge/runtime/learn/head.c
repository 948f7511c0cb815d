/* SPDX-License-Identifier: Apache-2.0
 *
 * The trainable head: features → logits, and one step of learning. Works on a checked image (head_check.c) and on nothing but
 * the arena ranges that its head section names.
 *
 * A step changes parameters only after everything that could make one of them infinite or NaN has been ruled out: outputs,
 * loss and gradients of all layers are finite, and |learning_rate × d_output × input| < 2^64 everywhere. Half a unit in the
 * last place of the largest float is 2^103, and momentum below 1 accumulates less than 2^26 such steps, so no finite
 * parameter can leave the finite numbers.
 */
#include <math.h>
#include <string.h>

#include "learn/dense.h"
#include "learn/elementary.h"
#include "learn/loss.h"
#include "learn/replay.h"
#include "tinytl.h"

#define STEP_LIMIT 18446744073709551616.0f /* 2^64 */
#define LARGEST_FEATURE 255.0f             /* |q - zero_point| */

static float *floats_at(const tinytl_model *model, uint32_t offset)
{
    return (float *)(void *)(model->arena + offset);
}

static float *workspace_at(const tinytl_model *model, uint32_t index)
{
    return floats_at(model, model->head->workspace) + index;
}

static int8_t *features_s8(const tinytl_model *model)
{
    return (int8_t *)model->arena + model->head->features_s8;
}

static const tinytl_tensor *output_tensor(const tinytl_model *model, uint32_t index)
{
    uint32_t first = model->header->graph_operands + model->header->input_count;
    return &model->tensors[model->operands[first + index]];
}

static tinytl_dense layer_at(const tinytl_model *model, uint32_t number)
{
    const tinytl_head_layer *record = &model->layers[number];
    float *parameters = floats_at(model, model->head->parameters);
    tinytl_dense layer = {record->in, record->out, record->activation, NULL, NULL, NULL, NULL};
    if (number + 1 == model->head->layer_count)
        layer.out = model->class_count; /* reserved rows take no part */
    layer.weights = parameters + record->weights;
    layer.bias = parameters + record->bias;
    if (model->head->momentum > 0.0f) {
        float *velocities = floats_at(model, model->head->velocities);
        layer.weight_velocities = velocities + record->weights;
        layer.bias_velocities = velocities + record->bias;
    }
    return layer;
}

static const float *layer_input(const tinytl_model *model, uint32_t number)
{
    if (number == 0)
        return floats_at(model, model->head->features_f32);
    return workspace_at(model, model->layers[number - 1].output);
}

/* Graph outputs → one contiguous run, in their order. */
static void collect_features(const tinytl_model *model)
{
    int8_t *to = features_s8(model);
    for (uint32_t index = 0; index < model->header->output_count; index++) {
        const tinytl_tensor *tensor = output_tensor(model, index);
        memcpy(to, model->arena + tensor->offset, tensor->bytes);
        to += tensor->bytes;
    }
}

/* feature = (q - zero_point) × scale, each with the scale of its graph output. */
static void dequantize_features(const tinytl_model *model, const int8_t *from)
{
    float *to = floats_at(model, model->head->features_f32);
    for (uint32_t index = 0; index < model->header->output_count; index++) {
        const tinytl_tensor *tensor = output_tensor(model, index);
        const int8_t *end = from + tensor->bytes;
        int32_t zero_point = tensor->zero_point;
        float scale = tensor->scale;
        while (from != end)
            *to++ = (float)(*from++ - zero_point) * scale;
    }
}

static float largest_feature(const tinytl_model *model)
{
    float largest = 0.0f;
    for (uint32_t index = 0; index < model->header->output_count; index++) {
        float scale = output_tensor(model, index)->scale;
        largest = scale > largest ? scale : largest;
    }
    return LARGEST_FEATURE * largest;
}

static uint32_t largest_magnitude(const float *values, uint32_t count)
{
    uint32_t largest = 0;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t magnitude = tinytl_magnitude(values[i]);
        largest = magnitude > largest ? magnitude : largest;
    }
    return largest;
}

static void forward(const tinytl_model *model)
{
    for (uint32_t number = 0; number < model->head->layer_count; number++) {
        tinytl_dense layer = layer_at(model, number);
        tinytl_dense_forward(&layer, layer_input(model, number), workspace_at(model, model->layers[number].output));
    }
}

static int outputs_are_finite(const tinytl_model *model)
{
    for (uint32_t number = 0; number < model->head->layer_count; number++) {
        tinytl_dense layer = layer_at(model, number);
        const float *output = workspace_at(model, model->layers[number].output);
        if (largest_magnitude(output, layer.out) >= TINYTL_MAGNITUDE_INFINITE)
            return 0;
    }
    return 1;
}

/* d_output of the last layer → d_output of all, before their activations. */
static void backward(const tinytl_model *model)
{
    for (uint32_t number = model->head->layer_count - 1; number > 0; number--) {
        tinytl_dense layer = layer_at(model, number), before = layer_at(model, number - 1);
        float *d_input = workspace_at(model, model->layers[number - 1].d_output);
        tinytl_dense_backward(&layer, workspace_at(model, model->layers[number].d_output), d_input);
        tinytl_dense_mask(&before, layer_input(model, number), d_input);
    }
}

/* Whether |learning_rate × d_output × input| < STEP_LIMIT in every layer; input 1 stands for the bias. */
static int steps_are_bounded(const tinytl_model *model)
{
    float input = largest_feature(model);
    for (uint32_t number = 0; number < model->head->layer_count; number++) {
        tinytl_dense layer = layer_at(model, number);
        const tinytl_head_layer *record = &model->layers[number];
        uint32_t d_output = largest_magnitude(workspace_at(model, record->d_output), layer.out);
        float step = model->head->learning_rate * tinytl_float_of_bits(d_output);
        if (!(step * (input > 1.0f ? input : 1.0f) < STEP_LIMIT))
            return 0;
        input = tinytl_float_of_bits(largest_magnitude(workspace_at(model, record->output), layer.out));
    }
    return 1;
}

static void update(const tinytl_model *model)
{
    const tinytl_head_section *head = model->head;
    tinytl_sgd sgd = {head->learning_rate, head->momentum, 1.0f - head->learning_rate * head->weight_decay};
    for (uint32_t number = 0; number < head->layer_count; number++) {
        tinytl_dense layer = layer_at(model, number);
        const float *d_output = workspace_at(model, model->layers[number].d_output);
        tinytl_dense_update(&layer, layer_input(model, number), d_output, &sgd);
    }
}

/* One SGD step on the features in features_f32; changes nothing where it returns `diverged`. */
static tinytl_step_result learn(const tinytl_model *model, uint32_t label)
{
    const tinytl_head_layer *last = &model->layers[model->head->layer_count - 1];
    const float *logits = workspace_at(model, last->output);
    tinytl_step_result result = {TINYTL_STATUS_diverged, 0, INFINITY};
    forward(model);
    result.predicted = tinytl_largest(logits, model->class_count);
    if (!outputs_are_finite(model))
        return result;
    result.loss =
        tinytl_softmax_cross_entropy(logits, model->class_count, label, workspace_at(model, last->d_output));
    if (tinytl_magnitude(result.loss) >= TINYTL_MAGNITUDE_INFINITE)
        return result;
    backward(model);
    if (!steps_are_bounded(model))
        return result;
    update(model);
    result.status = TINYTL_STATUS_ok;
    return result;
}

/* A replayed sample whose own step would diverge is passed over. */
static void replay(tinytl_model *model)
{
    uint32_t count = model->head->replays_per_step;
    uint32_t turn = model->steps * count;
    for (uint32_t r = 0; r < count; r++) {
        tinytl_replayed sample = tinytl_replay_draw(model, turn + r);
        if (sample.features == NULL)
            return;
        dequantize_features(model, sample.features);
        (void)learn(model, sample.label);
    }
}

uint32_t tinytl_head_infer(tinytl_model *model)
{
    if (model->head == NULL)
        return 0;
    collect_features(model);
    dequantize_features(model, features_s8(model));
    forward(model);
    return tinytl_largest(tinytl_head_logits(model), model->class_count);
}

const float *tinytl_head_logits(const tinytl_model *model)
{
    if (model->head == NULL)
        return NULL;
    return workspace_at(model, model->layers[model->head->layer_count - 1].output);
}

tinytl_step_result tinytl_head_step(tinytl_model *model, uint32_t label)
{
    tinytl_step_result result = {TINYTL_STATUS_no_head, 0, 0.0f};
    if (model->head == NULL)
        return result;
    result.status = TINYTL_STATUS_bad_label;
    if (label >= model->class_count)
        return result;
    collect_features(model);
    dequantize_features(model, features_s8(model));
    result = learn(model, label);
    if (result.status != TINYTL_STATUS_ok)
        return result;
    replay(model);
    tinytl_replay_offer(model, features_s8(model), label,
                        workspace_at(model, model->layers[model->head->layer_count - 1].d_output));
    model->steps++;
    return result;
}

void tinytl_head_reset(tinytl_model *model)
{
    const tinytl_head_section *head = model->head;
    size_t bytes;
    if (head == NULL)
        return;
    bytes = (size_t)head->parameter_count * sizeof(float);
    memcpy(tinytl_head_parameters(model), model->image + head->initial_parameters, bytes);
    if (head->velocities != TINYTL_NONE)
        memset(model->arena + head->velocities, 0, bytes);
    model->class_count = head->class_count;
    model->steps = 0;
    model->random = head->seed;
    model->replay_count = 0;
}

float *tinytl_head_parameters(const tinytl_model *model)
{
    return model->head == NULL ? NULL : floats_at(model, model->head->parameters);
}
