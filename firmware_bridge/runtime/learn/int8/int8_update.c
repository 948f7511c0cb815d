/* SPDX-License-Identifier: Apache-2.0
 *
 * What a gradient does to int8 weights, in steps of 2^-20 of a weight's unit:
 *
 *     weight = floor(weight × keep + sum × factor + chance),  chance evenly from [0, 1)
 *
 * with sum = Σ over pixels of gradient × input, both as 16-bit numbers, and factor = -(the layer's rate) × their
 * scales / the row's scale.
 */
#include <string.h>

#include "learn/arithmetic/elementary.h"
#include "learn/int8/int8_layer.h"
#include "learn/int8/int8_rows.h"

/* Gradients of rows_at_once rows behind the lanes and the rows' factors: for each pair of rows
 * [pixels / 2][2 rows][2 pixels]; then a byte a pair: whether any is not 0. */
typedef struct gathered {
    int16_t *lanes;
    int8_factor *factors;
    int16_t *rows;
    uint8_t *moves;
    uint32_t pair_numbers; /* of a pair of rows */
} gathered;

static gathered gathered_of(const tinytl_model *model, uint32_t number)
{
    uint32_t padded = tinytl_int8_padded(tinytl_int8_pixels(model, number)),
             pairs = (model->layers[number].rows_at_once + 1u) / 2u;
    int16_t *lanes = tinytl_int8_scratch(model), *factors = lanes + 4u * padded, *rows = factors + 8u * pairs;
    return (gathered){lanes, (int8_factor *)(void *)factors, rows,
                      (uint8_t *)(void *)(rows + (size_t)pairs * 2u * padded), 2u * padded};
}

uint32_t tinytl_int8_rounds(const tinytl_head_layer *layer, uint32_t pixels)
{
    return pixels == 1 ? 1u : 1u + (layer->out + layer->rows_at_once - 1u) / layer->rows_at_once;
}

/* Whether a gradient counts: not 0, and not so large that it leads out of the finite numbers. */
static int counts(tinytl_pass *pass, float d, uint32_t limit)
{
    uint32_t magnitude = tinytl_magnitude(d);
    if (magnitude - 1u < limit - 1u)
        return 1;
    if (magnitude != 0)
        pass->diverged = 1;
    return 0;
}

static void look(tinytl_pass *pass, const tinytl_head_layer *layer, const float *d_output, const tinytl_update *update)
{
    for (uint32_t r = 0; r < layer->out; r++) {
        if (!counts(pass, d_output[r], update->limit))
            continue;
        if (tinytl_magnitude(d_output[r]) > pass->largest)
            pass->largest = tinytl_magnitude(d_output[r]);
        if (update->bias)
            update->bias[r] += update->factor * d_output[r];
    }
}

/* 0 where the gradient does not count: round 0 has said so. */
static inline int16_t gathered_number(float d, uint32_t limit, float inverse)
{
    return tinytl_magnitude(d) < limit ? int8_round(d, inverse) : (int16_t)0;
}

/* Rows [0, count) of this pixel. */
static void gather_pixel(const gathered *to, uint32_t pixel, const float *d_output, uint32_t count, uint32_t limit,
                         float inverse)
{
    int16_t *rows = to->rows + (pixel >> 1) * 4u + (pixel & 1u);
    uint8_t *moves = to->moves;
    for (uint32_t r = 0; r + 1u < count; r += 2, rows += to->pair_numbers, moves++) {
        int16_t first = gathered_number(d_output[r], limit, inverse),
                second = gathered_number(d_output[r + 1u], limit, inverse);
        rows[0] = first;
        rows[2] = second;
        *moves |= (first | second) != 0;
    }
    if ((count & 1u) != 0) {
        rows[0] = gathered_number(d_output[count - 1u], limit, inverse);
        *moves |= rows[0] != 0;
    }
}

void tinytl_int8_gather(tinytl_pass *pass, uint32_t number, uint32_t pixel, uint32_t round, const tinytl_update *update)
{
    const tinytl_model *model = pass->model;
    const tinytl_head_layer *layer = &model->layers[number];
    const float *d_output = tinytl_gradient_at(model, tinytl_value_of(model, number), pixel);
    uint32_t first, left, pairs = (layer->rows_at_once + 1u) / 2u;
    gathered to;
    if (round == 0) {
        if (pixel == 0)
            pass->largest = 0;
        look(pass, layer, d_output, update);
        return;
    }
    first = (round - 1u) * layer->rows_at_once;
    left = layer->out - first;
    to = gathered_of(model, number);
    if (pixel == 0)
        memset(to.rows, 0, (size_t)pairs * (to.pair_numbers * sizeof *to.rows + 1u));
    gather_pixel(&to, pixel, d_output + first, left < layer->rows_at_once ? left : layer->rows_at_once, update->limit,
                 pass->gradients.inverse);
}

/* What the weights are given. */
typedef struct step {
    float factor;    /* of a row with scale 1: steps of 2^-20 for a sum of 1 */
    int32_t keep;    /* of a weight of 1, in such steps */
    uint32_t chance; /* seed */
    int8_t *weights;
    uint32_t stride;
} step;

static step step_of(const tinytl_pass *pass, const tinytl_head_layer *layer, const tinytl_update *update)
{
    float factor = update->factor * pass->gradients.scale * pass->inputs.scale * (float)INT8_UNIT;
    return (step){factor, (int32_t)(tinytl_update_keep(pass) * (float)INT8_UNIT), pass->rounding,
                  tinytl_int8_weights(pass->model, layer), tinytl_int8_stride(layer->in)};
}

