/* SPDX-License-Identifier: Apache-2.0
 *
 * Softmax cross-entropy: loss = log Σ e^(z_j - max z) - (z_label - max z), d_logits = softmax(z) - onehot(label).
 */
#ifndef TINYTL_LEARN_LOSS_H
#define TINYTL_LEARN_LOSS_H

#include <stdint.h>

/* Class of the largest logit, the first on a tie. logits: [classes], classes ≥ 1. */
uint32_t tinytl_largest(const float *logits, uint32_t classes);

/* logits: [classes], finite. d_logits: [classes], written, each in [-1, 1]. Returns the loss in nats: ≥ 0, infinite where the
 * difference of two logits overflows. The sum runs from class 0 up. */
float tinytl_softmax_cross_entropy(const float *logits, uint32_t classes, uint32_t label, float *d_logits);

#endif
