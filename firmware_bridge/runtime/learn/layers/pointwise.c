/* SPDX-License-Identifier: Apache-2.0
 *
 * Layers whose output pixel is made of the same pixel of their inputs.
 */
#include <string.h>

#include "learn/arithmetic/fused.h"
#include "learn/layers/layers.h"

static float *output_of(const tinytl_pass *pass, uint32_t number, uint32_t pixel)
{
    return tinytl_value_at(pass->model, tinytl_value_of(pass->model, number), pixel);
}

static const float *d_output_of(const tinytl_pass *pass, uint32_t number, uint32_t pixel)
{
    return tinytl_gradient_at(pass->model, tinytl_value_of(pass->model, number), pixel);
}

static const float *input_of(tinytl_pass *pass, uint32_t number, uint32_t pixel)
{
    return tinytl_pixel_read(pass, pass->model->layers[number].inputs[0], pixel);
}

void tinytl_scale_forward(tinytl_pass *pass, uint32_t number, uint32_t pixel)
{
    const tinytl_head_layer *layer = &pass->model->layers[number];
    const float *weights = tinytl_weights_of(pass->model, layer), *bias = tinytl_bias_of(pass->model, layer);
    const float *input = input_of(pass, number, pixel);
    float *output = output_of(pass, number, pixel);
    for (uint32_t c = 0; c < layer->out; c++)
        output[c] = TINYTL_FUSED(weights[c], input[c], bias[c]);
}

void tinytl_scale_gradient(tinytl_pass *pass, uint32_t number, uint32_t pixel)
{
    const tinytl_head_layer *layer = &pass->model->layers[number];
    const float *weights = tinytl_weights_of(pass->model, layer), *d_output = d_output_of(pass, number, pixel);
    float *d_input = tinytl_gradient_at(pass->model, layer->inputs[0], pixel);
    for (uint32_t c = 0; c < layer->out; c++)
        d_input[c] = TINYTL_FUSED(d_output[c], weights[c], d_input[c]);
}

void tinytl_scale_update(tinytl_pass *pass, uint32_t number, uint32_t pixel, const tinytl_update *update)
{
    const float *input = input_of(pass, number, pixel), *d_output = d_output_of(pass, number, pixel);
    for (uint32_t c = 0; c < pass->model->layers[number].out; c++) {
        float step = tinytl_update_step(pass, update, d_output[c]);
        if (update->bias)
            update->bias[c] += step;
        if (update->weights)
            update->weights[c] = TINYTL_FUSED(step, input[c], update->weights[c]);
    }
}

/* Copies the pixel of an input of its own width. */
static void copy_input(tinytl_pass *pass, uint32_t value, uint32_t pixel, float *to)
{
    memmove(to, tinytl_pixel_read(pass, value, pixel), pass->model->values[value].channels * sizeof *to);
}

void tinytl_copy_forward(tinytl_pass *pass, uint32_t number, uint32_t pixel)
{
    copy_input(pass, pass->model->layers[number].inputs[0], pixel, output_of(pass, number, pixel));
}

void tinytl_concatenate_forward(tinytl_pass *pass, uint32_t number, uint32_t pixel)
{
    const uint16_t *inputs = pass->model->layers[number].inputs;
    tinytl_copy_forward(pass, number, pixel);
    copy_input(pass, inputs[1], pixel, output_of(pass, number, pixel) + pass->model->values[inputs[0]].channels);
}

/* The first input, which may be a feature in the columns, is copied before the second is read. */
void tinytl_add_forward(tinytl_pass *pass, uint32_t number, uint32_t pixel)
{
    const tinytl_head_layer *layer = &pass->model->layers[number];
    float *output = output_of(pass, number, pixel);
    const float *other;
    tinytl_copy_forward(pass, number, pixel);
    other = tinytl_pixel_read(pass, layer->inputs[1], pixel);
    for (uint32_t c = 0; c < layer->out; c++)
        output[c] += other[c];
}

/* Adds to the gradient of an input, if it is wanted and this round adds to it. */
static void hand_on(const tinytl_pass *pass, uint32_t value, uint32_t pixel, const float *d_output)
{
    float *d_input = tinytl_gradient_at(pass->model, value, pixel);
    if (!d_input || (!pass->whole && pass->model->values[value].storage != TINYTL_PIXEL))
        return;
    for (uint32_t c = 0; c < pass->model->values[value].channels; c++)
        d_input[c] += d_output[c];
}

void tinytl_add_gradient(tinytl_pass *pass, uint32_t number, uint32_t pixel)
{
    const tinytl_head_layer *layer = &pass->model->layers[number];
    const float *d_output = d_output_of(pass, number, pixel);
    hand_on(pass, layer->inputs[0], pixel, d_output);
    if (layer->kind == TINYTL_ADD)
        hand_on(pass, layer->inputs[1], pixel, d_output);
}

void tinytl_concatenate_gradient(tinytl_pass *pass, uint32_t number, uint32_t pixel)
{
    const uint16_t *inputs = pass->model->layers[number].inputs;
    const float *d_output = d_output_of(pass, number, pixel);
    hand_on(pass, inputs[0], pixel, d_output);
    hand_on(pass, inputs[1], pixel, d_output + pass->model->values[inputs[0]].channels);
}

/* Whether an element is kept: a hash of seed and place, so that nothing has to be stored (finalizer of MurmurHash3). */
static int is_kept(uint32_t noise, uint32_t place, float rate)
{
    uint32_t x = noise + place * 0x9E3779B9u;
    x = (x ^ x >> 16) * 0x85EBCA6Bu;
    x = (x ^ x >> 13) * 0xC2B2AE35u;
    x ^= x >> 16;
    return (float)(x >> 8) >= rate * 16777216.0f;
}

/* from × 1 / (1 - rate) where an element is kept, else 0; added where `adds`. Inference keeps all as they are. */
static void drop(const tinytl_pass *pass, uint32_t number, uint32_t pixel, const float *from, float *to, int adds)
{
    const tinytl_head_layer *layer = &pass->model->layers[number];
    uint32_t noise = pass->noise + number;
    float scale = 1.0f / (1.0f - layer->rate);
    for (uint32_t c = 0; c < layer->out; c++) {
        float value = from[c];
        if (pass->noise != 0)
            value = is_kept(noise, pixel * layer->out + c, layer->rate) ? value * scale : 0.0f;
        to[c] = adds ? to[c] + value : value;
    }
}

void tinytl_dropout_forward(tinytl_pass *pass, uint32_t number, uint32_t pixel)
{
    drop(pass, number, pixel, input_of(pass, number, pixel), output_of(pass, number, pixel), 0);
}

void tinytl_dropout_gradient(tinytl_pass *pass, uint32_t number, uint32_t pixel)
{
    float *d_input = tinytl_gradient_at(pass->model, pass->model->layers[number].inputs[0], pixel);
    drop(pass, number, pixel, d_output_of(pass, number, pixel), d_input, 1);
}
