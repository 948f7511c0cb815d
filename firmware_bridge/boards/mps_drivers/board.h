/* SPDX-License-Identifier: Apache-2.0
 * Drivers of a board: UART, flash, timer, counting marks. Addresses and sizes are its board.toml's. */
#ifndef TINYTL_BOARD_H
#define TINYTL_BOARD_H

#include <stdint.h>

#define REGISTER(address) (*(volatile uint32_t *)(uintptr_t)(address))
#define NV_BASE BOARD_NV_ADDRESS
#define MAILBOX_BASE (NV_BASE + BOARD_MAILBOX_OFFSET)
#define RING_BASE (NV_BASE + BOARD_RING_OFFSET)

void uart_init(void);    /* interrupts stay masked: a pending one only ends a wait */
uint8_t uart_read(void); /* waits for a byte, asleep */
void uart_send(void *context, const uint8_t *data, uint32_t bytes);

/* Frames in memory that the host maps too (SPEC.md section 3.3); the UART then carries doorbells only. */
int ring_chosen(void);                      /* whether the host wants frames there */
uint32_t ring_receive(const uint8_t **data); /* waits; returns how many bytes lie at *data until ring_release */
void ring_release(uint32_t bytes);
void ring_send(void *context, const uint8_t *data, uint32_t bytes);
void ring_fault(uint32_t exception); /* tells the host of a fault */

void timer_init(void);
uint32_t timer_ticks(void *context); /* counts up at BOARD_TICK_HZ, wraps */

/* Flash: erase sets whole sectors to FF, a write takes whole program units that are erased. Both return 0 on success
 * and refuse what flash would not do. */
int flash_erase(void *context, uint32_t offset, uint32_t bytes);
int flash_write(void *context, uint32_t offset, const void *data, uint32_t bytes);

uint32_t stack_high_water(void *context); /* bytes, since reset */
/* One `mov r11, r11`, which no compiler emits: the counting plugin looks for it. */
void count_mark(void *context);
void count_loop(void *context, uint32_t iterations); /* 3 instructions an iteration */

#endif
