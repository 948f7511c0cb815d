/* SPDX-License-Identifier: Apache-2.0
 *
 * A buffer of taught samples in the arena, its classes kept in balance: features [capacity][feature_count] int8,
 * then, from the next multiple of 4, labels u16 [capacity]. The replay buffer is one, the guard's held-out
 * samples are another.
 */
#ifndef TINYTL_LEARN_SAMPLE_BUFFER_H
#define TINYTL_LEARN_SAMPLE_BUFFER_H

#include "tinytl.h"

/* A sample where it lies. */
typedef struct tinytl_replayed {
    const int8_t *features; /* [feature_count]; NULL: there is nothing to replay */
    uint32_t label;
} tinytl_replayed;

typedef struct tinytl_sample_buffer {
    int8_t *features;
    uint16_t *labels;
    uint32_t capacity;
    uint32_t count; /* samples in it */
    uint32_t feature_count;
} tinytl_sample_buffer;

/* The buffer at an arena offset. */
tinytl_sample_buffer tinytl_sample_buffer_at(const tinytl_model *model, uint32_t offset, uint32_t capacity,
                                             uint32_t count);

/* Sample `place`, which exists. */
tinytl_replayed tinytl_sample_at(const tinytl_sample_buffer *buffer, uint32_t place);

/* Put the graph outputs, a taught sample's features, into a buffer of at least one place. While there is room it
 * is appended. Then a sample of a class with fewer places than the largest class (the first of equals) takes a
 * random place of that class, a sample of a largest class a random place of its own. One random number once it is
 * full. Returns the place. */
uint32_t tinytl_sample_put(tinytl_model *model, tinytl_sample_buffer *buffer, uint32_t label);

/* Places of the largest class, of those alone whose byte in `counted` [count] is not 0. */
uint32_t tinytl_sample_largest(const tinytl_model *model, const tinytl_sample_buffer *buffer, const uint8_t *counted);

#endif
