/* SPDX-License-Identifier: Apache-2.0
 *
 * The losses, with d_logits = d loss / d logits. Targets are one-hot, t = 1 for the label, else 0; of softmax
 * cross-entropy with label smoothing s (Szegedy et al. 2016, arXiv:1512.00567) t = (1 - s) × one-hot + s / count, and
 * z_label is Σ t_j z_j.
 *
 *     softmax cross-entropy   log Σ e^(z_j - max z) - (z_label - max z);     d = softmax(z) - t
 *     sigmoid cross-entropy   Σ_j log(1 + e^z_j) - t_j z_j;                  d = sigmoid(z) - t
 *     squared error           mean over j of (z_j - t_j)²;                   d = 2 (z - t) / count
 */
#ifndef TINYTL_LEARN_LOSS_H
#define TINYTL_LEARN_LOSS_H

#include <stdint.h>

#include "tinytl.h"

/* Number of the largest logit, the first on a tie. logits: [count], count ≥ 1. */
uint32_t tinytl_largest(const float *logits, uint32_t count);

/* head: whose loss it is. logits: [count]; label: number of the logit whose target is 1, none if count or more;
 * largest: as above. d_logits: [count], written; of the cross-entropies in [-1, 1]. Returns the loss, in nats: ≥ 0;
 * infinite or NaN where it overflows and where a logit is not finite. Sums run from class 0 up. */
float tinytl_loss_of(const tinytl_head_section *head, const float *logits, uint32_t count, uint32_t label,
                     uint32_t largest, float *d_logits);

#endif
