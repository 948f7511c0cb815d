/* SPDX-License-Identifier: Apache-2.0
 *
 * Inputs of layers with int8 weights, as 16-bit numbers in the order that the loops take them.
 */
#include <string.h>

#include "learn/arithmetic/elementary.h"
#include "learn/int8/int8_layer.h"
#include "learn/int8/int8_rows.h"
#include "learn/layers/window.h"

#define LARGEST_FEATURE 255u /* |q - zero_point| */
#define LARGEST_GATHERED 2047u /* of inputs that are not features: leaves room for gradients over many pixels */
#define LEAST 0x1p-100f        /* what is smaller counts as 0: its inverse might be infinite */

/* What a layer reads: a feature or floats. */
typedef struct source {
    const int8_t *bytes; /* NULL: floats */
    const float *floats;
    int32_t zero_point;
    float inverse;
} source;

static const tinytl_head_value *input_of(const tinytl_model *model, uint32_t number)
{
    return &model->values[model->layers[number].inputs[0]];
}

static source source_of(const tinytl_pass *pass, uint32_t number)
{
    const tinytl_model *model = pass->model;
    uint32_t input = model->layers[number].inputs[0];
    if (model->values[input].storage == TINYTL_FEATURE)
        return (source){tinytl_feature_at(model, input), NULL, tinytl_feature_tensor(model, input)->zero_point, 0.0f};
    return (source){NULL, tinytl_value_at(model, input, 0), 0, pass->inputs.inverse};
}

/* Floats that are all 0, or not all finite. */
static int is_empty(const source *from)
{
    return from->bytes == NULL && !(from->inverse > 0.0f);
}

static inline int16_t number_at(const source *from, uint32_t element)
{
    if (from->bytes != NULL)
        return (int16_t)(from->bytes[element] - from->zero_point);
    return int8_round(from->floats[element], from->inverse);
}

uint32_t tinytl_int8_input_limit(const tinytl_model *model, uint32_t number)
{
    const tinytl_head_layer *layer = &model->layers[number];
    uint32_t limit = tinytl_int8_limit(layer->in, 128u);
    if (input_of(model, number)->storage == TINYTL_FEATURE)
        return LARGEST_FEATURE;
    if (layer->kind != TINYTL_DENSE && limit > LARGEST_GATHERED)
        return LARGEST_GATHERED;
    return limit;
}

tinytl_int8_scaled tinytl_int8_scaled_by(uint32_t largest, uint32_t limit)
{
    float bound = tinytl_float_of_bits(largest);
    if (!(bound >= LEAST))
        return (tinytl_int8_scaled){0.0f, 0.0f};
    return (tinytl_int8_scaled){bound / (float)limit, (float)limit / bound};
}

/* An input that is not finite gives a scale that is not, and so a loss that is not. */
tinytl_int8_scaled tinytl_int8_inputs(const tinytl_model *model, uint32_t number)
{
    uint32_t input = model->layers[number].inputs[0], largest;
    if (model->values[input].storage == TINYTL_FEATURE)
        return (tinytl_int8_scaled){tinytl_feature_tensor(model, input)->scale, 0.0f};
    largest = tinytl_float_bits(tinytl_value_bound(model, input));
    if (largest >= TINYTL_MAGNITUDE_INFINITE)
        return (tinytl_int8_scaled){tinytl_float_of_bits(TINYTL_MAGNITUDE_INFINITE), 0.0f};
    return tinytl_int8_scaled_by(largest, tinytl_int8_input_limit(model, number));
}

static inline uint32_t dealt(uint32_t number, uint32_t step)
{
    static const uint8_t order[4] = {0, 2, 1, 3};
    return (number >> 2) * step + order[number & 3u];
}

/* Elements [first, first + count) of the input become numbers `at` on of the window. */
static void deal(const source *from, uint32_t first, uint32_t count, uint32_t at, int16_t *to, uint32_t step)
{
    const int8_t *bytes = from->bytes;
    int32_t zero_point = from->zero_point;
    uint32_t fours = bytes != NULL && (at & 3u) == 0 ? count & ~3u : 0u;
    int16_t *four = to + (at >> 2) * step;
    for (uint32_t i = 0; i < fours; i += 4u, four += step)
        deal_four(bytes + first + i, zero_point, four);
    for (uint32_t i = fours; i < count; i++)
        to[dealt(at + i, step)] = number_at(from, first + i);
}

/* A window that lies inside the input, in a row without padding. */
static int is_full(const tinytl_model *model, uint32_t number, uint32_t pixel)
{
    const tinytl_head_layer *layer = &model->layers[number];
    const tinytl_head_value *input = input_of(model, number);
    tinytl_place window;
    if (layer->in % 8u != 0 || layer->kind == TINYTL_DENSE)
        return layer->in % 8u == 0;
    window = tinytl_place_of(model, number, pixel);
    return window.inside == layer->window_width && window.row >= 0 &&
           window.row + layer->window_height <= input->height;
}

