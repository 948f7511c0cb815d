/* SPDX-License-Identifier: Apache-2.0
 *
 * No update makes a parameter infinite or NaN: |step × input| < 2^64 holds for each, a layer adds at most 2^24 of them
 * a sample, momentum below 1 accumulates less than 2^26 samples' worth, and half a unit in the last place of the
 * largest float is 2^103. Where gradients are summed, each new number is looked at.
 */
#include "learn/layers/update.h"

#include "learn/arithmetic/elementary.h"
#include "learn/arithmetic/fused.h"

#define STEP_LIMIT 18446744073709551616.0f /* 2^64 */

typedef struct run {
    uint32_t first;
    uint32_t count;
} run;

static uint32_t weight_count(const tinytl_model *model, uint32_t number)
{
    const tinytl_head_layer *layer = &model->layers[number];
    if (layer->kind == TINYTL_DEPTHWISE_CONV_2D || layer->kind == TINYTL_SCALE)
        return layer->in * layer->out;
    return layer->in * tinytl_rows_of(model, number);
}

/* Float weights. */
static run trained_weights(const tinytl_model *model, uint32_t number)
{
    const tinytl_head_layer *layer = &model->layers[number];
    int floats = (layer->trains & TINYTL_TRAINS_WEIGHTS) && layer->weight_storage == TINYTL_WEIGHTS_FLOAT32;
    return (run){layer->weights, floats ? weight_count(model, number) : 0};
}

static run trained_bias(const tinytl_model *model, uint32_t number)
{
    const tinytl_head_layer *layer = &model->layers[number];
    return (run){layer->bias, (layer->trains & TINYTL_TRAINS_BIAS) ? tinytl_rows_of(model, number) : 0};
}

static void scale_run(float *values, run range, float factor)
{
    for (uint32_t i = range.first; i < range.first + range.count; i++)
        values[i] *= factor;
}

/* Where gradients go: parameters, moments or sums. */
static float *target_of(const tinytl_model *model)
{
    const tinytl_head_section *head = model->head;
    if (head->gradients != TINYTL_NONE)
        return tinytl_floats_at(model, head->gradients);
    return tinytl_floats_at(model, head->moments != TINYTL_NONE ? head->moments : head->parameters);
}

/* Largest |d_output| that keeps |factor × d_output × input| below STEP_LIMIT; input 1 stands for the bias. */
static uint32_t limit_of(const tinytl_pass *pass, uint32_t number, float factor)
{
    float bound = tinytl_value_bound(pass->model, pass->model->layers[number].inputs[0]);
    float limit = STEP_LIMIT / (factor * (bound <= 1.0f ? 1.0f : bound));
    return limit > 0.0f ? tinytl_float_bits(limit) : 1u;
}

tinytl_update tinytl_update_begin(const tinytl_pass *pass, uint32_t number)
{
    const tinytl_model *model = pass->model;
    const tinytl_head_section *head = model->head;
    const tinytl_head_layer *layer = &model->layers[number];
    float *target = target_of(model), keep = tinytl_update_keep(pass);
    int summed = head->gradients != TINYTL_NONE;
    float rate = summed ? 1.0f : pass->learning_rate * layer->rate_factor;
    tinytl_update update = {NULL, NULL, summed ? 1.0f : -rate, 0};
    update.limit = limit_of(pass, number, rate);
    if (layer->trains & TINYTL_TRAINS_WEIGHTS)
        update.weights = target + layer->weights;
    if (layer->trains & TINYTL_TRAINS_BIAS)
        update.bias = target + layer->bias;
    if (!summed && head->moments != TINYTL_NONE) {
        scale_run(target, trained_weights(model, number), head->momentum);
        scale_run(target, trained_bias(model, number), head->momentum);
    } else if (!summed && keep < 1.0f) {
        scale_run(target, trained_weights(model, number), keep);
    }
    return update;
}

static void move_by_moments(const tinytl_model *model, run range, float keep)
{
    const float *moments = tinytl_floats_at(model, model->head->moments);
    float *parameters = tinytl_floats_at(model, model->head->parameters);
    for (uint32_t i = range.first; i < range.first + range.count; i++)
        parameters[i] = TINYTL_FUSED(keep, parameters[i], moments[i]);
}

void tinytl_update_finish(const tinytl_pass *pass, uint32_t number)
{
    const tinytl_model *model = pass->model;
    if (model->head->gradients != TINYTL_NONE || model->head->moments == TINYTL_NONE)
        return;
    move_by_moments(model, trained_weights(model, number), tinytl_update_keep(pass));
    move_by_moments(model, trained_bias(model, number), 1.0f);
}

