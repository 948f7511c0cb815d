/* SPDX-License-Identifier: Apache-2.0
 *
 * Fuzzes the check of images: changes fields of a valid one, puts the checksum right, and lets the runtime open it and,
 * where it does, run everything. Built with sanitizers, with image and arena in blocks of exactly their size, so that
 * one byte read or written beside them stops the program. Prints how many images were taken and refused.
 *
 *     fuzz IMAGE ROUNDS SEED */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tinytl.h"

enum { MAX_IMAGE = 1 << 16, MAX_ARENA = 1 << 15, CRC_FIELD = 12, CRC_START = 16, HEAD_BYTES = 112, LAYER_BYTES = 32,
       STEPS = 2 };

static uint32_t random_state;

static uint32_t draw(uint32_t below)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 17;
    random_state ^= random_state << 5;
    return random_state % below;
}

typedef struct section {
    uint32_t start;
    uint32_t bytes;
} section;

/* A part of the image whose fields are worth changing. */
static section draw_section(const uint8_t *image)
{
    const tinytl_image_header *header = (const void *)image;
    const tinytl_operator *operators = (const void *)(image + header->operators);
    const tinytl_head_section *head = (const void *)(image + header->head);
    const section whole = {CRC_START, header->image_bytes - CRC_START};
    const section sections[] = {
        {0, sizeof *header},
        {header->tensors, header->tensor_count * (uint32_t)sizeof(tinytl_tensor)},
        {header->operators, header->operator_count * (uint32_t)sizeof(tinytl_operator)},
        {header->operands, header->operand_count * 2u},
        header->operator_count ? (section){operators[0].params, operators[0].params_bytes} : whole,
        header->head ? (section){header->head, HEAD_BYTES} : whole,
        header->head ? (section){head->layers, head->layer_count * LAYER_BYTES} : whole,
        whole,
    };
    const section chosen = sections[draw(sizeof sections / sizeof sections[0])];
    return chosen.bytes >= 4 ? chosen : whole;
}

static uint32_t draw_value(uint32_t before, const uint8_t *image, uint32_t image_bytes)
{
    uint32_t other;
    memcpy(&other, image + draw(image_bytes / 4u) * 4u, sizeof other);
    const uint32_t values[] = {0, 1, draw(20), 0u - 1u, 0x7fffffffu, 0x80000000u, before + 1u, before - 1u, before * 2u,
                               before + 16u, before ^ (1u << draw(32)), 1u << draw(32), 0u - (1u << draw(32)),
                               random_state, other};
    return values[draw(sizeof values / sizeof values[0])];
}

/* Change one field of `image`, which was `original`. */
static void mutate(uint8_t *image, const uint8_t *original, uint32_t image_bytes)
{
    const section place = draw_section(original);
    const uint32_t width = draw(4) ? 4 : 1u << draw(2), at = place.start + draw(place.bytes / width) * width;
    uint32_t value = 0;
    memcpy(&value, image + at, width);
    value = draw_value(value, image, image_bytes);
    memcpy(image + at, &value, width);
}

/* malloc aligns to 16 where this is built. */
static uint8_t *exact_block(size_t count)
{
    uint8_t *block = malloc(count);
    if (!block || (uintptr_t)block % TINYTL_ALIGNMENT != 0)
        exit(3);
    return block;
}

static void run(tinytl_model *model)
{
    const uint16_t *inputs = model->operands + model->header->graph_operands;
    for (uint32_t k = 0; k < model->header->input_count; k++)
        for (uint32_t i = 0; i < model->tensors[inputs[k]].bytes; i++)
            ((uint8_t *)tinytl_model_input(model, k))[i] = (uint8_t)draw(256);
    tinytl_model_invoke(model);
    if (!model->head)
        return;
    for (uint32_t i = 0; i < STEPS; i++) {
        const tinytl_step_result result = tinytl_head_step(model, draw(model->class_count + 1u));
        if (result.status == TINYTL_STATUS_ok && result.predicted >= model->class_count)
            exit(4);
    }
    if (tinytl_head_infer(model) >= model->class_count)
        exit(4);
    const float drift = tinytl_head_drift(model);
    if (drift != -1.0f && !(drift >= 0.0f && drift < 1e10f))
        exit(4);
    tinytl_head_reset(model);
}

/* 1 if the image was taken. */
static int open_and_run(const uint8_t *mutant, uint32_t image_bytes)
{
    uint8_t *image = exact_block(image_bytes);
    memcpy(image, mutant, image_bytes);
    const uint32_t asked =
        image_bytes < sizeof(tinytl_image_header) ? 0 : ((const tinytl_image_header *)(const void *)image)->arena_bytes;
    const uint32_t arena_bytes = asked <= MAX_ARENA ? asked : MAX_ARENA;
    uint8_t *arena = exact_block(arena_bytes);
    tinytl_model model;
    tinytl_error error = tinytl_model_open(&model, image, image_bytes, arena, arena_bytes);
    if (!error.status && model.header->head)
        error = tinytl_head_open(&model);
    if (!error.status)
        run(&model);
    if (memcmp(image, mutant, image_bytes) != 0)
        exit(5); /* the image is read-only on a device */
    free(arena);
    free(image);
    return !error.status;
}

/* Sometimes cut the image short, with or without its header's knowledge; put the checksum right. Returns its length. */
static uint32_t finish(uint8_t *image, uint32_t image_bytes)
{
    const uint32_t kept = draw(16) ? image_bytes : draw(image_bytes);
    const uint32_t stated = kept / TINYTL_ALIGNMENT * TINYTL_ALIGNMENT;
    if (kept < sizeof(tinytl_image_header))
        return kept;
    if (kept < image_bytes && draw(2))
        memcpy(image + offsetof(tinytl_image_header, image_bytes), &stated, sizeof stated);
    const uint32_t crc = tinytl_crc32(0, image + CRC_START, stated - CRC_START);
    memcpy(image + CRC_FIELD, &crc, sizeof crc);
    return kept;
}

static uint32_t read_image(const char *path, uint8_t *image)
{
    FILE *file = fopen(path, "rb");
    if (!file)
        exit(2);
    const uint32_t count = (uint32_t)fread(image, 1, MAX_IMAGE, file);
    fclose(file);
    return count;
}

int main(int count, char **arguments)
{
    static uint8_t original[MAX_IMAGE] TINYTL_ALIGNED, mutant[MAX_IMAGE] TINYTL_ALIGNED;
    uint32_t taken = 0, refused = 0;
    if (count != 4)
        return 2;
    const uint32_t image_bytes = read_image(arguments[1], original);
    const uint32_t rounds = (uint32_t)strtoul(arguments[2], NULL, 10);
    random_state = (uint32_t)strtoul(arguments[3], NULL, 10) | 1u;
    if (image_bytes < sizeof(tinytl_image_header) || !open_and_run(original, image_bytes))
        return 6;
    for (uint32_t round = 0; round < rounds; round++) {
        memcpy(mutant, original, image_bytes);
        for (uint32_t changes = 1 + draw(3); changes-- > 0;)
            mutate(mutant, original, image_bytes);
        if (open_and_run(mutant, finish(mutant, image_bytes)))
            taken++;
        else
            refused++;
    }
    printf("taken %u refused %u\n", taken, refused);
    return 0;
}
