/* SPDX-License-Identifier: Apache-2.0
 *
 * A head that is kept: a state in the store, read where it lies, or the factory head of the image.
 */
#ifndef TINYTL_LEARN_HEAD_STATE_H
#define TINYTL_LEARN_HEAD_STATE_H

#include "tinytl.h"

typedef struct tinytl_kept_head {
    const float *parameters; /* [parameter_count] */
    uint32_t class_count;
} tinytl_kept_head;

/* state: as tinytl_head_state_check accepts it, 4-byte aligned; NULL: the factory head. */
tinytl_kept_head tinytl_head_state_view(const tinytl_model *model, const void *state);

#endif
