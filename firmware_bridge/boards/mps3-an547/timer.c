/* SPDX-License-Identifier: Apache-2.0
 * The SSE-300's system counter, read through a timer that watches it. */
#include "board.h"

#define COUNTER_CONTROL 0x58100000u
#define TIMER_COUNT_LOW 0x58000000u

void timer_init(void)
{
    REGISTER(COUNTER_CONTROL) = 1;
}

uint32_t timer_ticks(void *context)
{
    (void)context;
    return REGISTER(TIMER_COUNT_LOW);
}
