/* SPDX-License-Identifier: Apache-2.0
 * The firmware: fill in the platform, then feed the session every byte that comes, in the ring or over the UART as the
 * host wants it. Everything else is the runtime's. */
#include "board.h"
#include "tinytl_session.h"

static uint8_t arena[BOARD_ARENA_BYTES] __attribute__((section(".arena"), aligned(16)));
static tinytl_session session;
extern uint8_t __data_start[], __bss_end[];

static void receive_from_ring(void)
{
    const uint8_t *data;
    const uint32_t bytes = ring_receive(&data);
    tinytl_session_receive(&session, data, bytes);
    ring_release(bytes);
}

static void receive_from_uart(void)
{
    const uint8_t byte = uart_read();
    tinytl_session_receive(&session, &byte, 1);
}

int main(void)
{
    const int ring = ring_chosen();
    const tinytl_platform platform = {
        .board_name = BOARD_NAME,
        .clock_hz = BOARD_CLOCK_HZ,
        .tick_hz = BOARD_TICK_HZ,
        .static_bytes = (uint32_t)(__bss_end - __data_start),
        .arena = arena,
        .arena_bytes = sizeof arena,
        .nv_base = (const uint8_t *)NV_BASE,
        .model_slot_bytes = BOARD_MODEL_SLOT_BYTES,
        .head_slot_bytes = BOARD_HEAD_SLOT_BYTES,
        .program_bytes = BOARD_PROGRAM_BYTES,
        .nv_erase = flash_erase,
        .nv_write = flash_write,
        .mailbox = (uint8_t *)MAILBOX_BASE,
        .mailbox_bytes = BOARD_MAILBOX_BYTES,
        .send = ring ? ring_send : uart_send,
        .ticks = timer_ticks,
        .mark = count_mark,
        .stack_bytes = stack_high_water,
        .count_loop = count_loop,
    };
    uart_init();
    timer_init();
    tinytl_session_init(&session, &platform);
    for (;;) {
        if (ring)
            receive_from_ring();
        else
            receive_from_uart();
    }
}