/* One update from summed gradients: `mean` makes their clipped mean of them, `rate` is a layer's and includes
 * Adam's corrections. */
typedef struct applied {
    tinytl_pass *pass;
    float mean;
    float rate;
} applied;

/* Writes a number unless it left the finite ones. */
static void store(tinytl_pass *pass, float *to, float value)
{
    if (tinytl_magnitude(value) < TINYTL_MAGNITUDE_INFINITE)
        *to = value;
    else
        pass->diverged = 1;
}

/* m += (1 - β1)(g - m), v += (1 - β2)(g² - v), w = keep × w - rate × m / (√v + ε), as Keras computes it. */
static void adam(const applied *update, uint32_t i, float gradient, float keep)
{
    const tinytl_model *model = update->pass->model;
    const tinytl_head_section *head = model->head;
    float *m = tinytl_floats_at(model, head->moments) + i, *v = tinytl_floats_at(model, head->second_moments) + i;
    float *weight = tinytl_floats_at(model, head->parameters) + i;
    store(update->pass, m, TINYTL_FUSED(1.0f - head->momentum, gradient - *m, *m));
    store(update->pass, v, TINYTL_FUSED(1.0f - head->second_momentum, TINYTL_FUSED(gradient, gradient, -*v), *v));
    store(update->pass, weight,
          TINYTL_FUSED(-update->rate, *m / (tinytl_sqrt_f32(*v) + head->epsilon), keep * *weight));
}

static void sgd(const applied *update, uint32_t i, float gradient, float keep)
{
    const tinytl_model *model = update->pass->model;
    float *weight = tinytl_floats_at(model, model->head->parameters) + i;
    if (model->head->moments == TINYTL_NONE) {
        store(update->pass, weight, TINYTL_FUSED(-update->rate, gradient, keep * *weight));
        return;
    }
    float *v = tinytl_floats_at(model, model->head->moments) + i;
    store(update->pass, v, TINYTL_FUSED(-update->rate, gradient, model->head->momentum * *v));
    store(update->pass, weight, TINYTL_FUSED(keep, *weight, *v));
}

static void apply_run(const applied *update, run range, float keep)
{
    const tinytl_model *model = update->pass->model;
    float *gradients = tinytl_floats_at(model, model->head->gradients);
    for (uint32_t i = range.first; i < range.first + range.count; i++) {
        float gradient = gradients[i] * update->mean;
        gradients[i] = 0.0f;
        if (model->head->optimizer == TINYTL_ADAM)
            adam(update, i, gradient, keep);
        else
            sgd(update, i, gradient, keep);
    }
}

/* 1 / samples, and less where the mean's norm is beyond clip_norm. */
static float mean_factor(const tinytl_model *model)
{
    const tinytl_head_section *head = model->head;
    const float *gradients = tinytl_floats_at(model, head->gradients);
    float mean = 1.0f / (float)head->accumulation, squares = 0.0f, norm;
    if (!(head->clip_norm > 0.0f))
        return mean;
    for (uint32_t i = 0; i < head->parameter_count; i++) {
        float gradient = gradients[i] * mean;
        squares = TINYTL_FUSED(gradient, gradient, squares);
    }
    norm = tinytl_sqrt_f32(squares);
    return norm > head->clip_norm ? mean * (head->clip_norm / norm) : mean;
}

void tinytl_update_apply(tinytl_pass *pass, tinytl_model *model)
{
    const tinytl_head_section *head = model->head;
    applied update = {pass, 0.0f, 0.0f};
    float rate = pass->learning_rate;
    if (head->gradients == TINYTL_NONE || ++model->gathered < head->accumulation)
        return;
    model->gathered = 0;
    model->updates++;
    update.mean = mean_factor(model);
    if (head->optimizer == TINYTL_ADAM)
        rate *= tinytl_sqrt_f32(1.0f - tinytl_power_f32(head->second_momentum, model->updates)) /
                (1.0f - tinytl_power_f32(head->momentum, model->updates));
    for (uint32_t number = 0; number < head->layer_count; number++) {
        update.rate = rate * model->layers[number].rate_factor;
        apply_run(&update, trained_weights(model, number), tinytl_update_keep(pass));
        apply_run(&update, trained_bias(model, number), 1.0f);
    }
}
