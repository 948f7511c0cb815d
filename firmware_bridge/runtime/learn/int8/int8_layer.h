/* SPDX-License-Identifier: Apache-2.0
 *
 * Dense layers and convolutions whose weights are int8 and stay so while they learn (Lin et al., «On-Device Training
 * Under 256KB Memory», arXiv:2206.15472). A weight is byte × scale of its row, and the scale never changes. A gradient
 * step of a byte is that of the weight / scale, the paper's quantization-aware scaling; what of it is less than one is
 * rounded by chance (int8_update.c), so that small steps are not lost. No weight exists as a float.
 *
 * Inputs and gradients become 16-bit numbers, of a feature q - zero_point itself. Their limits are such that no sum of
 * products passes 2^31.
 *
 * A step of an update goes over the pixels in rounds: round 0 finds the largest gradient and updates the bias; each
 * further one gathers the gradients of rows_at_once rows, as 16-bit numbers, and then updates these rows, four inputs
 * and two rows at a time.
 */
#ifndef TINYTL_LEARN_INT8_LAYER_H
#define TINYTL_LEARN_INT8_LAYER_H

#include "learn/layers/graph.h"
#include "learn/layers/update.h"

#define TINYTL_INT8_MOST 65536u /* inputs of a row, rows, pixels of the output */

static inline int tinytl_is_int8(const tinytl_head_layer *layer)
{
    return layer->weight_storage == TINYTL_WEIGHTS_INT8;
}

/* Bytes of a row. */
static inline uint32_t tinytl_int8_stride(uint32_t in)
{
    return (in + 7u) & ~7u;
}

/* Words of a layer's weights. */
static inline uint64_t tinytl_int8_words(const tinytl_head_layer *layer)
{
    return (uint64_t)(tinytl_int8_stride(layer->in) / 4u) * layer->out;
}

/* Pixels of a layer's output. */
static inline uint32_t tinytl_int8_pixels(const tinytl_model *model, uint32_t number)
{
    return tinytl_pixels(&model->values[tinytl_value_of(model, number)]);
}

/* The same, rounded up to what sum_tile takes. */
static inline uint32_t tinytl_int8_padded(uint32_t pixels)
{
    return (pixels + 3u) & ~3u;
}

/* Bytes of scratch that a layer needs; pixels: of its output. */
uint64_t tinytl_int8_scratch_bytes(const tinytl_head_layer *layer, uint32_t pixels);

/* As in layers.h. */
void tinytl_int8_forward(tinytl_pass *pass, uint32_t number, uint32_t pixel);
void tinytl_int8_gradient(tinytl_pass *pass, uint32_t number, uint32_t pixel);

/* Rounds of an update; in each, `gather` for every pixel in order, once its gradient is known, and then `finish`. */
uint32_t tinytl_int8_rounds(const tinytl_head_layer *layer, uint32_t pixels);
void tinytl_int8_gather(tinytl_pass *pass, uint32_t number, uint32_t pixel, uint32_t round,
                        const tinytl_update *update);
void tinytl_int8_finish(tinytl_pass *pass, uint32_t number, uint32_t round, const tinytl_update *update);

/* Inside these files: int8_product.c, int8_update.c, int8_window.c. */

static inline int8_t *tinytl_int8_weights(const tinytl_model *model, const tinytl_head_layer *layer)
{
    return (int8_t *)(void *)(uintptr_t)(model->parameters + layer->weights);
}

static inline const float *tinytl_int8_scales(const tinytl_model *model, const tinytl_head_layer *layer)
{
    return tinytl_parameters_at(model, layer->scales, 0);
}

static inline int16_t *tinytl_int8_scratch(const tinytl_model *model)
{
    return (int16_t *)(void *)(model->arena + model->head->int8_scratch);
}

/* What a layer's inputs are multiplied with to become 16-bit numbers, and back; 0 and 0: they are all 0. */
tinytl_int8_scaled tinytl_int8_inputs(const tinytl_model *model, uint32_t number);

/* The same for numbers whose largest magnitude has these bits, with `limit` as the largest 16-bit number. */
tinytl_int8_scaled tinytl_int8_scaled_by(uint32_t largest, uint32_t limit);

/* Largest 16-bit number of a gradient that `count` products with numbers up to `other` can be added of. */
static inline uint32_t tinytl_int8_limit(uint32_t count, uint32_t other)
{
    uint32_t limit = 0x7FFFFFFFu / (count * other);
    return limit < 32767u ? limit : 32767u;
}

/* Largest input as a 16-bit number. */
uint32_t tinytl_int8_input_limit(const tinytl_model *model, uint32_t number);

/* Places [first, end), outside which all is 0. */
typedef struct tinytl_int8_span {
    uint32_t first;
    uint32_t end;
} tinytl_int8_span;

/* Window of an output pixel, dealt (int8_rows.h), to `to`; `step`: numbers from one four to the next. Zeros behind the
 * last number. Returns the numbers that may not be 0. */
tinytl_int8_span tinytl_int8_window(const tinytl_pass *pass, uint32_t number, uint32_t pixel, int16_t *to,
                                    uint32_t step);

/* Numbers first … first + 3 of all windows as sum_tile takes them. Returns the pixels where they may not be 0,
 * multiples of 4; others are not written. */
tinytl_int8_span tinytl_int8_lanes(const tinytl_pass *pass, uint32_t number, uint32_t first, int16_t *to);

#endif
