/* SPDX-License-Identifier: Apache-2.0
 * Nine taps in three rows, in assembly (depthwise_3x3.S): for 3×3 windows, otherwise
 * as kernels/mve/depthwise.h says. */
#ifndef TINYTL_KERNELS_MVE_ARMV81M_DEPTHWISE_3X3_H
#define TINYTL_KERNELS_MVE_ARMV81M_DEPTHWISE_3X3_H

#include "kernels/mve/depthwise.h"

void tinytl_mve_depthwise_3x3_rounded(const tinytl_mve_depthwise *rows);
void tinytl_mve_depthwise_3x3_signed(const tinytl_mve_depthwise *rows);

#endif
