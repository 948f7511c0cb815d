/* SPDX-License-Identifier: Apache-2.0
 * Vectors and reset: FPU on, data copied, bss cleared, stack painted, then main. A fault is told over the ring, if that
 * is in use, and stops the machine. */
#include "board.h"

extern uint32_t __data_load[], __data_start[], __data_end[], __bss_start[], __bss_end[];
extern uint32_t __stack_bottom[], __stack_top[];
int main(void);
void Reset_Handler(void);

static void fault(void)
{
    uint32_t exception;
    __asm volatile("mrs %0, ipsr" : "=r"(exception));
    ring_fault(exception);
    for (;;)
        __asm volatile("wfi");
}

static void start(void)
{
    const uint32_t *source = __data_load;
    for (uint32_t *word = __data_start; word < __data_end;)
        *word++ = *source++;
    for (uint32_t *word = __bss_start; word < __bss_end;)
        *word++ = 0;
    main();
    fault();
}

/* Paints the whole stack while nothing is on it. */
__attribute__((naked)) void Reset_Handler(void)
{
    __asm volatile("ldr r0, =0xE000ED88\n ldr r1, [r0]\n orr r1, r1, #(0xF << 20)\n str r1, [r0]\n dsb\n isb\n"
                   "ldr r0, =__stack_bottom\n ldr r1, =__stack_top\n ldr r2, =%c0\n"
                   "1: cmp r0, r1\n it lo\n strlo r2, [r0], #4\n blo 1b\n"
                   "b %c1\n .ltorg" ::"i"(BOARD_STACK_PAINT), "i"(start));
}

__attribute__((section(".vectors"), used)) static const void *const vectors[16] = {
    __stack_top, Reset_Handler, fault, fault, fault, fault, fault, fault,
    fault, fault, fault, fault, fault, fault, fault, fault,
};
