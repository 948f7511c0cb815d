/* SPDX-License-Identifier: Apache-2.0 */
#include "learn/groups.h"

#include <string.h>

#include "learn/int8/int8_layer.h"
#include "learn/layers/layers.h"

typedef struct layer_kind {
    tinytl_layer_forward *forward;
    tinytl_layer_gradient *gradient;
    tinytl_layer_update *update;
} layer_kind;

#define INT8 0 /* stands for dense and conv_2d with int8 weights, whose updates go in rounds */

static const layer_kind kinds[TINYTL_LAYER_KINDS] = {
    [INT8] = {tinytl_int8_forward, tinytl_int8_gradient, NULL},
    [TINYTL_DENSE] = {tinytl_product_forward, tinytl_product_gradient, tinytl_product_update},
    [TINYTL_CONV_2D] = {tinytl_product_forward, tinytl_product_gradient, tinytl_product_update},
    [TINYTL_DEPTHWISE_CONV_2D] = {tinytl_depthwise_forward, tinytl_depthwise_gradient, tinytl_depthwise_update},
    [TINYTL_SCALE] = {tinytl_scale_forward, tinytl_scale_gradient, tinytl_scale_update},
    [TINYTL_ADD] = {tinytl_add_forward, tinytl_add_gradient, NULL},
    [TINYTL_ACTIVATION] = {tinytl_copy_forward, tinytl_add_gradient, NULL},
    [TINYTL_AVERAGE_POOL] = {tinytl_average_pool_forward, tinytl_average_pool_gradient, NULL},
    [TINYTL_MAX_POOL] = {tinytl_max_pool_forward, tinytl_max_pool_gradient, NULL},
    [TINYTL_DROPOUT] = {tinytl_dropout_forward, tinytl_dropout_gradient, NULL},
    [TINYTL_CONCATENATE] = {tinytl_concatenate_forward, tinytl_concatenate_gradient, NULL},
};

static const layer_kind *kind_of(const tinytl_head_layer *layer)
{
    return &kinds[tinytl_is_int8(layer) ? INT8 : layer->kind];
}

/* Layers [first, end). */
typedef struct group {
    uint32_t first;
    uint32_t end;
    uint32_t pixels;
} group;

static const tinytl_head_value *output_of(const tinytl_model *model, uint32_t number)
{
    return &model->values[tinytl_value_of(model, number)];
}

/* Pools run over the pixels of their input, others over those of their output. */
static group group_at(const tinytl_model *model, uint32_t first)
{
    uint32_t kind = model->layers[first].kind, end = first + 1;
    int pools = kind == TINYTL_AVERAGE_POOL || kind == TINYTL_MAX_POOL;
    while (end < model->head->layer_count && model->layers[end].joins)
        end++;
    return (group){first, end,
                   tinytl_pixels(pools ? &model->values[model->layers[first].inputs[0]] : output_of(model, first))};
}

static void forward_pixel(tinytl_pass *pass, const group *run, uint32_t pixel)
{
    for (uint32_t number = run->first; number < run->end; number++) {
        const tinytl_head_layer *layer = &pass->model->layers[number];
        kind_of(layer)->forward(pass, number, pixel);
        if (layer->activation != 0)
            tinytl_activate(pass, number, pixel);
    }
}

static void for_average_pools(const tinytl_pass *pass, const group *run, void (*call)(const tinytl_pass *, uint32_t))
{
    for (uint32_t number = run->first; number < run->end; number++)
        if (pass->model->layers[number].kind == TINYTL_AVERAGE_POOL)
            call(pass, number);
}

/* A head of one layer: a dense layer without activation, as every last one is, on one pixel. */
static int is_one_layer(const tinytl_model *model)
{
    return model->head->layer_count == 1;
}

void tinytl_groups_forward(tinytl_pass *pass)
{
    const tinytl_model *model = pass->model;
    if (is_one_layer(model)) {
        kind_of(model->layers)->forward(pass, 0, 0);
        return;
    }
    for (group run = {0, 0, 0}; run.end < model->head->layer_count;) {
        run = group_at(model, run.end);
        for_average_pools(pass, &run, tinytl_average_pool_begin);
        for (uint32_t pixel = 0; pixel < run.pixels; pixel++)
            forward_pixel(pass, &run, pixel);
        for_average_pools(pass, &run, tinytl_average_pool_end);
    }
}

static int wants(const tinytl_model *model, uint32_t number)
{
    return model->values[number].gradient != TINYTL_NONE;
}

/* Whether a value's gradient is added to in this pass. */
static int takes(const tinytl_pass *pass, uint32_t number)
{
    return wants(pass->model, number) && (pass->whole || pass->model->values[number].storage == TINYTL_PIXEL);
}

/* Whether a layer has a gradient to hand on in this pass. */
static int hands_on(const tinytl_pass *pass, uint32_t number)
{
    const tinytl_head_layer *layer = &pass->model->layers[number];
    return takes(pass, layer->inputs[0]) || takes(pass, layer->inputs[1]);
}

