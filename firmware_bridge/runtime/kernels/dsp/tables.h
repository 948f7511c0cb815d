/* SPDX-License-Identifier: Apache-2.0
 * Addition by tables: each side's share of the output is a number per byte, with 20 fraction bits; zero point and
 * rounding are in table a. The compiler makes the tables and tests all 65,536 pairs (SPEC.md section 2.7). */
#ifndef TINYTL_KERNELS_DSP_TABLES_H
#define TINYTL_KERNELS_DSP_TABLES_H

#include <stdint.h>

/* Parameters. */
enum {
    ADDITION_ACT_MIN, /* −128 ≤ ACT_MIN ≤ ACT_MAX ≤ 127 */
    ADDITION_ACT_MAX
};

enum { TABLE_FRACTION_BITS = 20, TABLE_ENTRIES = 256 };

/* output[i] = sat8((tables[a[i]] + tables[256 + b[i]]) >> 20), bytes as unsigned numbers; `count` > 0 a multiple of 4.
 * The output may be a or b. */
void tinytl_add_by_tables(const int8_t *a, const int8_t *b, int8_t *output, const int32_t *tables, uint32_t count);

#endif
