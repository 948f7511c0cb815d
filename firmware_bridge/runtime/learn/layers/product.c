/* SPDX-License-Identifier: Apache-2.0
 *
 * Dense layers and convolutions are one thing here: a matrix times a window. The loops over rows are in rows.h.
 */
#include "learn/arithmetic/elementary.h"
#include "learn/arithmetic/fused.h"
#include "learn/layers/layers.h"
#include "learn/layers/rows.h"
#include "learn/layers/window.h"

/* Goes through rows of weights with their gradients, a block at a time. */
typedef struct rows_left {
    const float *d_output; /* of the next row */
    uint32_t count;        /* rows left */
    uint32_t in;           /* numbers of a row; 0 where weights are not needed */
    float *weights;        /* the next row; where they are not needed, anything but NULL, to which 0 may not be added */
    float *bias;           /* of the next row; NULL: it does not train */
    float factor;
    uint32_t limit;        /* a gradient of this magnitude or more is passed over, which is said */
} rows_left;

/* Rows whose gradient is not 0. */
typedef struct block {
    float *rows[TINYTL_BLOCK];
    float steps[TINYTL_BLOCK]; /* factor × d_output of each */
} block;

/* The next rows side by side, if all of them count: then nothing has to be searched. Returns how many, or 0. */
static inline uint32_t next_full_block(rows_left *left, block *found)
{
    uint32_t count = next_rows(left->count);
    for (uint32_t r = 0; r < count; r++) {
        float d = left->d_output[r];
        if (tinytl_magnitude(d) - 1u >= left->limit - 1u)
            return 0;
        found->steps[r] = left->factor * d;
    }
    for (uint32_t r = 0; r < count; r++)
        found->rows[r] = left->weights + r * left->in;
    for (uint32_t r = 0; left->bias && r < count; r++)
        left->bias[r] += found->steps[r];
    left->count -= count;
    left->d_output += count;
    left->weights += count * left->in;
    if (left->bias)
        left->bias += count;
    return count;
}

/* Finds the next rows; returns how many. */
static uint32_t next_block(tinytl_pass *pass, rows_left *left, block *found)
{
    uint32_t count = 0, room = next_rows(left->count);
    float *weights = left->weights, *bias = left->bias;
    const float *d_output = left->d_output, *end = d_output + left->count;
    while (d_output != end && count < room) {
        float d = *d_output++;
        uint32_t magnitude = tinytl_magnitude(d);
        if (magnitude - 1u < left->limit - 1u) { /* neither 0 nor beyond the limit */
            float step = left->factor * d;
            found->steps[count] = step;
            found->rows[count++] = weights;
            if (bias)
                *bias += step;
        } else if (magnitude != 0) {
            pass->diverged = 1;
        }
        weights += left->in;
        if (bias)
            bias++;
    }
    left->count = (uint32_t)(end - d_output);
    left->d_output = d_output;
    left->weights = weights;
    left->bias = bias;
    return count;
}

void tinytl_product_forward(tinytl_pass *pass, uint32_t number, uint32_t pixel)
{
    const tinytl_model *model = pass->model;
    const tinytl_head_layer *layer = &model->layers[number];
    uint32_t in = layer->in, left = tinytl_rows_of(model, number);
    const float *weights = tinytl_weights_of(model, layer), *bias = tinytl_bias_of(model, layer);
    const float *input = tinytl_window_read(pass, number, pixel);
    float *output = tinytl_value_at(model, tinytl_value_of(model, number), pixel);
    while (left != 0) {
        uint32_t count = next_rows(left);
        dot_rows(weights, count, in, input, bias, output);
        weights += (size_t)count * in;
        bias += count;
        output += count;
        left -= count;
    }
}

void tinytl_product_gradient(tinytl_pass *pass, uint32_t number, uint32_t pixel)
{
    const tinytl_model *model = pass->model;
    const tinytl_head_layer *layer = &model->layers[number];
    const float *d_output = tinytl_gradient_at(model, tinytl_value_of(model, number), pixel);
    float *d_input = tinytl_window_gradient(pass, number, pixel);
    rows_left left = {d_output, tinytl_rows_of(model, number), layer->in,
                      (float *)(uintptr_t)tinytl_weights_of(model, layer), NULL, 1.0f, TINYTL_MAGNITUDE_INFINITE};
    block found;
    for (uint32_t count; (count = next_block(pass, &left, &found)) != 0;)
        gather_rows((const float *const *)found.rows, found.steps, count, layer->in, d_input);
    tinytl_window_scatter(model, number, pixel, d_input);
}

void tinytl_product_update(tinytl_pass *pass, uint32_t number, uint32_t pixel, const tinytl_update *update)
{
    const tinytl_model *model = pass->model;
    const float *d_output = tinytl_gradient_at(model, tinytl_value_of(model, number), pixel);
    const float *input = update->weights ? tinytl_window_read(pass, number, pixel) : NULL;
    uint32_t in = model->layers[number].in;
    float *weights = input ? update->weights : update->bias; /* a layer that trains has one of them */
    rows_left left = {d_output, tinytl_rows_of(model, number), input ? in : 0, weights, update->bias, update->factor,
                      update->limit};
    block found;
    for (uint32_t count; left.count != 0;) {
        count = next_full_block(&left, &found);
        if (count == 0)
            count = next_block(pass, &left, &found);
        if (input)
            update_rows(found.rows, found.steps, count, input, in);
    }
}
