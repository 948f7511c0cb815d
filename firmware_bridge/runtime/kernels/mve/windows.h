/* SPDX-License-Identifier: Apache-2.0
 * The windows of a convolution as rows of a matrix: taps_h · taps_w · channels bytes, where padding is the input's zero point. */
#ifndef TINYTL_KERNELS_MVE_WINDOWS_H
#define TINYTL_KERNELS_MVE_WINDOWS_H

#include "kernels/call.h"
#include "kernels/mve/copying.h"

/* Parameters that the convolutions of this family share, in this order. */
enum { MVE_PAD_TOP, MVE_PAD_LEFT, MVE_STRIDE_H, MVE_STRIDE_W, MVE_DILATION_H, MVE_DILATION_W, MVE_TAPS_H, MVE_TAPS_W, MVE_RESCALING,
       MVE_ACT_MIN, MVE_ACT_MAX };

/* Bytes rounded up to whole blocks of 16. */
static inline uint32_t mve_in_blocks(uint32_t bytes)
{
    return (bytes + 15u) & ~15u;
}

typedef struct mve_windows {
    const int8_t *input;
    const int32_t *params;
    int32_t height, width, channels; /* of the input */
    int32_t row_bytes;               /* taps_w · channels */
    int8_t zero;
} mve_windows;

static inline mve_windows mve_windows_of(const tinytl_call *call)
{
    const tinytl_tensor *in = call_input(call, 0);
    const int32_t *p = call->params;
    const mve_windows w = {call_input_data(call, 0), p, (int32_t)in->dims[1], (int32_t)in->dims[2], (int32_t)in->dims[3],
                           p[MVE_TAPS_W] * (int32_t)in->dims[3], (int8_t)in->zero_point};
    return w;
}

/* Copy the window whose tap (0, 0) lies at (row, column), which may be outside. */
void tinytl_mve_gather(const mve_windows *windows, int32_t row, int32_t column, int8_t *to);

#endif
