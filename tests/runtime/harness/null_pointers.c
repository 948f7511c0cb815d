/* SPDX-License-Identifier: Apache-2.0
 *
 * Opens an image, runs and teaches it, and asks READ for nothing, and for one byte, of everything there may be. Built
 * so that undefined behaviour is a trap: clang's checks see an offset of 0 on a null pointer, which gcc's let pass.
 * Prints how many requests were answered.
 *
 *     null_pointers IMAGE */
#include <stdio.h>
#include <string.h>

#include "link/commands.h"

enum { MAX_IMAGE = 1 << 16, MAX_ARENA = 1 << 16, STEPS = 5, KINDS = 9, INDEXES = 3 };

static uint32_t read_image(const char *path, uint8_t *image)
{
    FILE *file = fopen(path, "rb");
    if (!file)
        return 0;
    const uint32_t count = (uint32_t)fread(image, 1, MAX_IMAGE, file);
    fclose(file);
    return count;
}

/* 1 if every step was taken. */
static int run(tinytl_model *model)
{
    int taken = 1;
    memset(tinytl_model_input(model, 0), 3, model->input_bytes);
    tinytl_model_invoke(model);
    for (uint32_t i = 0; model->head && i < STEPS; i++)
        taken &= tinytl_head_step(model, i % model->class_count).status == TINYTL_STATUS_ok;
    return taken;
}

static uint32_t ask(tinytl_session *session, uint8_t what, uint8_t index, uint8_t bytes)
{
    const uint8_t request[8] = {what, index, bytes};
    uint8_t answer[TINYTL_MAX_PAYLOAD];
    payload out = {answer, 0};
    const command in = {request, sizeof request};
    return tinytl_command_read(session, in, &out).status == TINYTL_STATUS_ok && out.bytes == bytes;
}

int main(int count, char **arguments)
{
    static uint8_t image[MAX_IMAGE] TINYTL_ALIGNED, arena[MAX_ARENA] TINYTL_ALIGNED;
    static tinytl_session session;
    const uint32_t image_bytes = count == 2 ? read_image(arguments[1], image) : 0;
    if (image_bytes == 0)
        return 2;
    const tinytl_error error = tinytl_model_open(&session.model, image, image_bytes, arena, sizeof arena);
    if (error.status || (session.model.header->head && tinytl_head_open(&session.model).status))
        return 3;
    session.model_status = TINYTL_STATUS_ok;
    if (!run(&session.model))
        return 4;
    uint32_t nothing = 0, one = 0;
    for (uint8_t what = 0; what < KINDS; what++)
        for (uint8_t index = 0; index < INDEXES; index++) {
            nothing += ask(&session, what, index, 0);
            one += ask(&session, what, index, 1);
        }
    printf("%u %u\n", nothing, one);
    return 0;
}
