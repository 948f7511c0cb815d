/* SPDX-License-Identifier: Apache-2.0 */
#include "board.h"

/* CMSDK timer 0 counts down from its reload value: control, value, reload. */
#define TIMER 0x40000000u
enum { TIMER_CONTROL = 0x00, TIMER_VALUE = 0x04, TIMER_RELOAD = 0x08 };

void timer_init(void)
{
    REGISTER(TIMER + TIMER_CONTROL) = 0;
    REGISTER(TIMER + TIMER_RELOAD) = 0xFFFFFFFFu;
    REGISTER(TIMER + TIMER_VALUE) = 0xFFFFFFFFu;
    REGISTER(TIMER + TIMER_CONTROL) = 1;
}

uint32_t timer_ticks(void *context)
{
    (void)context;
    return ~REGISTER(TIMER + TIMER_VALUE);
}
