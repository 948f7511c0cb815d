/* SPDX-License-Identifier: Apache-2.0
 * In the place of learn/ where a library's model has no head: an image with one is refused. */
#include "learn/check/head_check.h"

tinytl_error tinytl_head_check(const void *image)
{
    const tinytl_error error = {TINYTL_STATUS_no_head, 0, 0};
    (void)image;
    return error;
}

void tinytl_head_reset(tinytl_model *model)
{
    (void)model; /* never called: no image with a head passes the check */
}
