/* SPDX-License-Identifier: Apache-2.0
 * Average pooling and the mean over height and width, eight channels at a time (sums.h): channels
 * are a multiple of 8. */
#include "kernels/mve/sums.h"

void tinytl_mve_average_pool_2d(const tinytl_call *call)
{
    average_pool_blocks(call, MVE_SUMS, tinytl_mve_sum_places);
}

void tinytl_mve_mean(const tinytl_call *call)
{
    mean_blocks(call, MVE_SUMS, tinytl_mve_sum_places);
}
