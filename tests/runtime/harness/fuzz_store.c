/* SPDX-License-Identifier: Apache-2.0
 *
 * Coverage-guided: what a device finds in its flash. The input is laid over a store that holds models and heads, piece
 * by piece; checksums are put right where it says so. The device starts on that, uses what it found, and must then take
 * a new model, a new head and a restart. */
#include <stdlib.h>
#include <string.h>

#include "fuzzed_device.h"
#include "ground/bytes.h"

enum { STATUS = 0x02, INFER = 0x21, TEACH = 0x22, SAVE = 0x40, ROLLBACK = 0x41, CHECK = 0x42, CHECKED = 24, SLOTS = 4,
       UNGUARDED = 2 };

static const uint32_t slot_places[SLOTS] = {0, MODEL_SLOT, 2 * MODEL_SLOT, 2 * MODEL_SLOT + HEAD_SLOT};

/* Image, payload and header of a slot, each where it is asked for. */
static void put_right(uint8_t *slot, uint32_t room, uint32_t which)
{
    uint8_t *body = slot + SLOT_PAYLOAD;
    const uint32_t stated = get32(slot + 12), bytes = stated <= room - SLOT_PAYLOAD ? stated : room - SLOT_PAYLOAD;
    if ((which & 1u) && bytes >= sizeof(tinytl_image_header))
        set32(body + 12, tinytl_crc32(0, body + 16, bytes - 16));
    if (which & 2u)
        set32(slot + 16, tinytl_crc32(0, body, bytes));
    if (which & 4u)
        set32(slot + CHECKED, tinytl_crc32(0, slot, CHECKED));
}

/* Pieces: slot and what is put right, place (two bytes), length, bytes. */
static void lay_over(const uint8_t *data, size_t bytes)
{
    while (bytes > 4) {
        const uint32_t number = data[0] % SLOTS, room = number < 2 ? MODEL_SLOT : HEAD_SLOT,
                       place = get16(data + 1) % room;
        uint32_t count = data[3] < bytes - 4 ? data[3] : (uint32_t)bytes - 4;
        count = count < room - place ? count : room - place;
        memcpy(fuzzed_flash + slot_places[number] + place, data + 4, count);
        put_right(fuzzed_flash + slot_places[number], room, data[0] >> 2);
        data += 4 + count;
        bytes -= 4 + count;
    }
}

static void teach(uint32_t label, uint32_t flags)
{
    uint8_t body[TINYTL_MAX_PAYLOAD] = {0};
    const uint32_t inputs = fuzzed_session->model_status ? 0 : fuzzed_session->model.input_bytes;
    set32(body, label | flags << 16);
    for (uint32_t i = 0; i < inputs && i < 1000; i++)
        body[8 + i] = (uint8_t)(label * 37u + i * 53u);
    if (8 + inputs <= sizeof body)
        (void)fuzzed_command(TEACH, body, 8 + inputs);
}

static void use(void)
{
    for (uint8_t to = 0; to < 3; to++) {
        teach(to, UNGUARDED);
        teach(to, 0);
        (void)fuzzed_command(ROLLBACK, &to, 1);
    }
    (void)fuzzed_command(CHECK, NULL, 0);
    (void)fuzzed_command(STATUS, NULL, 0);
}

/* A device that found anything at all can still be flashed, taught and started. */
static void begin_anew(uint32_t which)
{
    const fuzzed_image image = fuzzed_image_at(which);
    uint8_t steps[4];
    if (fuzzed_flash_image(image.data, image.bytes) != 0)
        abort();
    teach(0, UNGUARDED);
    if (fuzzed_command(SAVE, NULL, 0) != 0)
        abort();
    set32(steps, fuzzed_session->model.steps);
    const uint32_t crc = tinytl_head_crc32(&fuzzed_session->model);
    fuzzed_start();
    if (fuzzed_session->model_status || fuzzed_session->head_status ||
        memcmp(fuzzed_session->model.image, image.data, image.bytes) != 0)
        abort();
    if (fuzzed_session->model.steps != get32(steps) || tinytl_head_crc32(&fuzzed_session->model) != crc)
        abort();
}

static void begin(void)
{
    fuzzed_begin();
    for (uint32_t which = 0; which < 2; which++) {
        const fuzzed_image image = fuzzed_image_at(which);
        if (fuzzed_flash_image(image.data, image.bytes) != 0)
            abort();
        teach(1, UNGUARDED);
        if (fuzzed_command(SAVE, NULL, 0) != 0)
            abort();
    }
    fuzzed_keep();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    static int begun;
    if (!begun)
        begin();
    begun = 1;
    fuzzed_return();
    lay_over(data, bytes);
    fuzzed_start();
    use();
    begin_anew(bytes > 0 ? data[0] : 0);
    return 0;
}
