/* SPDX-License-Identifier: Apache-2.0
 *
 * Coverage-guided: a head's state, as the store keeps it. The input is a byte that chooses a model and a byte of
 * classes to add to it, then words to change in that model's own state (place, 2 bytes, and 4 bytes); or, where that
 * second byte is FF, the state itself. It is refused, and nothing has changed, or taken, and then it is told again as
 * it was, and the head can learn. */
#include <stdlib.h>
#include <string.h>

#include "fuzzed_device.h"
#include "ground/bytes.h"

enum { RAW = 0xFF, NAME = 32, MAX_STATE = 1 << 14 };

/* One open model for each image, each in an arena of exactly its size. */
static tinytl_model models[MAX_IMAGES];

static void open_all(void)
{
    for (uint32_t which = 0; which < MAX_IMAGES; which++) {
        const fuzzed_image image = fuzzed_image_at(which);
        const uint32_t arena_bytes = ((const tinytl_image_header *)(const void *)image.data)->arena_bytes;
        if (tinytl_model_open(&models[which], image.data, image.bytes, exact_block(arena_bytes), arena_bytes).status ||
            tinytl_head_open(&models[which]).status)
            abort();
    }
}

/* The state as SAVE writes it, part by part. */
static uint8_t *state_of(const tinytl_model *model, uint32_t *bytes)
{
    uint32_t header[4], fill = 0;
    *bytes = tinytl_head_state_bytes(model);
    uint8_t *state = exact_block(*bytes);
    for (uint32_t number = 0; number < TINYTL_HEAD_STATE_PARTS; number++) {
        const tinytl_head_part part = tinytl_head_state_part(model, number, header);
        memcpy(state + fill, part.data, part.bytes);
        fill += part.bytes;
    }
    if (fill != *bytes || tinytl_head_state_within(model, fill + NAME - 1u) != fill)
        abort();
    return state;
}

static void must_be(const tinytl_model *model, const uint8_t *expected, uint32_t bytes)
{
    uint32_t now_bytes;
    uint8_t *now = state_of(model, &now_bytes);
    if (now_bytes != bytes || memcmp(now, expected, bytes) != 0)
        abort();
    free(now);
}

static void use(tinytl_model *model)
{
    tinytl_model_invoke(model);
    if (tinytl_head_infer(model) >= model->class_count)
        abort();
    for (uint32_t label = 0; label < 3 && label < model->class_count; label++) {
        const tinytl_step_result made = tinytl_head_step(model, label);
        if (made.status != TINYTL_STATUS_ok && made.status != TINYTL_STATUS_diverged)
            abort();
    }
    const uint32_t classes = model->class_count;
    if (tinytl_head_grow(model, "fuzzed").status ? model->class_count != classes : model->class_count != classes + 1u)
        abort();
    uint32_t bytes;
    uint8_t *after = state_of(model, &bytes);
    if (tinytl_head_state_check(model, after, bytes).status)
        abort(); /* whatever was learned, it can be restored */
    free(after);
}

/* The factory state with `more` classes, one too many perhaps, called a, b, c …, and words of it
 * changed. Returns its bytes. */
static uint32_t changed_state(const tinytl_model *model, uint32_t more, const uint8_t *data, size_t bytes,
                              uint8_t *state)
{
    uint32_t count;
    uint8_t *own = state_of(model, &count);
    memcpy(state, own, count);
    free(own);
    more %= model->head->class_capacity - model->head->class_count + 2u;
    set32(state + 4, model->head->class_count + more);
    memset(state + count, 0, more * NAME);
    for (uint32_t i = 0; i < more; i++, count += NAME)
        state[count] = (uint8_t)('a' + i);
    for (; bytes >= 6; data += 6, bytes -= 6) {
        const uint32_t at = get16(data) % count;
        memcpy(state + at, data + 2, count - at < 4 ? count - at : 4);
    }
    return count - (bytes > 0 && bytes < count ? (uint32_t)bytes : 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    static uint8_t room[MAX_STATE];
    if (!models[0].head)
        open_all();
    if (bytes < 2 || bytes > MAX_STATE)
        return 0;
    tinytl_model *model = &models[data[0] % MAX_IMAGES];
    tinytl_head_reset(model);
    uint32_t before_bytes, given = (uint32_t)bytes - 2;
    uint8_t *before = state_of(model, &before_bytes);
    if (data[1] == RAW)
        memcpy(room, data + 2, given);
    else
        given = changed_state(model, data[1], data + 2, bytes - 2, room);
    uint8_t *state = exact_block(given);
    memcpy(state, room, given);
    if (tinytl_head_state_restore(model, state, given).status) {
        must_be(model, before, before_bytes);
    } else {
        must_be(model, state, given);
        use(model);
    }
    free(before);
    free(state);
    return 0;
}
