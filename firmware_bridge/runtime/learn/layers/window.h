/* SPDX-License-Identifier: Apache-2.0
 *
 * The window of inputs that one output pixel is made of, as one run of numbers:
 * [window_height][window_width][channels], zeros outside the input. Of a dense layer it is the whole input.
 */
#ifndef TINYTL_LEARN_WINDOW_H
#define TINYTL_LEARN_WINDOW_H

#include "learn/layers/graph.h"

/* Where a window lies in its input; of its columns, [left, left + inside) lie inside. */
typedef struct tinytl_place {
    int32_t row;    /* of the input, for window row 0 */
    int32_t column; /* of the input, for window column 0 */
    uint32_t left;
    uint32_t inside;
} tinytl_place;

/* Not of a dense layer. */
tinytl_place tinytl_place_of(const tinytl_model *model, uint32_t layer, uint32_t pixel);

/* First element in the input of what row y of a window has inside it; TINYTL_NONE: nothing. */
static inline uint32_t tinytl_place_row(const tinytl_place *place, const tinytl_head_value *input, uint32_t y)
{
    int32_t row = place->row + (int32_t)y;
    if (row < 0 || row >= input->height || place->inside == 0)
        return TINYTL_NONE;
    return ((uint32_t)row * input->width + (uint32_t)(place->column + (int32_t)place->left)) * input->channels;
}

/* Numbers of the window of an output pixel, for reading: in place where they lie side by side, else
 * copied to the columns. */
const float *tinytl_window_read(tinytl_pass *pass, uint32_t layer, uint32_t pixel);

/* The same of the input's gradient, to add to: in place, or zeroed columns that tinytl_window_scatter then adds. */
float *tinytl_window_gradient(tinytl_pass *pass, uint32_t layer, uint32_t pixel);

/* Add what tinytl_window_gradient gave to the input's gradient, unless it lies there. */
void tinytl_window_scatter(const tinytl_model *model, uint32_t layer, uint32_t pixel, const float *columns);

#endif
