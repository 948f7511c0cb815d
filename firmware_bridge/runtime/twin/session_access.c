/* SPDX-License-Identifier: Apache-2.0
 * Sizes of the caller-owned structs of a session, for the host's binding. */
#include "tinytl_session.h"

size_t tinytl_twin_session_bytes(void)
{
    return sizeof(tinytl_session);
}

size_t tinytl_twin_platform_bytes(void)
{
    return sizeof(tinytl_platform);
}
