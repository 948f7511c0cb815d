/* SPDX-License-Identifier: Apache-2.0
 *
 * A device whose arena, flash, mailbox and session lie in blocks of exactly their size, so that one byte beside
 * them stops a fuzzer. Its flash has the rules of flash. Images come from the files named in
 * TINYTL_FUZZED_IMAGES, one a line. */
#ifndef TINYTL_TESTS_FUZZED_DEVICE_H
#define TINYTL_TESTS_FUZZED_DEVICE_H

#include "frames.h"

enum { MODEL_SLOT = 3072, HEAD_SLOT = 1024, FUZZED_FLASH = 2 * (MODEL_SLOT + HEAD_SLOT), MAILBOX = 256, UNIT = 8,
       SLOT_PAYLOAD = 48, MAX_IMAGES = 4 };

typedef struct fuzzed_image {
    uint8_t *data; /* aligned; exactly its bytes */
    uint32_t bytes;
} fuzzed_image;

/* What a command is made of and what came of it. */
extern uint8_t *fuzzed_flash;
extern tinytl_session *fuzzed_session;
extern uint8_t fuzzed_answer[WIRE_ROOM];
extern uint32_t fuzzed_answer_bytes;

/* malloc aligns to 16 where this is built. */
void *exact_block(size_t bytes);
/* Image `which` (mod their number), read once. */
fuzzed_image fuzzed_image_at(uint32_t which);
/* The arena has what the neediest image asks for; nothing in flash. */
void fuzzed_begin(void);
/* Power on. */
void fuzzed_start(void);
/* Returns the status of the answer. */
uint32_t fuzzed_command(uint8_t type, const void *body, uint32_t bytes);
/* As bytes over the wire. */
void fuzzed_noise(const uint8_t *data, uint32_t bytes);
/* Flash an image; returns the last status. */
uint32_t fuzzed_flash_image(const uint8_t *image, uint32_t bytes);
/* Remember arena, flash and session; bring them back. */
void fuzzed_keep(void);
void fuzzed_return(void);

#endif
