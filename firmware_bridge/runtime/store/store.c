/* SPDX-License-Identifier: Apache-2.0 */
#include "store/store.h"

#include "link/bytes.h"

enum { SLOT_HEADER_BYTES = 32, CHECKED_BYTES = 24, COMMIT_AT = 28, FORMAT_VERSION = 1 };
#define COMMIT_WORD 0x600DC0DEu

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
    return slot_bytes(platform, kind) - SLOT_HEADER_BYTES;
}

/* The entry of a slot, with sequence 0 if it is not committed or its header does not hold. */
static store_entry read_slot(const tinytl_platform *platform, store_kind kind, uint32_t slot)
{
    const uint8_t *at = platform->nv_base + slot_offset(platform, kind, slot);
    const uint32_t bytes = get32(at + 12);
    store_entry entry = {slot, 0, get32(at + 20), bytes, at + SLOT_HEADER_BYTES};
    if (memcmp(at, "TLST", 4) == 0 && get16(at + 4) == FORMAT_VERSION && get16(at + 6) == (uint32_t)kind && get32(at + COMMIT_AT) == COMMIT_WORD &&
        get32(at + CHECKED_BYTES) == tinytl_crc32(0, at, CHECKED_BYTES) && bytes <= tinytl_store_capacity(platform, kind))
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

store_entry tinytl_store_find(const tinytl_platform *platform, store_kind kind, int older)
{
    const store_entry a = checked_slot(platform, kind, 0), b = checked_slot(platform, kind, 1);
    const int a_is_newer = a.sequence > b.sequence;
    return a_is_newer != older ? a : b;
}

int tinytl_store_names_owner(const tinytl_platform *platform, uint32_t owner)
{
    return read_slot(platform, STORE_HEAD, 0).owner == owner || read_slot(platform, STORE_HEAD, 1).owner == owner;
}

tinytl_error tinytl_store_begin(store_writer *writer, const tinytl_platform *platform, store_kind kind, uint32_t kept)
{
    const store_entry newest = tinytl_store_find(platform, kind, 0), older = tinytl_store_find(platform, kind, 1);
    const store_entry *stays = kept && older.sequence == kept ? &older : &newest;
    tinytl_error error = {TINYTL_STATUS_ok, 0, 0};
    writer->platform = platform;
    writer->kind = kind;
    writer->slot = stays->sequence ? 1u - stays->slot : 0;
    writer->sequence = newest.sequence + 1u;
    const uint32_t offset = slot_offset(platform, kind, writer->slot);
    if (platform->nv_erase(platform->context, offset, slot_bytes(platform, kind)) != 0) {
        error.status = TINYTL_STATUS_store_failed;
        error.got = offset;
    }
    return error;
}

static tinytl_error write_at(const store_writer *writer, uint32_t place, const void *data, uint32_t bytes)
{
    tinytl_error error = {TINYTL_STATUS_ok, 0, 0};
    const uint32_t offset = slot_offset(writer->platform, writer->kind, writer->slot) + place;
    if (writer->platform->nv_write(writer->platform->context, offset, data, bytes) != 0 || memcmp(writer->platform->nv_base + offset, data, bytes) != 0) {
        error.status = TINYTL_STATUS_store_failed;
        error.got = offset;
    }
    return error;
}

tinytl_error tinytl_store_write(const store_writer *writer, uint32_t offset, const void *data, uint32_t bytes)
{
    return write_at(writer, SLOT_HEADER_BYTES + offset, data, bytes);
}

const uint8_t *tinytl_store_payload(const store_writer *writer)
{
    return writer->platform->nv_base + slot_offset(writer->platform, writer->kind, writer->slot) + SLOT_HEADER_BYTES;
}

tinytl_error tinytl_store_commit(const store_writer *writer, uint32_t payload_bytes, uint32_t owner)
{
    uint8_t header[COMMIT_AT], commit[4];
    memcpy(header, "TLST", 4);
    set32(header + 4, FORMAT_VERSION | (uint32_t)writer->kind << 16);
    set32(header + 8, writer->sequence);
    set32(header + 12, payload_bytes);
    set32(header + 16, tinytl_crc32(0, tinytl_store_payload(writer), payload_bytes));
    set32(header + 20, owner);
    set32(header + CHECKED_BYTES, tinytl_crc32(0, header, CHECKED_BYTES));
    set32(commit, COMMIT_WORD);
    const tinytl_error error = write_at(writer, 0, header, sizeof header);
    return error.status ? error : write_at(writer, COMMIT_AT, commit, sizeof commit);
}
