/* SPDX-License-Identifier: Apache-2.0
 * The window of a convolution along one dimension, clipped to the input once per output place, so that inner
 * loops test no bounds. */
#ifndef TINYTL_KERNELS_WINDOW_H
#define TINYTL_KERNELS_WINDOW_H

#include <stdint.h>

typedef struct window {
    int32_t first;  /* first tap inside the input */
    int32_t last;   /* one past the last */
    int32_t origin; /* input coordinate of tap 0 */
} window;

static inline window window_clip(int32_t origin, int32_t dilation, int32_t taps, int32_t side)
{
    window w = {0, taps, origin};
    while (w.first < taps && origin + w.first * dilation < 0)
        w.first++;
    while (w.last > w.first && origin + (w.last - 1) * dilation >= side)
        w.last--;
    if (w.first == w.last) { /* dilated taps that all fall beside the input: none, at an address inside */
        const window none = {0, 0, 0};
        return none;
    }
    return w;
}

#endif
