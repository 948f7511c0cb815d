/* SPDX-License-Identifier: Apache-2.0
 *
 * Rows go four at a time, what remains one by one; the loops over a row are in rows.h.
 */
#include "learn/dense.h"

#include <stddef.h>

#include "learn/fused.h"
#include "learn/rows.h"

#define BLOCK TINYTL_BLOCK

/* Written so that NaN fails both comparisons and stays. */
static void activate(uint32_t activation, float *output, uint32_t count)
{
    if (activation == 0)
        return;
    for (uint32_t o = 0; o < count; o++) {
        if (output[o] < 0.0f)
            output[o] = 0.0f;
        else if (activation == 2 && output[o] > 6.0f)
            output[o] = 6.0f;
    }
}

void tinytl_dense_forward(const tinytl_dense *layer, const float *input, float *output)
{
    uint32_t in = layer->in, o = 0;
    for (; o < layer->out; o++)
        output[o] = layer->bias[o];
    for (o = 0; o + BLOCK <= layer->out; o += BLOCK)
        dot_block(layer->weights + (size_t)o * in, in, input, output + o);
    for (; o < layer->out; o++)
        output[o] = dot_row(layer->weights + (size_t)o * in, in, input, output[o]);
    activate(layer->activation, output, layer->out);
}

void tinytl_dense_mask(const tinytl_dense *layer, const float *output, float *d_output)
{
    if (layer->activation == 0)
        return;
    for (uint32_t o = 0; o < layer->out; o++)
        if (!(output[o] > 0.0f) || (layer->activation == 2 && !(output[o] < 6.0f)))
            d_output[o] = 0.0f;
}

/* The next rows from `from` on with d_output ≠ 0, at most four; returns how many, `from` moves behind the last. */
static uint32_t next_rows(const tinytl_dense *layer, const float *d_output, uint32_t *from, uint32_t rows[BLOCK])
{
    uint32_t count = 0, o = *from;
    for (; o < layer->out && count < BLOCK; o++)
        if (d_output[o] < 0.0f || d_output[o] > 0.0f)
            rows[count++] = o;
    *from = o;
    return count;
}

void tinytl_dense_backward(const tinytl_dense *layer, const float *d_output, float *d_input)
{
    uint32_t numbers[BLOCK], from = 0, count;
    for (uint32_t i = 0; i < layer->in; i++)
        d_input[i] = 0.0f;
    do {
        const float *rows[BLOCK];
        float d_rows[BLOCK];
        count = next_rows(layer, d_output, &from, numbers);
        for (uint32_t r = 0; r < count; r++) {
            rows[r] = layer->weights + (size_t)numbers[r] * layer->in;
            d_rows[r] = d_output[numbers[r]];
        }
        if (count == BLOCK)
            gather_block(rows, d_rows, layer->in, d_input);
        else
            for (uint32_t r = 0; r < count; r++)
                gather_row(rows[r], d_rows[r], layer->in, d_input);
    } while (count == BLOCK);
}

/* keep = 1 and no velocities: rows without a gradient stay as they are. */
static void update_plain(const tinytl_dense *layer, const float *input, const float *d_output, float learning_rate)
{
    uint32_t rows[BLOCK], from = 0, count;
    do {
        float *weights[BLOCK];
        float steps[BLOCK];
        count = next_rows(layer, d_output, &from, rows);
        for (uint32_t r = 0; r < count; r++) {
            weights[r] = layer->weights + (size_t)rows[r] * layer->in;
            steps[r] = -(learning_rate * d_output[rows[r]]);
            layer->bias[rows[r]] += steps[r];
        }
        if (count == BLOCK)
            update_block(weights, steps, input, layer->in);
        else
            for (uint32_t r = 0; r < count; r++)
                update_row(weights[r], steps[r], input, layer->in);
    } while (count == BLOCK);
}

static void update_row_decay(float *weights, float step, const float *input, uint32_t in, float keep)
{
    for (uint32_t i = 0; i < in; i++)
        weights[i] = TINYTL_FUSED(step, input[i], keep * weights[i]);
}

static void update_row_momentum(float *weights, float *velocities, float step, const float *input, uint32_t in,
                                const tinytl_sgd *sgd)
{
    for (uint32_t i = 0; i < in; i++) {
        float v = TINYTL_FUSED(step, input[i], sgd->momentum * velocities[i]);
        velocities[i] = v;
        weights[i] = TINYTL_FUSED(sgd->keep, weights[i], v);
    }
}

void tinytl_dense_update(const tinytl_dense *layer, const float *input, const float *d_output, const tinytl_sgd *sgd)
{
    if (layer->weight_velocities == NULL && !(sgd->keep < 1.0f)) {
        update_plain(layer, input, d_output, sgd->learning_rate);
        return;
    }
    for (uint32_t o = 0; o < layer->out; o++) {
        float step = -(sgd->learning_rate * d_output[o]);
        size_t row = (size_t)o * layer->in;
        if (layer->weight_velocities == NULL) {
            update_row_decay(layer->weights + row, step, input, layer->in, sgd->keep);
            layer->bias[o] += step;
        } else {
            float v = TINYTL_FUSED(step, 1.0f, sgd->momentum * layer->bias_velocities[o]);
            update_row_momentum(layer->weights + row, layer->weight_velocities + row, step, input, layer->in, sgd);
            layer->bias_velocities[o] = v;
            layer->bias[o] += v;
        }
    }
}
