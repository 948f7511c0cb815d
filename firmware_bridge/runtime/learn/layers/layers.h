/* SPDX-License-Identifier: Apache-2.0
 *
 * The layers that a head can be made of, one pixel at a time. Each has
 *
 *     forward   input → its output pixel (pools: the input pixel → the output's cells that its windows cover)
 *     gradient  gradient of the output pixel, added to the gradients of its inputs that are wanted
 *     update    gradient of the output pixel, given to the parameters that train
 *
 * Order of every sum, which is the contract between machines: SPEC.md section 2.6.
 */
#ifndef TINYTL_LEARN_LAYERS_H
#define TINYTL_LEARN_LAYERS_H

#include "learn/layers/graph.h"
#include "learn/layers/update.h"

/* Pixels run from first to last; `number` is the layer's. */
typedef void tinytl_layer_forward(tinytl_pass *pass, uint32_t number, uint32_t pixel);
typedef void tinytl_layer_gradient(tinytl_pass *pass, uint32_t number, uint32_t pixel);
typedef void tinytl_layer_update(tinytl_pass *pass, uint32_t number, uint32_t pixel, const tinytl_update *update);

/* Dense, conv_2d: W [out][in] times the window, row by row. Rows whose gradient is 0 are passed over. */
tinytl_layer_forward tinytl_product_forward;
tinytl_layer_gradient tinytl_product_gradient;
tinytl_layer_update tinytl_product_update;

/* depthwise_conv_2d: W [window][channels]. */
tinytl_layer_forward tinytl_depthwise_forward;
tinytl_layer_gradient tinytl_depthwise_gradient;
tinytl_layer_update tinytl_depthwise_update;

/* scale: W [channels]; add, activation, dropout and concatenate, channels behind channels, have no parameters. */
tinytl_layer_forward tinytl_scale_forward, tinytl_add_forward, tinytl_copy_forward, tinytl_dropout_forward,
    tinytl_concatenate_forward;
tinytl_layer_gradient tinytl_scale_gradient, tinytl_add_gradient, tinytl_dropout_gradient, tinytl_concatenate_gradient;
tinytl_layer_update tinytl_scale_update;

/* Pools. `begin` and `end` of a forward pass: empty the sums, divide them. */
tinytl_layer_forward tinytl_average_pool_forward, tinytl_max_pool_forward;
tinytl_layer_gradient tinytl_average_pool_gradient, tinytl_max_pool_gradient;
void tinytl_average_pool_begin(const tinytl_pass *pass, uint32_t number);
void tinytl_average_pool_end(const tinytl_pass *pass, uint32_t number);

/* The activation of a layer's output pixel, in place; its mask is kept where there is room for one.
 * NaN passes through. */
void tinytl_activate(const tinytl_pass *pass, uint32_t number, uint32_t pixel);
/* Gradient after the activation → before it, in place: relu: 0 where the output is ≤ 0; relu6: also where it is ≥ 6. */
void tinytl_activation_gradient(const tinytl_pass *pass, uint32_t number, uint32_t pixel);

#endif