/* Factor of a row: 0 where it is not finite, which is said. */
static int8_factor factor_of(tinytl_pass *pass, float of_one, float scale)
{
    float factor = of_one / scale;
    if (tinytl_magnitude(factor) < TINYTL_MAGNITUDE_INFINITE)
        return int8_factor_of(factor);
    pass->diverged = 1;
    return int8_factor_of(0.0f);
}

/* Weights that get no gradient stay as they are. */
static inline int stays(const step *given)
{
    return given->keep == INT8_UNIT;
}

#define PLACES 0x9E3779B9u /* the chance of a word of the parameters follows from its number alone */

/* First weights of a row, a word of the parameters, and that number times PLACES. */
typedef struct word {
    int8_t *weights;
    uint32_t place;
} word;

static word word_at(const tinytl_pass *pass, const step *given, uint32_t row, uint32_t first)
{
    int8_t *weights = given->weights + (size_t)row * given->stride + first;
    return (word){weights, (uint32_t)(weights - (const int8_t *)(const void *)pass->model->parameters) / 4u * PLACES};
}

/* Inputs of 9 bits become such of 16, so that move_input has all of a product in the bits that it looks at.
 * Returns the bits gained. */
static int32_t lift(const tinytl_model *model, uint32_t number, int16_t *window)
{
    if (model->values[model->layers[number].inputs[0]].storage != TINYTL_FEATURE)
        return 0;
    for (uint32_t i = 0; i < tinytl_int8_stride(model->layers[number].in); i++)
        window[i] = (int16_t)(window[i] * 128);
    return 7;
}

/* One pixel: the gradient is part of a row's factor, and the inputs are what it is multiplied with. */
static void update_vector(tinytl_pass *pass, uint32_t number, const tinytl_update *update)
{
    const tinytl_model *model = pass->model;
    const tinytl_head_layer *layer = &model->layers[number];
    const float *d_output = tinytl_gradient_at(model, tinytl_value_of(model, number), 0),
                *scales = tinytl_int8_scales(model, layer);
    const step given = step_of(pass, layer, update);
    int16_t *window = tinytl_int8_scratch(model);
    int32_t lifted;
    (void)tinytl_int8_window(pass, number, 0, window, 4);
    lifted = lift(model, number, window);
    for (uint32_t r = 0; r < layer->out; r++) {
        float d = counts(pass, d_output[r], update->limit) ? d_output[r] : 0.0f;
        int8_factor factor = factor_of(pass, given.factor * d, scales[r]);
        word at = word_at(pass, &given, r, 0);
        factor.shift += lifted;
        if (factor.mantissa == 0 && stays(&given))
            continue;
        for (uint32_t i = 0; i < given.stride; i += 4u, at.weights += 4, at.place += PLACES)
            move_input(at.weights, window + i, factor, given.keep, given.chance + at.place);
    }
}

/* Four inputs, `lane` on, of rows [first, end), which were gathered. */
static void update_lanes(const tinytl_pass *pass, const step *given, const gathered *from, tinytl_int8_span pixels,
                         uint32_t lane, uint32_t first, uint32_t end)
{
    const int16_t *lanes = from->lanes + (size_t)pixels.first * 4u, *rows = from->rows + (size_t)pixels.first * 2u;
    const uint8_t *moves = from->moves;
    const int8_factor *factor = from->factors;
    uint32_t stride = given->stride, count = pixels.end - pixels.first, next_place = stride / 4u * PLACES;
    word at = word_at(pass, given, first, lane);
    int32_t sums[8] = {0, 0, 0, 0, 0, 0, 0, 0};
    for (uint32_t row = first; row < end;
         row += 2, rows += from->pair_numbers, factor += 2, at.weights += 2u * stride, at.place += 2u * next_place) {
        word second = {at.weights + stride, at.place + next_place};
        if (!*moves++ && stays(given))
            continue;
        if (count != 0)
            sum_tile(lanes, rows, count, sums);
        move_four(at.weights, sums, factor[0], given->keep, given->chance + at.place);
        if (row + 1u < end)
            move_four(second.weights, sums + 4, factor[1], given->keep, given->chance + second.place);
    }
}

void tinytl_int8_finish(tinytl_pass *pass, uint32_t number, uint32_t round, const tinytl_update *update)
{
    const tinytl_model *model = pass->model;
    const tinytl_head_layer *layer = &model->layers[number];
    uint32_t pixels = tinytl_int8_pixels(model, number), first = (round - 1u) * layer->rows_at_once,
             end = first + layer->rows_at_once;
    gathered from;
    step given;
    if (round == 0) {
        pass->inputs = tinytl_int8_inputs(model, number);
        pass->gradients = (tinytl_int8_scaled){1.0f, 1.0f};
        if (pixels == 1)
            update_vector(pass, number, update);
        else
            pass->gradients =
                tinytl_int8_scaled_by(pass->largest, tinytl_int8_limit(pixels, tinytl_int8_input_limit(model, number)));
        return;
    }
    from = gathered_of(model, number);
    given = step_of(pass, layer, update);
    end = end < layer->out ? end : layer->out;
    for (uint32_t row = first; row < end; row++)
        from.factors[row - first] = factor_of(pass, given.factor, tinytl_int8_scales(model, layer)[row]);
    for (uint32_t lane = 0; lane < given.stride; lane += 4u) {
        tinytl_int8_span span = tinytl_int8_lanes(pass, number, lane, from.lanes);
        if (span.first != span.end || !stays(&given))
            update_lanes(pass, &given, &from, span, lane, first, end);
    }
}
