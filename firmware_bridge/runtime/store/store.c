/* SPDX-License-Identifier: Apache-2.0 */
#include "store/store.h"

#include "ground/bytes.h"
#include "ground/error.h"

enum { CHECKED_BYTES = 24, HEADER_BYTES = 28, FORMAT_VERSION = 1 };
#define COMMIT_WORD 0x600DC0DEu

uint32_t tinytl_store_program_bytes(const tinytl_platform *platform)
{
    return platform->program_bytes ? platform->program_bytes : 1;
}

static uint32_t rounded_up(uint32_t bytes, uint32_t unit)
{
    return (bytes + unit - 1) / unit * unit;
}

/* Where the commit word and the payload of a slot are: each in program units of its own, the payload
 * aligned as images are. */
typedef struct slot_places {
    uint32_t commit;
    uint32_t payload;
} slot_places;

static slot_places places_of(const tinytl_platform *platform)
{
    const uint32_t unit = tinytl_store_program_bytes(platform), commit = rounded_up(HEADER_BYTES, unit);
    const uint32_t end = commit + rounded_up(sizeof(uint32_t), unit);
    return (slot_places){commit, rounded_up(end, unit > TINYTL_ALIGNMENT ? unit : TINYTL_ALIGNMENT)};
}

static uint32_t slot_bytes(const tinytl_platform *platform, store_kind kind)
{
    return kind == STORE_MODEL ? platform->model_slot_bytes : platform->head_slot_bytes;
}

static uint32_t slot_offset(const tinytl_platform *platform, store_kind kind, uint32_t slot)
{
    return (kind == STORE_MODEL ? 0 : 2u * platform->model_slot_bytes) + slot * slot_bytes(platform, kind);
}

uint32_t tinytl_store_capacity(const tinytl_platform *platform, store_kind kind)
{
    return slot_bytes(platform, kind) - places_of(platform).payload;
}

/* The entry of a slot, with sequence 0 if it is not committed or its header does not hold. */
static store_entry read_slot(const tinytl_platform *platform, store_kind kind, uint32_t slot)
{
    const uint8_t *at = platform->nv_base + slot_offset(platform, kind, slot);
    const slot_places places = places_of(platform);
    const uint32_t bytes = get32(at + 12);
    store_entry entry = {slot, 0, get32(at + 20), bytes, at + places.payload};
    if (memcmp(at, "TLST", 4) == 0 && get16(at + 4) == FORMAT_VERSION && get16(at + 6) == (uint32_t)kind &&
        get32(at + places.commit) == COMMIT_WORD && get32(at + CHECKED_BYTES) == tinytl_crc32(0, at, CHECKED_BYTES) &&
        bytes <= tinytl_store_capacity(platform, kind))
        entry.sequence = get32(at + 8);
    return entry;
}

static store_entry checked_slot(const tinytl_platform *platform, store_kind kind, uint32_t slot)
{
    store_entry entry = read_slot(platform, kind, slot);
    const uint8_t *at = platform->nv_base + slot_offset(platform, kind, slot);
    if (entry.sequence && tinytl_crc32(0, entry.payload, entry.bytes) != get32(at + 16))
        entry.sequence = 0;
    return entry;
}

uint32_t tinytl_store_after(uint32_t sequence)
{
    return sequence + 1u != 0 ? sequence + 1u : 1u;
}

/* Sequences wrap: a slot may say anything, and what is written after it must still be newer. */
static int is_newer(uint32_t a, uint32_t b)
{
    return a != 0 && (b == 0 || a - b - 1u < 0x7FFFFFFFu);
}

store_entry tinytl_store_find(const tinytl_platform *platform, store_kind kind, int older)
{
    const store_entry a = checked_slot(platform, kind, 0), b = checked_slot(platform, kind, 1);
    return is_newer(a.sequence, b.sequence) != older ? a : b;
}

int tinytl_store_names_owner(const tinytl_platform *platform, uint32_t owner)
{
    return read_slot(platform, STORE_HEAD, 0).owner == owner || read_slot(platform, STORE_HEAD, 1).owner == owner;
}

