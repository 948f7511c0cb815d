/* SPDX-License-Identifier: Apache-2.0
 *
 * What a gradient does to parameters (SPEC.md section 2.6). A gradient is used the moment it is known: added to the
 * parameters themselves (SGD), to their moments (momentum), or, where many have to be known at once (Adam, clipping,
 * several samples an update), to sums of gradients.
 */
#ifndef TINYTL_LEARN_UPDATE_H
#define TINYTL_LEARN_UPDATE_H

#include <string.h>

#include "learn/layers/graph.h"

/* One layer's update: step = factor × d_output, what it is added to is weights += step × input, bias += step. */
typedef struct tinytl_update {
    float *weights; /* NULL: they do not train */
    float *bias;    /* NULL: it does not train */
    float factor;
    uint32_t limit; /* a d_output of this magnitude (bits, ≥ 1) or more is passed over: it could become infinite */
} tinytl_update;

/* What one update multiplies a weight with: biases do not decay. */
static inline float tinytl_update_keep(const tinytl_pass *pass)
{
    return 1.0f - pass->learning_rate * pass->model->head->weight_decay;
}

/* Once before a layer's gradients: decays weights, shrinks moments. */
tinytl_update tinytl_update_begin(const tinytl_pass *pass, uint32_t layer);

/* Once after them: moments move the parameters. */
void tinytl_update_finish(const tinytl_pass *pass, uint32_t layer);

/* Once a sample where gradients are summed: applies them when enough samples are gathered. */
void tinytl_update_apply(tinytl_pass *pass, tinytl_model *model);

/* The step for a d_output: 0 where it is passed over. */
static inline float tinytl_update_step(tinytl_pass *pass, const tinytl_update *update, float d_output)
{
    uint32_t bits;
    memcpy(&bits, &d_output, sizeof bits);
    if ((bits & 0x7FFFFFFFu) < update->limit)
        return update->factor * d_output;
    pass->diverged = 1;
    return 0.0f;
}

#endif
