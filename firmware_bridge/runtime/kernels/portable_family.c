/* SPDX-License-Identifier: Apache-2.0
 * A runtime with the portable kernels alone. */
#include "kernels/operators.h"

const operator_entry tinytl_variants[1] = {{0, 0, 0, 0, NULL, NULL}};
const uint32_t tinytl_variant_count = 0;

uint32_t tinytl_family_mask(void)
{
    return 1u;
}
