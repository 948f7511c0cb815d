/* SPDX-License-Identifier: Apache-2.0
 * What the compiler took for granted of the processor, for the host's binding to ask before anything else runs. */
#include <stdint.h>

/* Bits of Linux' AT_HWCAP on 32-bit Arm: NEON and VFPv4. 0: nothing beyond what the platform has anyway. */
uint32_t tinytl_twin_processor_needs(void)
{
#if defined(__arm__) && defined(__ARM_NEON) && defined(__ARM_FEATURE_FMA)
    return 1u << 12 | 1u << 16;
#else
    return 0;
#endif
}
