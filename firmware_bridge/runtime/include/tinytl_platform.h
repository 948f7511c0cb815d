/* SPDX-License-Identifier: Apache-2.0
 *
 * What a board gives to the session: for who ports the runtime. PORTING.md tells it step by step, with the flash
 * contract. */
#ifndef TINYTL_PLATFORM_H
#define TINYTL_PLATFORM_H

#include <stdint.h>

#define TINYTL_MAX_PROGRAM_BYTES 32u

struct tinytl_model; /* tinytl.h */

/* What a board gives. Every callback gets `context`. */
typedef struct tinytl_platform {
    void *context;
    const char *board_name; /* at most 23 characters */
    uint32_t clock_hz;
    uint32_t tick_hz;       /* of ticks(), 0: no timer */
    uint32_t static_bytes;  /* data + bss without arena and stack */

    uint8_t *arena; /* 16-byte aligned */
    uint32_t arena_bytes;

    /* Non-volatile memory, readable at nv_base. Slots: model A, model B (model_slot_bytes each), head A, head B
     * (head_slot_bytes each), from offset 0 on; slot sizes are multiples of the erase sectors they lie in. erase sets a
     * whole slot's range to FF; write only clears bits. Both return 0 on success.
     *
     * program_bytes: what the flash programs at once: 1, 2, 4, 8, 16 or 32 (TINYTL_MAX_PROGRAM_BYTES), 0 is 1; 8 on an
     * STM32L4, G4 and WB, 16 on an H5 and U5, 32 on an H7. Offset and length of every write are multiples of it, and
     * between two erases no unit is written twice, as flash with an error-correcting code demands. Units up to 4 share
     * one layout of the store, larger ones take 16 to 32 bytes more of each slot. After a power cut a unit may be half
     * programmed: reading it must return (on chips whose code then raises an interrupt or a fault, its handler clears
     * the flag and returns); what is read counts for nothing, its checksum fails. */
    const uint8_t *nv_base;
    uint32_t model_slot_bytes;
    uint32_t head_slot_bytes;
    uint32_t program_bytes;
    int (*nv_erase)(void *context, uint32_t offset, uint32_t bytes);
    int (*nv_write)(void *context, uint32_t offset, const void *data, uint32_t bytes);

    /* Optional memory shared with the host (fast lane of emulated boards and of the twin); NULL and 0 where there is
     * none. */
    uint8_t *mailbox;
    uint32_t mailbox_bytes;

    void (*send)(void *context, const uint8_t *data, uint32_t bytes);
    uint32_t (*ticks)(void *context);      /* counts up, wraps; may be NULL */
    void (*mark)(void *context);           /* boundary of a counted region; may be NULL */
    uint32_t (*stack_bytes)(void *context);/* high-water mark; may be NULL */
    void (*count_loop)(void *context, uint32_t iterations); /* 1 or more, of 3 instructions each; may be NULL */

    /* Features of the present sample by other means than the kernels here: an accelerator, or a library of a larger
     * machine. It reads every tinytl_model_input, writes every tinytl_model_output whole, changes nothing else, and
     * returns 0. Another number: it has none for this model, and the kernels run; the inputs are then as they were. The
     * image's header names the bundle whose features are wanted. What it writes is what the head learns: other bytes
     * than those of the kernels lead to another head. May be NULL. */
    int (*extract)(void *context, const struct tinytl_model *model);
} tinytl_platform;

#endif
