/* SPDX-License-Identifier: Apache-2.0
 * The console of startup.h where there is a stdio. */
#include <stdio.h>

#include "startup.h"

void console_text(const char *text)
{
    fputs(text, stdout);
}

void console_hex(uint32_t value)
{
    printf("%08lx ", (unsigned long)value);
}
