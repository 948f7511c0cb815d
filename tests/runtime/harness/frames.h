/* SPDX-License-Identifier: Apache-2.0
 * Frames of SPEC.md section 3 as the host writes and reads them. */
#ifndef TINYTL_TESTS_FRAMES_H
#define TINYTL_TESTS_FRAMES_H

#include "tinytl_session.h"

enum { WIRE_ROOM = TINYTL_WIRE_BYTES + 2, NO_ANSWER = 0xFFFF };

typedef struct frame_head {
    uint8_t type;
    uint16_t sequence;
    uint32_t session;
} frame_head;

/* Writes a command and the zero behind it to `wire`, of WIRE_ROOM bytes; returns how many. */
uint32_t frame_encode(uint8_t *wire, frame_head head, const void *body, uint32_t bytes);
/* Leaves an answer's body at `wire`, of `*bytes`; returns its status, NO_ANSWER where it is no frame. */
uint32_t frame_decode(uint8_t *wire, uint32_t *bytes);

#endif
