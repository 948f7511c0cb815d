/* SPDX-License-Identifier: Apache-2.0 */
#include "learn/layers/window.h"

#include <string.h>

static const tinytl_head_value *input_of(const tinytl_model *model, uint32_t layer)
{
    return &model->values[model->layers[layer].inputs[0]];
}

static float *columns_of(const tinytl_model *model)
{
    return tinytl_floats_at(model, model->head->columns);
}

/* A dense layer, or a window of one pixel: its numbers lie side by side. First element in the input, or TINYTL_NONE. */
static uint32_t first_element(const tinytl_model *model, const tinytl_head_layer *layer, const tinytl_head_value *input,
                              uint32_t pixel)
{
    const tinytl_head_value *output;
    uint32_t row, column;
    if (layer->kind == TINYTL_DENSE)
        return 0;
    if (layer->window_height != 1 || layer->window_width != 1)
        return TINYTL_NONE;
    if (layer->stride_height == 1 && layer->stride_width == 1)
        return pixel * input->channels;
    output = &model->values[tinytl_value_of(model, (uint32_t)(layer - model->layers))];
    row = pixel / output->width * layer->stride_height;
    column = pixel % output->width * layer->stride_width;
    return (row * input->width + column) * input->channels;
}

tinytl_place tinytl_place_of(const tinytl_model *model, uint32_t number, uint32_t pixel)
{
    const tinytl_head_layer *layer = &model->layers[number];
    const tinytl_head_value *input = input_of(model, number), *output = &model->values[tinytl_value_of(model, number)];
    int32_t end;
    tinytl_place place = {(int32_t)(pixel / output->width * layer->stride_height) - layer->pad_top,
                   (int32_t)(pixel % output->width * layer->stride_width) - layer->pad_left, 0, 0};
    end = (int32_t)input->width - place.column;
    end = end < layer->window_width ? end : layer->window_width;
    place.left = place.column < 0 ? (uint32_t)-place.column : 0;
    place.inside = (uint32_t)end - place.left;
    return place;
}

static void copy_row(const tinytl_model *model, uint32_t number, uint32_t first, uint32_t count, float *to)
{
    const tinytl_head_value *value = &model->values[number];
    if (value->storage == TINYTL_FEATURE)
        tinytl_feature_read(model, number, first, count, to);
    else
        memmove(to, tinytl_floats_at(model, value->place) + first, (size_t)count * sizeof *to);
}

static void copy_window(const tinytl_model *model, uint32_t number, uint32_t pixel, float *to)
{
    const tinytl_head_layer *layer = &model->layers[number];
    const tinytl_head_value *input = input_of(model, number);
    uint32_t channels = input->channels, row_floats = layer->window_width * channels;
    tinytl_place window = tinytl_place_of(model, number, pixel);
    for (uint32_t y = 0; y < layer->window_height; y++, to += row_floats) {
        uint32_t count = window.inside * channels, left = window.left * channels,
                 first = tinytl_place_row(&window, input, y);
        if (first == TINYTL_NONE)
            left = row_floats, count = 0;
        memset(to, 0, (size_t)left * sizeof *to);
        if (count != 0)
            copy_row(model, layer->inputs[0], first, count, to + left);
        memset(to + left + count, 0, (size_t)(row_floats - left - count) * sizeof *to);
    }
}

const float *tinytl_window_read(tinytl_pass *pass, uint32_t number, uint32_t pixel)
{
    const tinytl_model *model = pass->model;
    const tinytl_head_layer *layer = &model->layers[number];
    const tinytl_head_value *input = input_of(model, number);
    float *columns = columns_of(model);
    uint32_t first;
    if (pass->columns_layer == number && pass->columns_pixel == pixel)
        return columns;
    first = first_element(model, layer, input, pixel);
    if (first != TINYTL_NONE && input->storage != TINYTL_FEATURE)
        return tinytl_floats_at(model, input->place) + first;
    if (first != TINYTL_NONE)
        tinytl_feature_read(model, layer->inputs[0], first, layer->kind == TINYTL_DENSE ? layer->in : input->channels,
                            columns);
    else
        copy_window(model, number, pixel, columns);
    pass->columns_layer = number;
    pass->columns_pixel = pixel;
    return columns;
}

float *tinytl_window_gradient(tinytl_pass *pass, uint32_t number, uint32_t pixel)
{
    const tinytl_model *model = pass->model;
    const tinytl_head_layer *layer = &model->layers[number];
    const tinytl_head_value *input = input_of(model, number);
    uint32_t first = first_element(model, layer, input, pixel);
    float *columns = columns_of(model);
    if (first != TINYTL_NONE)
        return tinytl_floats_at(model, input->gradient) + first;
    pass->columns_layer = TINYTL_NONE;
    memset(columns, 0, (size_t)layer->window_height * layer->window_width * input->channels * sizeof *columns);
    return columns;
}

void tinytl_window_scatter(const tinytl_model *model, uint32_t number, uint32_t pixel, const float *columns)
{
    const tinytl_head_layer *layer = &model->layers[number];
    const tinytl_head_value *input = input_of(model, number);
    float *d_input = tinytl_floats_at(model, input->gradient);
    uint32_t channels = input->channels;
    tinytl_place window;
    if (first_element(model, layer, input, pixel) != TINYTL_NONE)
        return;
    window = tinytl_place_of(model, number, pixel);
    for (uint32_t y = 0; y < layer->window_height; y++, columns += layer->window_width * channels) {
        const float *from = columns + window.left * channels;
        uint32_t first = tinytl_place_row(&window, input, y);
        for (uint32_t i = 0; first != TINYTL_NONE && i < window.inside * channels; i++)
            d_input[first + i] += from[i];
    }
}
