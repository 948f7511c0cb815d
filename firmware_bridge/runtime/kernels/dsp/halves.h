/* SPDX-License-Identifier: Apache-2.0
 * Words as two 16-bit halves, and rescaling of one sum: one instruction each on Cortex-M4, plain C elsewhere. */
#ifndef TINYTL_KERNELS_DSP_HALVES_H
#define TINYTL_KERNELS_DSP_HALVES_H

#include "kernels/dsp/words.h"

#if defined(__ARM_FEATURE_SIMD32) && __ARM_FEATURE_SIMD32
#include "kernels/dsp/armv7em/halves.h"
#else
#include "kernels/dsp/plain/halves.h"
#endif

#endif
