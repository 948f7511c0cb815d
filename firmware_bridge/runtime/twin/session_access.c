/* SPDX-License-Identifier: Apache-2.0
 * Size of the caller-owned session, for the host's binding. */
#include "tinytl_session.h"

size_t tinytl_twin_session_bytes(void)
{
    return sizeof(tinytl_session);
}
