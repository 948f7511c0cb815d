/* SPDX-License-Identifier: Apache-2.0
 *
 * A pass over the head, group by group. A group is a layer and those behind it that join it: they run pixel by pixel
 * together, so that what lies between them is one pixel.
 */
#ifndef TINYTL_LEARN_GROUPS_H
#define TINYTL_LEARN_GROUPS_H

#include "learn/layers/graph.h"

/* All layers in order: features → logits. */
void tinytl_groups_forward(tinytl_pass *pass);

/* All layers backwards from the gradient of the logits: every parameter that trains is updated as soon as nobody
 * needs it as it was. */
void tinytl_groups_backward(tinytl_pass *pass);

#endif
