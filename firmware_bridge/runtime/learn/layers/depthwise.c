/* SPDX-License-Identifier: Apache-2.0
 *
 * A depthwise convolution: each channel has a window of its own. `in` is the window's places; weights: [in][channels].
 */
#include "learn/arithmetic/fused.h"
#include "learn/layers/layers.h"
#include "learn/layers/window.h"

void tinytl_depthwise_forward(tinytl_pass *pass, uint32_t number, uint32_t pixel)
{
    const tinytl_model *model = pass->model;
    const tinytl_head_layer *layer = &model->layers[number];
    const float *weights = tinytl_weights_of(model, layer), *bias = tinytl_bias_of(model, layer);
    const float *input = tinytl_window_read(pass, number, pixel);
    float *output = tinytl_value_at(model, tinytl_value_of(model, number), pixel);
    uint32_t channels = layer->out;
    for (uint32_t c = 0; c < channels; c++)
        output[c] = bias[c];
    for (uint32_t k = 0; k < layer->in; k++)
        for (uint32_t c = 0; c < channels; c++)
            output[c] = TINYTL_FUSED(*weights++, *input++, output[c]);
}

void tinytl_depthwise_gradient(tinytl_pass *pass, uint32_t number, uint32_t pixel)
{
    const tinytl_model *model = pass->model;
    const tinytl_head_layer *layer = &model->layers[number];
    const float *weights = tinytl_weights_of(model, layer);
    const float *d_output = tinytl_gradient_at(model, tinytl_value_of(model, number), pixel);
    float *columns = tinytl_window_gradient(pass, number, pixel), *d_input = columns;
    for (uint32_t k = 0; k < layer->in; k++)
        for (uint32_t c = 0; c < layer->out; c++, d_input++)
            *d_input = TINYTL_FUSED(d_output[c], *weights++, *d_input);
    tinytl_window_scatter(model, number, pixel, columns);
}

void tinytl_depthwise_update(tinytl_pass *pass, uint32_t number, uint32_t pixel, const tinytl_update *update)
{
    const tinytl_model *model = pass->model;
    const tinytl_head_layer *layer = &model->layers[number];
    const float *d_output = tinytl_gradient_at(model, tinytl_value_of(model, number), pixel);
    const float *input = update->weights ? tinytl_window_read(pass, number, pixel) : NULL;
    for (uint32_t c = 0; c < layer->out; c++) {
        float step = tinytl_update_step(pass, update, d_output[c]);
        if (update->bias)
            update->bias[c] += step;
        if (input)
            for (uint32_t at = c; at < layer->in * layer->out; at += layer->out)
                update->weights[at] = TINYTL_FUSED(step, input[at], update->weights[at]);
    }
}
