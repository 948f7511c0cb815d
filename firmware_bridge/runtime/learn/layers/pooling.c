/* SPDX-License-Identifier: Apache-2.0
 *
 * Pools run over the pixels of their input, in order, so that it need not be stored: a pixel belongs to the cells of
 * the output whose windows cover it. Padding belongs to no mean and is never the largest.
 */
#include <string.h>

#include "learn/layers/layers.h"

/* Cells [first, end) along one side whose windows cover a place. */
typedef struct cells {
    uint32_t first;
    uint32_t end;
} cells;

/* The cells whose windows cover an input pixel, one after the other. */
typedef struct covered {
    cells rows;
    cells columns;
    uint32_t row; /* of the input pixel */
    uint32_t column;
    uint32_t cell_row; /* of the present cell */
    uint32_t cell_column;
    uint32_t cell; /* its number in the output */
} covered;

static cells cells_of(uint32_t place, uint32_t window, uint32_t stride, uint32_t pad, uint32_t count)
{
    uint32_t padded = place + pad;
    cells range = {padded < window ? 0 : (padded - window) / stride + 1, padded / stride + 1};
    if (range.end > count)
        range.end = count;
    return range;
}

/* Before the first cell. */
static covered covered_by(const tinytl_model *model, const tinytl_head_layer *layer, const tinytl_head_value *output,
                          uint32_t pixel)
{
    uint32_t width = model->values[layer->inputs[0]].width;
    covered cover = {.row = pixel / width, .column = pixel % width};
    cover.rows = cells_of(cover.row, layer->window_height, layer->stride_height, layer->pad_top, output->height);
    cover.columns = cells_of(cover.column, layer->window_width, layer->stride_width, layer->pad_left, output->width);
    cover.cell_row = cover.rows.first;
    cover.cell_column = cover.columns.first - 1u;
    return cover;
}

/* Goes to the next cell; 0 behind the last. */
static int next_cell(covered *by, const tinytl_head_value *output)
{
    if (++by->cell_column >= by->columns.end) {
        by->cell_row++;
        by->cell_column = by->columns.first;
    }
    by->cell = by->cell_row * output->width + by->cell_column;
    return by->cell_row < by->rows.end && by->columns.first < by->columns.end;
}

/* Places of a window that lie inside the input, along one side. */
static uint32_t inside(uint32_t cell, uint32_t window, uint32_t stride, uint32_t pad, uint32_t size)
{
    uint32_t start = cell * stride, end = start + window;
    if (start < pad)
        start = pad;
    if (end > size + pad)
        end = size + pad;
    return end - start;
}

/* 1 / places of a cell's window that lie inside the input. */
static float share(const tinytl_model *model, const tinytl_head_layer *layer, uint32_t row, uint32_t column)
{
    const tinytl_head_value *input = &model->values[layer->inputs[0]];
    uint32_t rows = inside(row, layer->window_height, layer->stride_height, layer->pad_top, input->height);
    uint32_t columns = inside(column, layer->window_width, layer->stride_width, layer->pad_left, input->width);
    return 1.0f / (float)(rows * columns);
}

static const tinytl_head_value *output_of(const tinytl_pass *pass, uint32_t number)
{
    return &pass->model->values[tinytl_value_of(pass->model, number)];
}

void tinytl_average_pool_begin(const tinytl_pass *pass, uint32_t number)
{
    const tinytl_head_value *output = output_of(pass, number);
    memset(tinytl_floats_at(pass->model, output->place), 0,
           (size_t)tinytl_pixels(output) * output->channels * sizeof(float));
}

void tinytl_average_pool_end(const tinytl_pass *pass, uint32_t number)
{
    const tinytl_head_value *output = output_of(pass, number);
    float *cell = tinytl_floats_at(pass->model, output->place);
    for (uint32_t row = 0; row < output->height; row++)
        for (uint32_t column = 0; column < output->width; column++) {
            float factor = share(pass->model, &pass->model->layers[number], row, column);
            for (uint32_t c = 0; c < output->channels; c++)
                *cell++ *= factor;
        }
}

