/* SPDX-License-Identifier: Apache-2.0
 *
 * Coverage-guided: commands and noise to a device that has a model and a saved head. The input is a list of moves: a
 * byte that says which, then its bytes. */
#include <stdlib.h>
#include <string.h>

#include "fuzzed_device.h"
#include "ground/bytes.h"

enum { STATUS = 0x02, SAVE = 0x40, RESTART = 0xFF, NOISE = 0xFE, CHANGED_IMAGE = 0xFD, SAMPLE = 0xFC, CRC_AT = 12,
       CRC_FROM = 16 };

typedef struct reader {
    const uint8_t *at;
    size_t left;
} reader;

static uint32_t take(reader *from)
{
    if (from->left == 0)
        return 0;
    from->left--;
    return *from->at++;
}

/* Up to a byte's number of bytes, or four times as many. */
static uint32_t take_body(reader *from, uint8_t *body)
{
    uint32_t bytes = take(from);
    bytes = bytes & 0x80 ? (bytes & 0x7F) * 8u : bytes;
    bytes = bytes < from->left ? bytes : (uint32_t)from->left;
    memcpy(body, from->at, bytes);
    from->at += bytes;
    from->left -= bytes;
    return bytes;
}

/* An image with a few bytes changed and its checksum put right. */
static void flash_changed(reader *from)
{
    const fuzzed_image image = fuzzed_image_at(take(from));
    uint8_t *changed = exact_block(image.bytes);
    memcpy(changed, image.data, image.bytes);
    for (uint32_t changes = take(from) % 4u; changes > 0; changes--) {
        const uint32_t at = (take(from) | take(from) << 8) % image.bytes;
        changed[at] = (uint8_t)take(from);
    }
    set32(changed + CRC_AT, tinytl_crc32(0, changed + CRC_FROM, image.bytes - CRC_FROM));
    (void)fuzzed_flash_image(changed, image.bytes);
    free(changed);
}

/* A sample of the right length, behind what a command begins with: 4 bytes of INFER, 8 of TEACH, 40 of GROW. */
static void send_sample(reader *from)
{
    static const uint8_t types[3] = {0x21, 0x22, 0x23}, fronts[3] = {4, 8, 40};
    uint8_t body[TINYTL_MAX_PAYLOAD] = {0};
    const uint32_t which = take(from) % 3u, front = fronts[which],
                   inputs = fuzzed_session->model_status ? 0 : fuzzed_session->model.input_bytes;
    if (which == 2)
        body[0] = (uint8_t)(fuzzed_session->model_status ? 0 : fuzzed_session->model.class_count);
    if (which > 0)
        body[which == 1 ? 0 : 4] = (uint8_t)take(from);
    if (which > 0)
        body[2] = (uint8_t)take(from);
    for (uint32_t i = 0; i < inputs && front + inputs <= sizeof body; i++)
        body[front + i] = (uint8_t)take(from);
    if (front + inputs <= sizeof body)
        (void)fuzzed_command(types[which], body, front + inputs);
}

static void move(reader *from)
{
    uint8_t body[TINYTL_MAX_PAYLOAD];
    const uint32_t type = take(from);
    if (type == RESTART)
        fuzzed_start();
    else if (type == NOISE)
        fuzzed_noise(body, take_body(from, body));
    else if (type == CHANGED_IMAGE)
        flash_changed(from);
    else if (type == SAMPLE)
        send_sample(from);
    else
        (void)fuzzed_command((uint8_t)type, body, take_body(from, body));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    reader from = {data, bytes};
    static int begun;
    if (!begun) {
        begun = 1;
        fuzzed_begin();
        if (fuzzed_flash_image(fuzzed_image_at(0).data, fuzzed_image_at(0).bytes) || fuzzed_command(SAVE, NULL, 0))
            abort();
        fuzzed_keep();
    }
    fuzzed_return();
    while (from.left > 0)
        move(&from);
    (void)fuzzed_command(STATUS, NULL, 0);
    return 0;
}
