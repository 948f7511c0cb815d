/* SPDX-License-Identifier: Apache-2.0
 * The store: two slots for models, two for heads, in non-volatile memory (SPEC.md section 4). A slot exists once its
 * commit word is written; a write goes to the slot that is not current, so that a power cut at any moment leaves the
 * last one committed. */
#ifndef TINYTL_STORE_STORE_H
#define TINYTL_STORE_STORE_H

#include "tinytl_session.h"

typedef enum store_kind { STORE_MODEL = 1, STORE_HEAD = 2 } store_kind;

typedef struct store_entry {
    uint32_t slot;     /* 0 or 1 */
    uint32_t sequence; /* 0: there is none */
    uint32_t owner;
    uint32_t bytes;
    const uint8_t *payload;
} store_entry;

/* The newest committed slot of a kind whose checksum holds, or (older = 1) the other one if it holds too. */
store_entry tinytl_store_find(const tinytl_platform *platform, store_kind kind, int older);

/* The sequence that follows one, never 0. */
uint32_t tinytl_store_after(uint32_t sequence);

/* What the flash programs at once, 1 or more. */
uint32_t tinytl_store_program_bytes(const tinytl_platform *platform);

/* Largest payload of a kind. */
uint32_t tinytl_store_capacity(const tinytl_platform *platform, store_kind kind);

/* Whether a head slot, whatever else it holds, names this owner: a head that an unreadable model left behind does. */
int tinytl_store_names_owner(const tinytl_platform *platform, uint32_t owner);

/* Write a payload to the slot that is not kept: begin (which erases), append any number of times, finish, commit. Each
 * program unit is written once: what does not fill one waits in `unit`, TINYTL_MAX_PROGRAM_BYTES of the caller's, and
 * finish fills the last with FF. */
typedef struct store_writer {
    const tinytl_platform *platform;
    store_kind kind;
    uint32_t slot;
    uint32_t sequence;
    uint32_t bytes; /* of the payload so far */
    uint8_t *unit;
} store_writer;

/* `kept`: sequence of the slot that is in use, which a device may not be able to tell from the newest one by itself: a
 * model that was committed but cannot be opened is newer than the one that runs. 0: the newest is kept. */
tinytl_error tinytl_store_begin(store_writer *writer, const tinytl_platform *platform, store_kind kind,
                                uint32_t kept) TINYTL_WARN_UNUSED;
tinytl_error tinytl_store_append(store_writer *writer, const void *data, uint32_t bytes) TINYTL_WARN_UNUSED;
tinytl_error tinytl_store_finish(const store_writer *writer) TINYTL_WARN_UNUSED;
tinytl_error tinytl_store_commit(const store_writer *writer, uint32_t owner) TINYTL_WARN_UNUSED;
const uint8_t *tinytl_store_payload(const store_writer *writer);

#endif
