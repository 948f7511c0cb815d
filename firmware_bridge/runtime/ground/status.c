/* SPDX-License-Identifier: Apache-2.0
 * Texts of the statuses, from the one list. */
#include "tinytl.h"

const char *tinytl_status_text(uint32_t status)
{
    static const char *const texts[] = {
#define STATUS(name, text) text,
#include "tinytl_status.def"
#undef STATUS
    };
    return status < TINYTL_STATUS_count ? texts[status] : "unknown status";
}