void tinytl_average_pool_forward(tinytl_pass *pass, uint32_t number, uint32_t pixel)
{
    const tinytl_model *model = pass->model;
    const tinytl_head_layer *layer = &model->layers[number];
    const tinytl_head_value *output = output_of(pass, number);
    const float *input = tinytl_pixel_read(pass, layer->inputs[0], pixel);
    covered by = covered_by(model, layer, output, pixel);
    while (next_cell(&by, output)) {
        float *sums = tinytl_value_at(model, tinytl_value_of(model, number), by.cell);
        for (uint32_t c = 0; c < layer->out; c++)
            sums[c] += input[c];
    }
}

void tinytl_average_pool_gradient(tinytl_pass *pass, uint32_t number, uint32_t pixel)
{
    const tinytl_model *model = pass->model;
    const tinytl_head_layer *layer = &model->layers[number];
    const tinytl_head_value *output = output_of(pass, number);
    float *d_input = tinytl_gradient_at(model, layer->inputs[0], pixel);
    covered by = covered_by(model, layer, output, pixel);
    while (next_cell(&by, output)) {
        const float *d_output = tinytl_gradient_at(model, tinytl_value_of(model, number), by.cell);
        float factor = share(model, layer, by.cell_row, by.cell_column);
        for (uint32_t c = 0; c < layer->out; c++)
            d_input[c] += d_output[c] * factor;
    }
}

/* Number of an input pixel in the window of a cell; the first one inside is the window's first to be seen. */
static uint32_t place_in(const tinytl_head_layer *layer, const covered *by)
{
    uint32_t y = by->row + layer->pad_top - by->cell_row * layer->stride_height;
    uint32_t x = by->column + layer->pad_left - by->cell_column * layer->stride_width;
    return y * layer->window_width + x;
}

static int is_first(const tinytl_head_layer *layer, const covered *by)
{
    uint32_t top = by->cell_row * layer->stride_height, left = by->cell_column * layer->stride_width;
    return by->row == (top > layer->pad_top ? top - layer->pad_top : 0) &&
           by->column == (left > layer->pad_left ? left - layer->pad_left : 0);
}

void tinytl_max_pool_forward(tinytl_pass *pass, uint32_t number, uint32_t pixel)
{
    const tinytl_model *model = pass->model;
    const tinytl_head_layer *layer = &model->layers[number];
    const tinytl_head_value *output = output_of(pass, number);
    const float *input = tinytl_pixel_read(pass, layer->inputs[0], pixel);
    covered by = covered_by(model, layer, output, pixel);
    while (next_cell(&by, output)) {
        float *largest = tinytl_value_at(model, tinytl_value_of(model, number), by.cell);
        uint8_t *places = model->arena + layer->places + (size_t)by.cell * layer->out;
        uint8_t place = (uint8_t)place_in(layer, &by);
        int first = is_first(layer, &by);
        for (uint32_t c = 0; c < layer->out; c++)
            if (first || input[c] > largest[c]) {
                largest[c] = input[c];
                places[c] = place;
            }
    }
}

void tinytl_max_pool_gradient(tinytl_pass *pass, uint32_t number, uint32_t pixel)
{
    const tinytl_model *model = pass->model;
    const tinytl_head_layer *layer = &model->layers[number];
    const tinytl_head_value *output = output_of(pass, number);
    float *d_input = tinytl_gradient_at(model, layer->inputs[0], pixel);
    covered by = covered_by(model, layer, output, pixel);
    while (next_cell(&by, output)) {
        const float *d_output = tinytl_gradient_at(model, tinytl_value_of(model, number), by.cell);
        const uint8_t *places = model->arena + layer->places + (size_t)by.cell * layer->out;
        uint8_t place = (uint8_t)place_in(layer, &by);
        for (uint32_t c = 0; c < layer->out; c++)
            if (places[c] == place)
                d_input[c] += d_output[c];
    }
}
