/* SPDX-License-Identifier: Apache-2.0
 *
 * From reset to main on an MPS2 board, and semihosting: text to the emulator's console, exit with a code.
 */
#include <stdint.h>

#include "startup.h"

#define COPROCESSOR_ACCESS (*(volatile uint32_t *)0xE000ED88u)
#define WRITE_TEXT 0x04
#define EXIT_EXTENDED 0x20
#define APPLICATION_EXIT 0x20026u

extern uint32_t stack_top[], bss_start[], bss_end[];
int main(void);

static void semihosting(int operation, const void *argument)
{
    register int r0 __asm__("r0") = operation;
    register const void *r1 __asm__("r1") = argument;
    __asm__ volatile("bkpt 0xab" : "+r"(r0) : "r"(r1) : "memory");
}

void console_text(const char *text)
{
    semihosting(WRITE_TEXT, text);
}

void console_hex(uint32_t value)
{
    char text[10];
    for (int digit = 0; digit < 8; digit++)
        text[digit] = "0123456789abcdef"[(value >> (28 - 4 * digit)) & 15u];
    text[8] = ' ';
    text[9] = 0;
    console_text(text);
}

void leave(uint32_t code)
{
    uint32_t block[2] = {APPLICATION_EXIT, code};
    semihosting(EXIT_EXTENDED, block);
    for (;;) {
    }
}

void reset(void)
{
#if defined(__ARM_FP)
    COPROCESSOR_ACCESS |= 0xFu << 20; /* the FPU is off after reset */
    __asm__ volatile("dsb\n isb");
#endif
    for (uint32_t *word = bss_start; word < bss_end; word++)
        *word = 0;
    leave((uint32_t)main());
}

static void fault(void)
{
    console_text("fault\n");
    leave(99);
}

__attribute__((section(".vectors"), used)) static const void *const vectors[16] = {
    (const void *)stack_top, (const void *)reset, (const void *)fault, (const void *)fault,
    (const void *)fault,     (const void *)fault, (const void *)fault,
};
