/* SPDX-License-Identifier: Apache-2.0
 * Addition by tables: as the dsp family's (kernels/dsp/tables.h), whose tables the compiler makes for both;
 * `count` any number > 0. */
#ifndef TINYTL_KERNELS_MVE_TABLES_H
#define TINYTL_KERNELS_MVE_TABLES_H

#include <stdint.h>

/* Parameters. */
enum {
    MVE_ADDITION_ACT_MIN, /* −128 ≤ ACT_MIN ≤ ACT_MAX ≤ 127 */
    MVE_ADDITION_ACT_MAX
};

enum { MVE_TABLE_FRACTION_BITS = 20, MVE_TABLE_ENTRIES = 256 };

/* output[i] = clamp((tables[a[i]] + tables[256 + b[i]]) >> 20), bytes as unsigned numbers. The output may be a or b. */
typedef struct tinytl_mve_addition {
    const int8_t *a, *b;
    int8_t *output;
    const int32_t *tables;
    uint32_t count;
    int32_t act_min, act_max;
} tinytl_mve_addition;

void tinytl_mve_add_by_tables(const tinytl_mve_addition *addition);

#endif
