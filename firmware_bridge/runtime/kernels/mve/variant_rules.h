/* SPDX-License-Identifier: Apache-2.0
 * Shape rules of the mve family's kernels (kernels/mve/variant_rules.c). */
#ifndef TINYTL_KERNELS_MVE_VARIANT_RULES_H
#define TINYTL_KERNELS_MVE_VARIANT_RULES_H

#include "kernels/call.h"

#define VARIANT(operator, kernel, name, params) \
    int tinytl_rule_##name(const tinytl_call *call) TINYTL_ONCE; \
    void tinytl_##name(const tinytl_call *call);
#include "kernels/mve/variants.def"
#undef VARIANT

#endif
