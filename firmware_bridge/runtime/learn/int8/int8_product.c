/* SPDX-License-Identifier: Apache-2.0
 *
 * Layers with int8 weights, forward and the gradient of their inputs.
 */
#include <string.h>

#include "learn/arithmetic/elementary.h"
#include "learn/int8/int8_layer.h"
#include "learn/int8/int8_rows.h"
#include "learn/layers/window.h"

#define WINDOWS 4u /* that go through the weights together */

uint64_t tinytl_int8_scratch_bytes(const tinytl_head_layer *layer, uint32_t pixels)
{
    uint64_t stride = tinytl_int8_stride(layer->in), out = layer->out, padded = tinytl_int8_padded(pixels),
             pairs = (layer->rows_at_once + 1u) / 2u;
    uint64_t forward = pixels == 1 ? 2u * stride : WINDOWS * (2u * stride + 4u * out);
    uint64_t gradient = 4u * stride + 2u * out;
    uint64_t update = pixels == 1 ? 2u * stride : 8u * padded + pairs * (4u * padded + 16u + 1u);
    uint64_t most = forward > gradient ? forward : gradient;
    return most > update ? most : update;
}

static void forward_vector(const tinytl_pass *pass, uint32_t number)
{
    const tinytl_model *model = pass->model;
    const tinytl_head_layer *layer = &model->layers[number];
    uint32_t stride = tinytl_int8_stride(layer->in);
    const int8_t *row = tinytl_int8_weights(model, layer);
    const float *scales = tinytl_int8_scales(model, layer), *bias = tinytl_bias_of(model, layer);
    float *output = tinytl_value_at(model, tinytl_value_of(model, number), 0);
    int16_t *window = tinytl_int8_scratch(model);
    (void)tinytl_int8_window(pass, number, 0, window, 4);
    for (uint32_t r = 0; r < layer->out; r++, row += stride)
        output[r] = TINYTL_FUSED((float)dot_one(row, window, stride), scales[r] * pass->inputs.scale, bias[r]);
}

/* Sums of windows `pixel` on, [out][WINDOWS], behind the windows. */
static int32_t *sums_of(const tinytl_model *model, const tinytl_head_layer *layer)
{
    return (int32_t *)(void *)(tinytl_int8_scratch(model) + (size_t)WINDOWS * tinytl_int8_stride(layer->in));
}

/* Four windows into the scratch. Returns the numbers that may not be 0 in one of them, multiples of 8. */
static tinytl_int8_span read_windows(const tinytl_pass *pass, uint32_t number, uint32_t pixel)
{
    const tinytl_model *model = pass->model;
    uint32_t left = tinytl_int8_pixels(model, number) - pixel;
    int16_t *windows = tinytl_int8_scratch(model);
    tinytl_int8_span all = {model->layers[number].in, 0};
    for (uint32_t w = 0; w < WINDOWS && w < left; w++) {
        tinytl_int8_span span = tinytl_int8_window(pass, number, pixel + w, windows + 4u * w, 4u * WINDOWS);
        all.first = span.first < all.first ? span.first : all.first;
        all.end = span.end > all.end ? span.end : all.end;
    }
    return (tinytl_int8_span){all.first & ~7u, (all.end + 7u) & ~7u};
}

static void sum_windows(const tinytl_pass *pass, uint32_t number, uint32_t pixel)
{
    const tinytl_model *model = pass->model;
    const tinytl_head_layer *layer = &model->layers[number];
    uint32_t stride = tinytl_int8_stride(layer->in);
    int32_t *sums = sums_of(model, layer);
    tinytl_int8_span span = read_windows(pass, number, pixel);
    const int8_t *row = tinytl_int8_weights(model, layer) + span.first;
    const int16_t *windows = tinytl_int8_scratch(model) + (size_t)span.first * WINDOWS;
    if (span.first >= span.end) {
        memset(sums, 0, (size_t)layer->out * WINDOWS * sizeof *sums);
        return;
    }
    for (uint32_t r = 0; r < layer->out; r++, row += stride, sums += WINDOWS)
        dot_four(row, windows, span.end - span.first, sums);
}