static void clear(const tinytl_model *model, uint32_t number, uint32_t pixels)
{
    const tinytl_head_value *value = &model->values[number];
    memset(tinytl_floats_at(model, value->gradient), 0, (size_t)pixels * value->channels * sizeof(float));
}

/* The gradient of a value that is stored whole begins with the last layer that reads it. */
static void clear_input(const tinytl_model *model, const group *run, uint32_t input)
{
    const tinytl_head_value *value = &model->values[input];
    if (wants(model, input) && value->storage == TINYTL_WHOLE && value->last_reader >= run->first &&
        value->last_reader < run->end)
        clear(model, input, tinytl_pixels(value));
}

static void clear_whole(const tinytl_model *model, const group *run)
{
    for (uint32_t number = run->first; number < run->end; number++) {
        const uint16_t *inputs = model->layers[number].inputs;
        clear_input(model, run, inputs[0]);
        if (inputs[1] != inputs[0])
            clear_input(model, run, inputs[1]);
    }
}

static void clear_pixel(const tinytl_model *model, const group *run)
{
    for (uint32_t number = run->first; number < run->end; number++)
        if (output_of(model, number)->storage == TINYTL_PIXEL && wants(model, tinytl_value_of(model, number)))
            clear(model, tinytl_value_of(model, number), 1);
}

/* Gradients of one pixel, from the group's last layer to the one behind its first. */
static void backward_pixel(tinytl_pass *pass, const group *run, uint32_t pixel)
{
    const tinytl_model *model = pass->model;
    clear_pixel(model, run);
    for (uint32_t number = run->end; number-- > run->first;) {
        if (!wants(model, tinytl_value_of(model, number)))
            continue;
        if (model->layers[number].activation != 0)
            tinytl_activation_gradient(pass, number, pixel);
        if (number > run->first && hands_on(pass, number))
            kind_of(&model->layers[number])->gradient(pass, number, pixel);
    }
}

static void update_int8(tinytl_pass *pass, const group *run)
{
    const tinytl_update update = tinytl_update_begin(pass, run->first);
    uint32_t rounds = tinytl_int8_rounds(&pass->model->layers[run->first], run->pixels);
    for (uint32_t round = 0; round < rounds; round++, pass->whole = 0) {
        for (uint32_t pixel = 0; pixel < run->pixels; pixel++) {
            backward_pixel(pass, run, pixel);
            tinytl_int8_gather(pass, run->first, pixel, round, &update);
        }
        tinytl_int8_finish(pass, run->first, round, &update);
    }
}

/* What the first layer hands on needs its weights as they were: it goes first, over all pixels. Gradients of values
 * that are stored whole are added to in one of the two rounds. */
static void backward_group(tinytl_pass *pass, const group *run)
{
    const tinytl_head_layer *first = &pass->model->layers[run->first];
    int hands, trains = wants(pass->model, tinytl_value_of(pass->model, run->first)) && first->trains != 0;
    clear_whole(pass->model, run);
    pass->whole = 1;
    hands = hands_on(pass, run->first);
    for (uint32_t pixel = 0; (hands || !trains) && pixel < run->pixels; pixel++) {
        backward_pixel(pass, run, pixel);
        if (hands)
            kind_of(first)->gradient(pass, run->first, pixel);
    }
    if (!trains)
        return;
    pass->whole = !hands;
    if (tinytl_is_int8(first)) {
        update_int8(pass, run);
        return;
    }
    const tinytl_update update = tinytl_update_begin(pass, run->first);
    for (uint32_t pixel = 0; pixel < run->pixels; pixel++) {
        backward_pixel(pass, run, pixel);
        kind_of(first)->update(pass, run->first, pixel, &update);
    }
    tinytl_update_finish(pass, run->first);
}

static int is_wanted(const tinytl_model *model, const group *run)
{
    uint32_t number = run->first;
    while (number < run->end && !wants(model, tinytl_value_of(model, number)))
        number++;
    return number < run->end;
}

static void update_one_layer(tinytl_pass *pass)
{
    const tinytl_update update = tinytl_update_begin(pass, 0);
    tinytl_product_update(pass, 0, 0, &update);
    tinytl_update_finish(pass, 0);
}

void tinytl_groups_backward(tinytl_pass *pass)
{
    const tinytl_model *model = pass->model;
    if (is_one_layer(model) && !tinytl_is_int8(model->layers)) {
        update_one_layer(pass);
        return;
    }
    for (uint32_t end = model->head->layer_count; end > 0;) {
        group run = {end - 1, end, 0};
        while (model->layers[run.first].joins)
            run.first--;
        run = group_at(model, run.first);
        if (is_wanted(model, &run))
            backward_group(pass, &run);
        end = run.first;
    }
}
