/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TINYTL_LEARN_GUARD_H
#define TINYTL_LEARN_GUARD_H

#include "tinytl.h"

/* Forget the held-out samples. */
void tinytl_guard_reset(tinytl_model *model);

#endif
