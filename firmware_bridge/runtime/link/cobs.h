/* SPDX-License-Identifier: Apache-2.0
 * Consistent overhead byte stuffing (Cheshire and Baker, 1999): a frame without zero bytes, one byte longer per 254. */
#ifndef TINYTL_LINK_COBS_H
#define TINYTL_LINK_COBS_H

#include <stdint.h>

/* Encode; `output` may start at least bytes / 254 + 1 before `input` in the same buffer. Returns the encoded length. */
uint32_t tinytl_cobs_encode(const uint8_t *input, uint32_t bytes, uint8_t *output);

/* Decode in place. Returns the decoded length, 0 if the bytes are no COBS frame. */
uint32_t tinytl_cobs_decode(uint8_t *data, uint32_t bytes);

#endif
