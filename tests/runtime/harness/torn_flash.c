/* SPDX-License-Identifier: Apache-2.0 */
#include "torn_flash.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ECC_FROM = 8, ENDS = 6 };

static uint32_t chance_state;

void chance_begin(uint32_t seed)
{
    chance_state = seed * 2654435761u | 1u;
}

uint32_t chance(uint32_t below)
{
    chance_state ^= chance_state << 13;
    chance_state ^= chance_state >> 17;
    chance_state ^= chance_state << 5;
    return (chance_state >> 8) % below;
}

uint32_t model_slot_bytes(const geometry *shape)
{
    return shape->model_sector * shape->model_sectors;
}

uint32_t head_slot_bytes(const geometry *shape)
{
    return shape->head_sector * shape->head_sectors;
}

uint32_t flash_bytes(const geometry *shape)
{
    return 2u * (model_slot_bytes(shape) + head_slot_bytes(shape));
}

void flash_begin(torn_flash *flash, const geometry *shape)
{
    memset(flash, 0, sizeof *flash);
    flash->shape = *shape;
    if (flash_bytes(shape) > MAX_FLASH)
        exit(2);
    memset(flash->programmed, 1, sizeof flash->programmed);
    for (uint32_t i = 0; i < flash_bytes(shape); i++)
        flash->memory[i] = (uint8_t)chance(256);
}

void flash_arm(torn_flash *flash, uint32_t cut_at)
{
    flash->done = 0;
    flash->cut_at = cut_at;
    flash->dead = 0;
}

static void broken_rule(const char *rule, uint32_t offset, uint32_t bytes)
{
    printf("flash: %s: offset %u, %u bytes\n", rule, offset, bytes);
    exit(1);
}

/* How often a bit changes: in one byte of `rarity`, there with `parts` of 8. */
typedef struct tear {
    uint32_t rarity;
    uint32_t parts;
} tear;

static tear draw_tear(void)
{
    const tear drawn = {1u << chance(10), 1 + chance(7)};
    return drawn;
}

static uint8_t some_bits(tear drawn)
{
    uint8_t bits = 0;
    if (chance(drawn.rarity) != 0)
        return 0;
    for (uint32_t bit = 0; bit < 8; bit++)
        bits = (uint8_t)(bits << 1 | (chance(8) < drawn.parts));
    return bits;
}

/* What an erase leaves that ends early: nothing done, all done, a part of the bytes, some bits set, or, where zeros are
 * programmed first, bits cleared. */
static void tear_sector(uint8_t *memory, uint32_t bytes)
{
    const uint32_t end = chance(ENDS);
    const tear drawn = draw_tear();
    const uint32_t whole = end == 0 ? 0 : end == 1 ? bytes : chance(bytes + 1);
    if (end <= 2)
        memset(memory, 0xFF, whole);
    for (uint32_t i = 0; i < bytes && end > 2; i++)
        memory[i] = (uint8_t)(end == 3 ? memory[i] | some_bits(drawn) :
                              end == 4 ? memory[i] & ~some_bits(drawn) : some_bits(drawn));
}

/* What programming a unit leaves that ends early: a prefix of it, some of its bits, or, where the unit has an
 * error-correcting code, anything. */
static void tear_unit(uint8_t *memory, const uint8_t *data, uint32_t unit)
{
    const uint32_t end = chance(unit >= ECC_FROM ? ENDS : ENDS - 1);
    const tear drawn = draw_tear();
    const uint32_t whole = end == 0 ? 0 : end == 1 ? unit : chance(unit + 1);
    if (end <= 2)
        memcpy(memory, data, whole);
    for (uint32_t i = 0; i < unit && end > 2; i++)
        memory[i] = (uint8_t)(end == 5 ? chance(256) : memory[i] & (data[i] | some_bits(drawn)));
}

/* A drawn order of `count` places: from anywhere on, by steps that reach all. */
typedef struct order {
    uint32_t count;
    uint32_t step;
    uint32_t place;
} order;

static uint32_t common_divisor(uint32_t a, uint32_t b)
{
    while (b != 0) {
        const uint32_t rest = a % b;
        a = b;
        b = rest;
    }
    return a;
}

static order draw_order(uint32_t count)
{
    order drawn = {count, 1, 0};
    if (count < 2 || chance(2))
        return drawn;
    do
        drawn.step = 1 + chance(count);
    while (common_divisor(drawn.step, count) != 1);
    drawn.place = chance(count);
    return drawn;
}

static uint32_t next_place(order *drawn)
{
    const uint32_t place = drawn->place;
    drawn->place = (drawn->place + drawn->step) % drawn->count;
    return place;
}

/* 1 where the power goes now. */
static int power_goes(torn_flash *flash)
{
    flash->dead = flash->done == flash->cut_at;
    flash->done += !flash->dead;
    return flash->dead != 0;
}

int flash_erase(torn_flash *flash, uint32_t offset, uint32_t bytes)
{
    const uint32_t of_models = 2u * model_slot_bytes(&flash->shape), unit = flash->shape.unit;
    const uint32_t sector = offset < of_models ? flash->shape.model_sector : flash->shape.head_sector;
    const uint32_t slot = offset < of_models ? model_slot_bytes(&flash->shape) : head_slot_bytes(&flash->shape);
    const uint32_t start = offset < of_models ? offset : offset - of_models;
    if (bytes != slot || start % slot != 0 || offset + bytes > flash_bytes(&flash->shape))
        broken_rule("an erase that is no slot", offset, bytes);
    order drawn = draw_order(bytes / sector);
    for (uint32_t i = 0; i < drawn.count && !flash->dead; i++) {
        const uint32_t place = offset + next_place(&drawn) * sector;
        memset(flash->programmed + place / unit, power_goes(flash), sector / unit);
        if (flash->dead)
            tear_sector(flash->memory + place, sector);
        else
            memset(flash->memory + place, 0xFF, sector);
    }
    return flash->dead ? -1 : 0;
}

int flash_write(torn_flash *flash, uint32_t offset, const uint8_t *data, uint32_t bytes)
{
    const uint32_t unit = flash->shape.unit;
    if (offset % unit != 0 || bytes % unit != 0 || offset + bytes > flash_bytes(&flash->shape))
        broken_rule("a write that is not whole units", offset, bytes);
    order drawn = draw_order(bytes / unit);
    for (uint32_t i = 0; i < drawn.count && !flash->dead; i++) {
        const uint32_t from = next_place(&drawn) * unit, place = offset + from;
        if (flash->programmed[place / unit]++ != 0)
            broken_rule("a unit is programmed again before it was erased", place, unit);
        if (power_goes(flash))
            tear_unit(flash->memory + place, data + from, unit);
        else
            memcpy(flash->memory + place, data + from, unit);
    }
    return flash->dead ? -1 : 0;
}
