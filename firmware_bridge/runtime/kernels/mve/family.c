/* SPDX-License-Identifier: Apache-2.0
 * A runtime with the portable and the mve kernels. */
#include "kernels/operators.h"
#include "kernels/mve/variant_rules.h"

const operator_entry tinytl_variants[] = {
#define VARIANT(operator, kernel, name, params) \
    {OPCODE_##operator, kernel, params, TRAITS_##operator, tinytl_rule_##name, tinytl_##name},
#include "kernels/mve/variants.def"
#undef VARIANT
};
const uint32_t tinytl_variant_count = sizeof tinytl_variants / sizeof tinytl_variants[0];

uint32_t tinytl_family_mask(void)
{
    return 1u | 1u << 2;
}
