/* SPDX-License-Identifier: Apache-2.0 */
#include "board.h"

#include <string.h>

/* CMSDK UART 0: data, state (bit 0 transmitter full, bit 1 receiver full), control, interrupts, baud divider. */
enum { UART_DATA = 0x00, UART_STATE = 0x04, UART_CONTROL = 0x08, UART_INTERRUPTS = 0x0C, UART_DIVIDER = 0x10,
       TX_FULL = 1, RX_FULL = 2 };
enum { TX_ON = 1, RX_ON = 2, RX_INTERRUPT_ON = 8, RX_INTERRUPT = 2 };

/* The receiver's interrupt in the NVIC: enable, clear pending. */
#define NVIC_ENABLE (0xE000E100u + BOARD_UART_INTERRUPT / 32u * 4u)
#define NVIC_CLEAR (0xE000E280u + BOARD_UART_INTERRUPT / 32u * 4u)
#define NVIC_BIT (1u << BOARD_UART_INTERRUPT % 32u)

void uart_init(void)
{
    __asm volatile("cpsid i" ::: "memory");
    REGISTER(BOARD_UART_ADDRESS + UART_DIVIDER) = 16;
    REGISTER(BOARD_UART_ADDRESS + UART_CONTROL) = TX_ON | RX_ON | RX_INTERRUPT_ON;
    (void)REGISTER(BOARD_UART_ADDRESS + UART_DATA); /* else the first byte waits a second in half of all starts */
    REGISTER(NVIC_ENABLE) = NVIC_BIT;
}

/* The interrupt is cleared before the receiver is looked at: a byte that comes in between makes it pending again,
 * and WFI does not wait. */
uint8_t uart_read(void)
{
    for (;;) {
        REGISTER(BOARD_UART_ADDRESS + UART_INTERRUPTS) = RX_INTERRUPT;
        REGISTER(NVIC_CLEAR) = NVIC_BIT;
        if (REGISTER(BOARD_UART_ADDRESS + UART_STATE) & RX_FULL)
            return (uint8_t)REGISTER(BOARD_UART_ADDRESS + UART_DATA);
        __asm volatile("dsb\n wfi" ::: "memory");
    }
}

void uart_send(void *context, const uint8_t *data, uint32_t bytes)
{
    (void)context;
    for (uint32_t i = 0; i < bytes; i++) {
        while (REGISTER(BOARD_UART_ADDRESS + UART_STATE) & TX_FULL) {
        }
        REGISTER(BOARD_UART_ADDRESS + UART_DATA) = data[i];
    }
}

/* The emulator's memory would take any write; flash does not, so the driver refuses what flash would not do. */
static uint8_t *const nv = (uint8_t *)NV_BASE;
static const uint32_t nv_bytes = 2u * BOARD_MODEL_SLOT_BYTES + 2u * BOARD_HEAD_SLOT_BYTES;

int flash_erase(void *context, uint32_t offset, uint32_t bytes)
{
    (void)context;
    if (offset % BOARD_SECTOR_BYTES != 0 || bytes % BOARD_SECTOR_BYTES != 0 || offset > nv_bytes ||
        bytes > nv_bytes - offset)
        return -1;
    memset(nv + offset, 0xFF, bytes);
    return 0;
}

int flash_write(void *context, uint32_t offset, const void *data, uint32_t bytes)
{
    const uint8_t *source = data;
    (void)context;
    if (offset > nv_bytes || bytes > nv_bytes - offset || offset % BOARD_PROGRAM_BYTES != 0 ||
        bytes % BOARD_PROGRAM_BYTES != 0)
        return -1;
    for (uint32_t i = 0; i < bytes; i++)
        if (nv[offset + i] != 0xFF)
            return -1;
    for (uint32_t i = 0; i < bytes; i++)
        nv[offset + i] = source[i];
    return 0;
}

extern uint32_t __stack_bottom[], __stack_top[];

uint32_t stack_high_water(void *context)
{
    const uint32_t *word = __stack_bottom;
    (void)context;
    while (word < __stack_top && *word == BOARD_STACK_PAINT)
        word++;
    return (uint32_t)((const uint8_t *)__stack_top - (const uint8_t *)word);
}

__attribute__((naked, noinline)) void count_mark(void *context)
{
    (void)context;
    __asm volatile(".inst.n 0x46DB\n bx lr");
}

__attribute__((naked, noinline)) void count_loop(void *context, uint32_t iterations)
{
    (void)context;
    (void)iterations;
    __asm volatile("1: nop\n subs r1, r1, #1\n bne 1b\n bx lr");
}
