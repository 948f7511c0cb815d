/* SPDX-License-Identifier: Apache-2.0
 * The ring (SPEC.md section 3.3): frames in memory that host and device share, one direction behind the other. Whoever
 * publishes bytes sends one byte over the UART, which wakes the other; nobody polls. */
#include "board.h"

#include <string.h>

enum { RING_MAGIC = 0x474E4952, TO_DEVICE = 0x4000, TO_HOST = 0x8000, DIRECTION_BYTES = 0x4000,
       MASK = DIRECTION_BYTES - 1 };

/* Heads are where the writer goes on, tails where the reader does: offsets in a direction's bytes;
 * equal where it is empty. */
typedef struct ring {
    volatile uint32_t magic, to_device_head, to_device_tail, to_host_head, to_host_tail, fault;
} ring;

static ring *const shared = (ring *)RING_BASE;

static void barrier(void)
{
    __asm volatile("dmb" ::: "memory");
}

int ring_chosen(void)
{
    return shared->magic == RING_MAGIC;
}

uint32_t ring_receive(const uint8_t **data)
{
    const uint32_t tail = shared->to_device_tail & MASK;
    uint32_t head;
    while ((head = shared->to_device_head & MASK) == tail)
        (void)uart_read();
    barrier();
    *data = (const uint8_t *)RING_BASE + TO_DEVICE + tail;
    return (head > tail ? head : (uint32_t)DIRECTION_BYTES) - tail;
}

void ring_release(uint32_t bytes)
{
    barrier();
    shared->to_device_tail = (shared->to_device_tail + bytes) & MASK;
}

static void ring_doorbell(void)
{
    static const uint8_t byte = 0;
    uart_send(0, &byte, 1);
}

/* What does not fit waits for the host to read; one place stays free, so that full is not empty. */
void ring_send(void *context, const uint8_t *data, uint32_t bytes)
{
    uint8_t *const to_host = (uint8_t *)RING_BASE + TO_HOST;
    (void)context;
    while (bytes > 0) {
        const uint32_t head = shared->to_host_head & MASK;
        const uint32_t room = (shared->to_host_tail - head - 1u) & MASK, run = DIRECTION_BYTES - head;
        uint32_t now = bytes < room ? bytes : room;
        now = now < run ? now : run;
        if (now == 0)
            continue;
        memcpy(to_host + head, data, now);
        barrier();
        shared->to_host_head = (head + now) & MASK;
        barrier();
        ring_doorbell();
        data += now;
        bytes -= now;
    }
}

void ring_fault(uint32_t exception)
{
    if (!ring_chosen())
        return;
    shared->fault = exception;
    barrier();
    ring_doorbell();
}
