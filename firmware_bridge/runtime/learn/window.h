/* SPDX-License-Identifier: Apache-2.0
 *
 * The window of inputs that one output pixel is made of, as one run of numbers: [window_height][window_width][channels], zeros
 * outside the input. Of a dense layer it is the whole input.
 */
#ifndef TINYTL_LEARN_WINDOW_H
#define TINYTL_LEARN_WINDOW_H

#include "learn/graph.h"

/* Numbers of the window of an output pixel, for reading: in place where they lie side by side, else copied to the columns. */
const float *tinytl_window_read(tinytl_pass *pass, uint32_t layer, uint32_t pixel);

/* The same of the input's gradient, to add to: in place, or zeroed columns that tinytl_window_scatter then adds. */
float *tinytl_window_gradient(tinytl_pass *pass, uint32_t layer, uint32_t pixel);

/* Add what tinytl_window_gradient gave to the input's gradient, unless it lies there. */
void tinytl_window_scatter(const tinytl_model *model, uint32_t layer, uint32_t pixel, const float *columns);

#endif
