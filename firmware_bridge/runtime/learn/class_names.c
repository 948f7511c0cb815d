/* SPDX-License-Identifier: Apache-2.0
 *
 * Names of the classes that were begun on the device, TINYTL_CLASS_NAME_BYTES each, in the arena behind one another.
 */
#include "learn/class_names.h"

#include <string.h>

#include "ground/error.h"

char *tinytl_head_class_name(const tinytl_model *model, uint32_t number)
{
    const tinytl_head_section *head = model->head;
    return (char *)model->arena + head->class_names + (size_t)(number - head->class_count) * TINYTL_CLASS_NAME_BYTES;
}

tinytl_error tinytl_class_name_check(const char *name, const char *others, uint32_t count)
{
    uint32_t length = 0;
    while (length < TINYTL_CLASS_NAME_BYTES && name[length] != '\0')
        length++;
    if (length == 0 || length == TINYTL_CLASS_NAME_BYTES)
        return refusal(TINYTL_STATUS_bad_name, length, TINYTL_CLASS_NAME_BYTES - 1u);
    for (uint32_t number = 0; number < count; number++)
        if (memcmp(others + (size_t)number * TINYTL_CLASS_NAME_BYTES, name, length + 1u) == 0)
            return refusal(TINYTL_STATUS_name_taken, number, 0);
    return fine();
}
