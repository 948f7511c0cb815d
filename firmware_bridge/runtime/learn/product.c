/* SPDX-License-Identifier: Apache-2.0
 *
 * Dense layers and convolutions are one thing here: a matrix times a window. Rows go four at a time, what remains one by one; the
 * loops over a row are in rows.h.
 */
#include "learn/elementary.h"
#include "learn/fused.h"
#include "learn/layers.h"
#include "learn/rows.h"
#include "learn/window.h"

#define BLOCK TINYTL_BLOCK

/* The next rows with a gradient, at most four. */
typedef struct block {
    uint32_t rows[BLOCK];
    uint32_t count;
    uint32_t next; /* row behind the last */
} block;

/* Passes over rows whose gradient is 0, and, saying so, over those that reach `limit`. */
static int next_block(tinytl_pass *pass, const float *d_output, uint32_t rows, uint32_t limit, block *found)
{
    uint32_t count = 0, o = found->next;
    for (; o < rows && count < BLOCK; o++) {
        uint32_t magnitude = tinytl_magnitude(d_output[o]);
        if (magnitude == 0)
            continue;
        if (magnitude >= limit)
            pass->diverged = 1;
        else
            found->rows[count++] = o;
    }
    found->count = count;
    found->next = o;
    return count != 0;
}

void tinytl_product_forward(const tinytl_pass *pass, uint32_t number, uint32_t pixel)
{
    const tinytl_model *model = pass->model;
    const tinytl_head_layer *layer = &model->layers[number];
    uint32_t in = layer->in, rows = tinytl_rows_of(model, number), o = 0;
    const float *weights = tinytl_weights_of(model, layer), *bias = tinytl_bias_of(model, layer);
    const float *input = tinytl_window_read(model, number, pixel);
    float *output = tinytl_value_at(model, tinytl_value_of(model, number), pixel);
    for (; o < rows; o++)
        output[o] = bias[o];
    for (o = 0; o + BLOCK <= rows; o += BLOCK)
        dot_block(weights + (size_t)o * in, in, input, output + o);
    for (; o < rows; o++)
        output[o] = dot_row(weights + (size_t)o * in, in, input, output[o]);
}

void tinytl_product_gradient(tinytl_pass *pass, uint32_t number, uint32_t pixel)
{
    const tinytl_model *model = pass->model;
    const tinytl_head_layer *layer = &model->layers[number];
    const float *weights = tinytl_weights_of(model, layer);
    const float *d_output = tinytl_gradient_at(model, tinytl_value_of(model, number), pixel);
    float *d_input = tinytl_window_gradient(model, number, pixel);
    uint32_t rows = tinytl_rows_of(model, number);
    block found = {{0}, 0, 0};
    while (next_block(pass, d_output, rows, TINYTL_MAGNITUDE_INFINITE, &found)) {
        const float *at[BLOCK];
        float d_rows[BLOCK];
        for (uint32_t r = 0; r < found.count; r++) {
            at[r] = weights + (size_t)found.rows[r] * layer->in;
            d_rows[r] = d_output[found.rows[r]];
        }
        if (found.count == BLOCK)
            gather_block(at, d_rows, layer->in, d_input);
        else
            for (uint32_t r = 0; r < found.count; r++)
                gather_row(at[r], d_rows[r], layer->in, d_input);
    }
    tinytl_window_scatter(model, number, pixel, d_input);
}

static void update_weights(float *weights, const block *found, const float steps[BLOCK], const float *input, uint32_t in)
{
    float *at[BLOCK];
    for (uint32_t r = 0; r < found->count; r++)
        at[r] = weights + (size_t)found->rows[r] * in;
    if (found->count == BLOCK)
        update_block(at, steps, input, in);
    else
        for (uint32_t r = 0; r < found->count; r++)
            update_row(at[r], steps[r], input, in);
}

void tinytl_product_update(tinytl_pass *pass, uint32_t number, uint32_t pixel, const tinytl_update *update)
{
    const tinytl_model *model = pass->model;
    const float *d_output = tinytl_gradient_at(model, tinytl_value_of(model, number), pixel);
    const float *input = update->weights ? tinytl_window_read(model, number, pixel) : NULL;
    uint32_t rows = tinytl_rows_of(model, number);
    block found = {{0}, 0, 0};
    while (next_block(pass, d_output, rows, update->limit, &found)) {
        float steps[BLOCK];
        for (uint32_t r = 0; r < found.count; r++) {
            steps[r] = update->factor * d_output[found.rows[r]];
            if (update->bias)
                update->bias[found.rows[r]] += steps[r];
        }
        if (input)
            update_weights(update->weights, &found, steps, input, model->layers[number].in);
    }
}
