/* SPDX-License-Identifier: Apache-2.0 */
#include "wire.h"

#include <string.h>

enum { HELLO = 0x01 };

device host_side;
static tinytl_platform platform;

static int erase(void *context, uint32_t offset, uint32_t bytes)
{
    return flash_erase(&((device *)context)->flash, offset, bytes);
}

static int write(void *context, uint32_t offset, const void *data, uint32_t bytes)
{
    return flash_write(&((device *)context)->flash, offset, data, bytes);
}

static void take_answer(void *context, const uint8_t *data, uint32_t bytes)
{
    device *to = context;
    memcpy(to->answer, data + 1, bytes - 2u);
    to->answer_bytes = bytes - 2u;
}

void device_begin(const geometry *shape)
{
    memset(&host_side, 0, sizeof host_side);
    flash_begin(&host_side.flash, shape);
    platform = (tinytl_platform){
        .context = &host_side, .board_name = "torn", .arena = host_side.arena, .arena_bytes = DEVICE_ARENA,
        .nv_base = host_side.flash.memory, .model_slot_bytes = model_slot_bytes(shape),
        .head_slot_bytes = head_slot_bytes(shape), .program_bytes = shape->unit, .nv_erase = erase,
        .nv_write = write, .send = take_answer,
    };
}

uint32_t device_command(uint8_t type, const void *body, uint32_t bytes)
{
    uint8_t wire[WIRE_ROOM];
    const uint32_t coded = frame_encode(wire, (frame_head){type, host_side.sequence++, host_side.number}, body, bytes);
    host_side.answer_bytes = 0;
    tinytl_session_receive(&host_side.session, wire, coded);
    return frame_decode(host_side.answer, &host_side.answer_bytes);
}

void device_start(void)
{
    memset(host_side.arena, 0xA5, sizeof host_side.arena);
    tinytl_session_init(&host_side.session, &platform);
    host_side.number++;
    host_side.sequence = 0;
    (void)device_command(HELLO, NULL, 0);
}
