/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TINYTL_LEARN_SCHEDULE_H
#define TINYTL_LEARN_SCHEDULE_H

#include "tinytl.h"

/* The learning rate of the step that comes after `steps` others: constant; × factor every schedule_steps steps; or
 * along half a cosine down to × factor at schedule_steps, where it stays. */
float tinytl_learning_rate(const tinytl_head_section *head, uint32_t steps);

#endif
