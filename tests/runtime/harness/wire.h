/* SPDX-License-Identifier: Apache-2.0
 * A device in memory, session and flash, and the host's side of its wire: one command, one answer. */
#ifndef TINYTL_TESTS_WIRE_H
#define TINYTL_TESTS_WIRE_H

#include "frames.h"
#include "torn_flash.h"

enum { DEVICE_ARENA = 1 << 16 };

/* All of it, so that a copy is a snapshot; it is to be put back where it was. */
typedef struct device {
    uint8_t arena[DEVICE_ARENA] TINYTL_ALIGNED;
    torn_flash flash;
    tinytl_session session;
    uint32_t number; /* of the session */
    uint16_t sequence;
    uint32_t answer_bytes;
    uint8_t answer[WIRE_ROOM];
} device;

/* The device that everything here is about. */
extern device host_side;

/* A flash of this shape with nothing in it. */
void device_begin(const geometry *shape);
/* Power on: the session starts on what the flash holds, and the host opens it. */
void device_start(void);
/* Send a command; returns its status, NO_ANSWER if there came none. The answer's body:
 * host_side.answer, answer_bytes. */
uint32_t device_command(uint8_t type, const void *body, uint32_t bytes);

#endif