tinytl_error tinytl_store_begin(store_writer *writer, const tinytl_platform *platform, store_kind kind, uint32_t kept)
{
    const store_entry newest = tinytl_store_find(platform, kind, 0), older = tinytl_store_find(platform, kind, 1);
    const store_entry *stays = kept && older.sequence == kept ? &older : &newest;
    writer->platform = platform;
    writer->kind = kind;
    writer->slot = stays->sequence ? 1u - stays->slot : 0;
    writer->sequence = tinytl_store_after(stays->sequence);
    writer->bytes = 0;
    const uint32_t offset = slot_offset(platform, kind, writer->slot), unit = tinytl_store_program_bytes(platform);
    if (unit > TINYTL_MAX_PROGRAM_BYTES || (unit & (unit - 1u)) != 0)
        return refusal(TINYTL_STATUS_bad_program_unit, unit, TINYTL_MAX_PROGRAM_BYTES);
    if (platform->nv_erase(platform->context, offset, slot_bytes(platform, kind)) != 0)
        return refusal(TINYTL_STATUS_store_failed, offset, 0);
    return fine();
}

/* Whole program units. */
static tinytl_error write_at(const store_writer *writer, uint32_t place, const void *data, uint32_t bytes)
{
    const uint32_t offset = slot_offset(writer->platform, writer->kind, writer->slot) + place;
    if (writer->platform->nv_write(writer->platform->context, offset, data, bytes) != 0 ||
        memcmp(writer->platform->nv_base + offset, data, bytes) != 0)
        return refusal(TINYTL_STATUS_store_failed, offset, 0);
    return fine();
}

/* Up to a program unit, filled up with FF. */
static tinytl_error write_filled(const store_writer *writer, uint32_t place, const uint8_t *data, uint32_t bytes)
{
    uint8_t unit[TINYTL_MAX_PROGRAM_BYTES];
    memset(unit, 0xFF, sizeof unit);
    memcpy(unit, data, bytes);
    return write_at(writer, place, unit, rounded_up(bytes, tinytl_store_program_bytes(writer->platform)));
}

tinytl_error tinytl_store_append(store_writer *writer, const void *data, uint32_t bytes)
{
    const uint32_t unit = tinytl_store_program_bytes(writer->platform),
                   payload_at = places_of(writer->platform).payload;
    const uint8_t *from = data;
    tinytl_error error = fine();
    while (bytes > 0 && !error.status) {
        const uint32_t waiting = writer->bytes % unit, place = payload_at + writer->bytes - waiting;
        uint32_t taken = bytes / unit * unit;
        if (waiting == 0 && taken > 0) {
            error = write_at(writer, place, from, taken);
        } else {
            taken = bytes < unit - waiting ? bytes : unit - waiting;
            memcpy(writer->unit + waiting, from, taken);
            if (waiting + taken == unit)
                error = write_at(writer, place, writer->unit, unit);
        }
        writer->bytes += taken;
        from += taken;
        bytes -= taken;
    }
    return error;
}

tinytl_error tinytl_store_finish(const store_writer *writer)
{
    const uint32_t waiting = writer->bytes % tinytl_store_program_bytes(writer->platform);
    return waiting ?
           write_filled(writer, places_of(writer->platform).payload + writer->bytes - waiting, writer->unit, waiting) :
           fine();
}

const uint8_t *tinytl_store_payload(const store_writer *writer)
{
    return writer->platform->nv_base + slot_offset(writer->platform, writer->kind, writer->slot) +
           places_of(writer->platform).payload;
}

tinytl_error tinytl_store_commit(const store_writer *writer, uint32_t owner)
{
    uint8_t header[HEADER_BYTES], commit[4];
    memcpy(header, "TLST", 4);
    set32(header + 4, FORMAT_VERSION | (uint32_t)writer->kind << 16);
    set32(header + 8, writer->sequence);
    set32(header + 12, writer->bytes);
    set32(header + 16, tinytl_crc32(0, tinytl_store_payload(writer), writer->bytes));
    set32(header + 20, owner);
    set32(header + CHECKED_BYTES, tinytl_crc32(0, header, CHECKED_BYTES));
    set32(commit, COMMIT_WORD);
    const tinytl_error error = write_filled(writer, 0, header, sizeof header);
    return error.status ? error : write_filled(writer, places_of(writer->platform).commit, commit, sizeof commit);
}