tinytl_int8_span tinytl_int8_window(const tinytl_pass *pass, uint32_t number, uint32_t pixel, int16_t *to,
                                    uint32_t step)
{
    const tinytl_head_layer *layer = &pass->model->layers[number];
    const tinytl_head_value *input = input_of(pass->model, number);
    const source from = source_of(pass, number);
    uint32_t row_numbers = layer->window_width * input->channels;
    tinytl_int8_span rows = {layer->window_height, 0};
    tinytl_place window;
    if (!is_full(pass->model, number, pixel) || is_empty(&from))
        for (uint32_t i = 0; i < tinytl_int8_stride(layer->in) / 4u; i++)
            memset(to + (size_t)i * step, 0, 4 * sizeof *to);
    if (is_empty(&from))
        return (tinytl_int8_span){0, 0};
    if (layer->kind == TINYTL_DENSE) {
        deal(&from, 0, layer->in, 0, to, step);
        return (tinytl_int8_span){0, layer->in};
    }
    window = tinytl_place_of(pass->model, number, pixel);
    for (uint32_t y = 0; y < layer->window_height; y++) {
        uint32_t first = tinytl_place_row(&window, input, y);
        if (first == TINYTL_NONE)
            continue;
        deal(&from, first, window.inside * input->channels, y * row_numbers + window.left * input->channels, to, step);
        rows.first = rows.first < y ? rows.first : y;
        rows.end = y + 1u;
    }
    return (tinytl_int8_span){rows.first * row_numbers, rows.end * row_numbers};
}

/* Along one side, the outputs [first, end) for which a window's place lies inside the input; start: where
 * it lies for output 0. */
static tinytl_int8_span outputs_inside(int32_t start, int32_t stride, int32_t size, int32_t outputs)
{
    int32_t first = start < 0 ? (stride - 1 - start) / stride : 0,
            end = start < size ? (size - start + stride - 1) / stride : 0;
    end = end < outputs ? end : outputs;
    return (tinytl_int8_span){(uint32_t)first, (uint32_t)(end > first ? end : first)};
}

/* Number `at` of the windows: the output's rows and columns for which it lies inside, and which element
 * it is for output 0. */
typedef struct place {
    tinytl_int8_span rows;
    tinytl_int8_span columns;
    int32_t element;
} place;

static place place_at(const tinytl_head_layer *layer, const tinytl_head_value *input, const tinytl_head_value *output,
                      uint32_t at)
{
    uint32_t tap = at / input->channels;
    int32_t row = (int32_t)(tap / layer->window_width) - layer->pad_top,
            column = (int32_t)(tap % layer->window_width) - layer->pad_left;
    return (place){outputs_inside(row, layer->stride_height, input->height, output->height),
                   outputs_inside(column, layer->stride_width, input->width, output->width),
                   (row * input->width + column) * (int32_t)input->channels + (int32_t)(at % input->channels)};
}

/* Numbers `at` on of the windows, four of a feature's at once or one, at the pixels where they lie inside. */
static void lanes_at(const source *from, const tinytl_model *model, uint32_t number, const place *at, int four,
                     int16_t *to)
{
    const tinytl_head_layer *layer = &model->layers[number];
    const tinytl_head_value *input = input_of(model, number), *output = &model->values[tinytl_value_of(model, number)];
    const int8_t *bytes = from->bytes;
    int32_t zero_point = from->zero_point;
    uint32_t step = layer->stride_width * input->channels;
    for (uint32_t y = at->rows.first; y < at->rows.end; y++) {
        uint32_t pixel = y * output->width + at->columns.first, end = y * output->width + at->columns.end;
        uint32_t element =
            (uint32_t)at->element +
            (y * layer->stride_height * input->width + at->columns.first * layer->stride_width) * input->channels;
        for (; four && pixel < end; pixel++, element += step)
            lane_four(bytes + element, zero_point, to + (pixel >> 1) * 8u + (pixel & 1u));
        for (; pixel < end; pixel++, element += step)
            to[(pixel >> 1) * 8u + (pixel & 1u)] = number_at(from, element);
    }
}

tinytl_int8_span tinytl_int8_lanes(const tinytl_pass *pass, uint32_t number, uint32_t first, int16_t *to)
{
    const tinytl_model *model = pass->model;
    const tinytl_head_layer *layer = &model->layers[number];
    const tinytl_head_value *input = input_of(model, number), *output = &model->values[tinytl_value_of(model, number)];
    const source from = source_of(pass, number);
    int four = from.bytes != NULL && first % input->channels + 4u <= input->channels;
    place at = place_at(layer, input, output, first);
    tinytl_int8_span span = {at.rows.first * output->width & ~3u, tinytl_int8_padded(at.rows.end * output->width)};
    if (is_empty(&from) || first >= layer->in)
        return (tinytl_int8_span){0, 0};
    if (!four)
        span = (tinytl_int8_span){0, tinytl_int8_padded(tinytl_pixels(output))};
    memset(to + (size_t)span.first * 4u, 0, (size_t)(span.end - span.first) * 4u * sizeof *to);
    for (uint32_t k = 0; k < (four ? 1u : 4u) && first + k < layer->in; k++) {
        at = place_at(layer, input, output, first + k);
        lanes_at(&from, model, number, &at, four, to + 2u * k);
    }
    return span;
}
