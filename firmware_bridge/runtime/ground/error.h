/* SPDX-License-Identifier: Apache-2.0
 * The one way in which the runtime says that something failed, or did not. Nothing else makes a tinytl_error. */
#ifndef TINYTL_GROUND_ERROR_H
#define TINYTL_GROUND_ERROR_H

#include <stddef.h>

#include "tinytl.h"

/* Offset of a field in its record. A check says BAD_<RECORD>(member): bad_record with that
 * record's offset filled in. */
#define FIELD(record, member) ((uint32_t)offsetof(record, member))

static inline tinytl_error refusal(tinytl_status status, uint32_t got, uint32_t expected)
{
    const tinytl_error error = {status, got, expected};
    return error;
}

static inline tinytl_error fine(void)
{
    return refusal(TINYTL_STATUS_ok, 0, 0);
}

/* `record`: its offset in the image; `field`: the field's in the record. */
static inline tinytl_error bad_record(uint32_t record, uint32_t field)
{
    return refusal(TINYTL_STATUS_bad_record, record, field);
}

/* A sum made in 64 bits, as a number of an error: the largest that this can tell where it is more. */
static inline uint32_t capped(uint64_t sum)
{
    return sum > UINT32_MAX ? UINT32_MAX : (uint32_t)sum;
}

#endif
