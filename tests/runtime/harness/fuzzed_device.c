/* SPDX-License-Identifier: Apache-2.0 */
#include "fuzzed_device.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ground/bytes.h"

enum { HELLO = 0x01, FLASH_BEGIN = 0x10, FLASH_DATA = 0x11, FLASH_COMMIT = 0x12, MAX_IMAGE = 1 << 14, CHUNK = 1000 };

typedef struct block {
    uint8_t *present;
    uint8_t *kept;
    size_t bytes;
} block;

uint8_t *fuzzed_flash, fuzzed_answer[WIRE_ROOM];
tinytl_session *fuzzed_session;
uint32_t fuzzed_answer_bytes;
static block blocks[4];
static tinytl_platform platform;
static fuzzed_image images[MAX_IMAGES];
static uint32_t image_count, number;
static uint16_t sequence;

void *exact_block(size_t bytes)
{
    void *made = malloc(bytes);
    if (!made || (uintptr_t)made % TINYTL_ALIGNMENT != 0)
        exit(3);
    return made;
}

static void read_image(const char *path)
{
    static uint8_t bytes[MAX_IMAGE];
    FILE *file = fopen(path, "rb");
    if (!file || image_count == MAX_IMAGES)
        exit(2);
    const uint32_t count = (uint32_t)fread(bytes, 1, sizeof bytes, file);
    fclose(file);
    images[image_count] = (fuzzed_image){exact_block(count), count};
    memcpy(images[image_count++].data, bytes, count);
}

fuzzed_image fuzzed_image_at(uint32_t which)
{
    if (image_count == 0) {
        char paths[4096] = "";
        const char *told = getenv("TINYTL_FUZZED_IMAGES");
        snprintf(paths, sizeof paths, "%s", told ? told : "");
        for (char *path = strtok(paths, "\n"); path; path = strtok(NULL, "\n"))
            read_image(path);
        if (image_count == 0)
            exit(2);
    }
    return images[which % image_count];
}

static int erase(void *context, uint32_t offset, uint32_t bytes)
{
    (void)context;
    if ((uint64_t)offset + bytes > FUZZED_FLASH)
        abort();
    memset(fuzzed_flash + offset, 0xFF, bytes);
    return 0;
}

static int write(void *context, uint32_t offset, const void *data, uint32_t bytes)
{
    (void)context;
    if (offset % UNIT != 0 || bytes % UNIT != 0 || (uint64_t)offset + bytes > FUZZED_FLASH)
        abort();
    for (uint32_t i = 0; i < bytes; i++)
        if (fuzzed_flash[offset + i] != 0xFF)
            abort();
    memcpy(fuzzed_flash + offset, data, bytes);
    return 0;
}

static void take_answer(void *context, const uint8_t *data, uint32_t bytes)
{
    (void)context;
    if (bytes < 2 || bytes > WIRE_ROOM || data[0] != 0 || data[bytes - 1] != 0)
        abort();
    memcpy(fuzzed_answer, data + 1, bytes - 2);
    fuzzed_answer_bytes = bytes - 2;
}

static uint8_t *block_of(uint32_t which, size_t bytes)
{
    blocks[which] = (block){exact_block(bytes), exact_block(bytes), bytes};
    memset(blocks[which].present, 0xFF, bytes);
    return blocks[which].present;
}

void fuzzed_begin(void)
{
    uint32_t arena_bytes = 0;
    for (uint32_t i = 0; i < MAX_IMAGES; i++) {
        const uint32_t asked = ((const tinytl_image_header *)(const void *)fuzzed_image_at(i).data)->arena_bytes;
        arena_bytes = asked > arena_bytes ? asked : arena_bytes;
    }
    fuzzed_flash = block_of(1, FUZZED_FLASH);
    fuzzed_session = (tinytl_session *)(void *)block_of(2, sizeof *fuzzed_session);
    platform = (tinytl_platform){
        .board_name = "fuzzed", .arena = block_of(0, arena_bytes), .arena_bytes = arena_bytes, .nv_base = fuzzed_flash,
        .model_slot_bytes = MODEL_SLOT, .head_slot_bytes = HEAD_SLOT, .program_bytes = UNIT, .nv_erase = erase,
        .nv_write = write, .mailbox = block_of(3, MAILBOX), .mailbox_bytes = MAILBOX, .send = take_answer,
    };
    fuzzed_start();
}

uint32_t fuzzed_command(uint8_t type, const void *body, uint32_t bytes)
{
    uint8_t wire[WIRE_ROOM];
    const uint32_t coded = frame_encode(wire, (frame_head){type, sequence++, number}, body, bytes);
    fuzzed_answer_bytes = 0;
    tinytl_session_receive(fuzzed_session, wire, coded);
    const uint32_t status = frame_decode(fuzzed_answer, &fuzzed_answer_bytes);
    if (status == NO_ANSWER)
        abort(); /* what is framed as it should be is answered */
    return status;
}

void fuzzed_start(void)
{
    tinytl_session_init(fuzzed_session, &platform);
    sequence = 0;
    number++;
    (void)fuzzed_command(HELLO, NULL, 0);
}

void fuzzed_noise(const uint8_t *data, uint32_t bytes)
{
    static const uint8_t end = 0;
    tinytl_session_receive(fuzzed_session, data, bytes);
    tinytl_session_receive(fuzzed_session, &end, 1);
    sequence = (uint16_t)(fuzzed_session->sequence + 1u);
    number = fuzzed_session->session;
}

uint32_t fuzzed_flash_image(const uint8_t *image, uint32_t bytes)
{
    uint8_t body[TINYTL_MAX_PAYLOAD];
    uint32_t status = fuzzed_command(FLASH_BEGIN, image, sizeof(tinytl_image_header));
    for (uint32_t offset = 0; offset < bytes && status == 0; offset += CHUNK) {
        const uint32_t taken = bytes - offset < CHUNK ? bytes - offset : CHUNK;
        set32(body, offset);
        memcpy(body + 4, image + offset, taken);
        status = fuzzed_command(FLASH_DATA, body, 4 + taken);
    }
    return status ? status : fuzzed_command(FLASH_COMMIT, NULL, 0);
}

void fuzzed_keep(void)
{
    for (uint32_t i = 0; i < 4; i++)
        memcpy(blocks[i].kept, blocks[i].present, blocks[i].bytes);
}

void fuzzed_return(void)
{
    for (uint32_t i = 0; i < 4; i++)
        memcpy(blocks[i].present, blocks[i].kept, blocks[i].bytes);
    sequence = (uint16_t)(fuzzed_session->sequence + 1u);
    number = fuzzed_session->session;
}
