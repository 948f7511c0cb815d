/* SPDX-License-Identifier: Apache-2.0 */
#include "frames.h"

#include <string.h>

#include "ground/bytes.h"
#include "link/cobs.h"

enum { HEADER = 8, CRC = 4, ERROR = 0xFF };

uint32_t frame_encode(uint8_t *wire, frame_head head, const void *body, uint32_t bytes)
{
    uint8_t frame[TINYTL_FRAME_BYTES] = {head.type, TINYTL_PROTOCOL, (uint8_t)head.sequence,
                                         (uint8_t)(head.sequence >> 8)};
    set32(frame + 4, head.session);
    if (bytes > 0)
        memcpy(frame + HEADER, body, bytes);
    set32(frame + HEADER + bytes, tinytl_crc32(0, frame, HEADER + bytes));
    const uint32_t coded = tinytl_cobs_encode(frame, HEADER + bytes + CRC, wire);
    wire[coded] = 0;
    return coded + 1u;
}

uint32_t frame_decode(uint8_t *wire, uint32_t *bytes)
{
    const uint32_t plain = tinytl_cobs_decode(wire, *bytes);
    if (plain < HEADER + CRC || tinytl_crc32(0, wire, plain - CRC) != get32(wire + plain - CRC))
        return NO_ANSWER;
    const uint32_t status = wire[0] == ERROR ? get16(wire + HEADER) : 0;
    *bytes = plain - HEADER - CRC;
    memmove(wire, wire + HEADER, *bytes);
    return status;
}
