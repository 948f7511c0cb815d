/* SPDX-License-Identifier: Apache-2.0
 *
 * The samples that the guard holds out. Only of a head with a guard, but for tinytl_guard_reset.
 */
#ifndef TINYTL_LEARN_GUARD_BUFFER_H
#define TINYTL_LEARN_GUARD_BUFFER_H

#include "learn/sample_buffer.h"

/* The held-out samples. */
tinytl_sample_buffer tinytl_guard_held_out(const tinytl_model *model);

/* A byte a place: 1 where its sample was held out since the last decision. [guard_capacity] */
uint8_t *tinytl_guard_fresh(const tinytl_model *model);

/* Forget the held-out samples. */
void tinytl_guard_reset(tinytl_model *model);

#endif
