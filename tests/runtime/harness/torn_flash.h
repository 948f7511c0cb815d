/* SPDX-License-Identifier: Apache-2.0
 *
 * Flash whose power goes: sectors are erased and units programmed one after another, in any order within a call, and
 * the one at which the power goes is left half done. A unit that is programmed twice between two erases, or not as a
 * whole, ends the program. */
#ifndef TINYTL_TESTS_TORN_FLASH_H
#define TINYTL_TESTS_TORN_FLASH_H

#include <stdint.h>

#define NEVER 0xFFFFFFFFu

enum { MAX_FLASH = 1 << 16 };

/* Where slots lie: two of models from 0 on, then two of heads. */
typedef struct geometry {
    uint32_t model_sector;
    uint32_t model_sectors; /* of a slot */
    uint32_t head_sector;
    uint32_t head_sectors;
    uint32_t unit;
} geometry;

typedef struct torn_flash {
    geometry shape;
    uint32_t done;   /* sectors erased and units programmed since it was armed */
    uint32_t cut_at; /* the one at which the power goes */
    uint32_t dead;
    uint8_t programmed[MAX_FLASH]; /* by unit: since it was erased */
    uint8_t memory[MAX_FLASH];
} torn_flash;

uint32_t model_slot_bytes(const geometry *shape);
uint32_t head_slot_bytes(const geometry *shape);
uint32_t flash_bytes(const geometry *shape);

/* Random bytes, as a chip that was never erased has. */
void flash_begin(torn_flash *flash, const geometry *shape);
/* Power on, until `cut_at` sectors and units are done. */
void flash_arm(torn_flash *flash, uint32_t cut_at);
/* 0 on success. */
int flash_erase(torn_flash *flash, uint32_t offset, uint32_t bytes);
int flash_write(torn_flash *flash, uint32_t offset, const uint8_t *data, uint32_t bytes);

/* The tearing's own random numbers: 0 … below - 1. */
void chance_begin(uint32_t seed);
uint32_t chance(uint32_t below);

#endif