void tinytl_int8_forward(tinytl_pass *pass, uint32_t number, uint32_t pixel)
{
    const tinytl_model *model = pass->model;
    const tinytl_head_layer *layer = &model->layers[number];
    const float *scales = tinytl_int8_scales(model, layer), *bias = tinytl_bias_of(model, layer);
    const int32_t *sums = sums_of(model, layer) + pixel % WINDOWS;
    float *output = tinytl_value_at(model, tinytl_value_of(model, number), pixel);
    if (pixel == 0)
        pass->inputs = tinytl_int8_inputs(model, number);
    if (tinytl_int8_pixels(model, number) == 1) {
        forward_vector(pass, number);
        return;
    }
    if (pixel % WINDOWS == 0)
        sum_windows(pass, number, pixel);
    for (uint32_t r = 0; r < layer->out; r++, sums += WINDOWS)
        output[r] = TINYTL_FUSED((float)*sums, scales[r] * pass->inputs.scale, bias[r]);
}

/* d_output × scale of each row as 16-bit numbers; what is not finite counts as 0, which is said. */
static tinytl_int8_scaled scaled_rows(tinytl_pass *pass, const tinytl_head_layer *layer, const float *d_output,
                                      int16_t *rows)
{
    const float *scales = tinytl_int8_scales(pass->model, layer);
    uint32_t largest = 0;
    tinytl_int8_scaled scaled;
    for (uint32_t r = 0; r < layer->out; r++) {
        uint32_t magnitude = tinytl_magnitude(d_output[r] * scales[r]);
        if (magnitude >= TINYTL_MAGNITUDE_INFINITE)
            pass->diverged = 1;
        else if (magnitude > largest)
            largest = magnitude;
    }
    scaled = tinytl_int8_scaled_by(largest, tinytl_int8_limit(layer->out, 128u));
    for (uint32_t r = 0; r < layer->out; r++) {
        float d = d_output[r] * scales[r];
        rows[r] = tinytl_magnitude(d) < TINYTL_MAGNITUDE_INFINITE ? int8_round(d, scaled.inverse) : (int16_t)0;
    }
    return scaled;
}

static void add_row(const int8_t *row, int32_t e, uint32_t count, int32_t *sums)
{
    for (uint32_t i = 0; e != 0 && i < count; i += 4) {
        sums[i] += e * row[i];
        sums[i + 1] += e * row[i + 1];
        sums[i + 2] += e * row[i + 2];
        sums[i + 3] += e * row[i + 3];
    }
}

void tinytl_int8_gradient(tinytl_pass *pass, uint32_t number, uint32_t pixel)
{
    const tinytl_model *model = pass->model;
    const tinytl_head_layer *layer = &model->layers[number];
    uint32_t stride = tinytl_int8_stride(layer->in);
    const int8_t *row = tinytl_int8_weights(model, layer);
    int32_t *sums = (int32_t *)(void *)tinytl_int8_scratch(model);
    int16_t *rows = (int16_t *)(void *)(sums + stride);
    tinytl_int8_scaled scaled =
        scaled_rows(pass, layer, tinytl_gradient_at(model, tinytl_value_of(model, number), pixel), rows);
    float *d_input = tinytl_window_gradient(pass, number, pixel);
    memset(sums, 0, (size_t)stride * sizeof *sums);
    for (uint32_t r = 0; r < layer->out; r++, row += stride)
        add_row(row, rows[r], stride, sums);
    for (uint32_t i = 0; i < layer->in; i++)
        d_input[i] = TINYTL_FUSED((float)sums[i], scaled.scale, d_input[i]);
    tinytl_window_scatter(model, number, pixel, d_input);
}
