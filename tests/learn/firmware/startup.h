/* SPDX-License-Identifier: Apache-2.0 */
#ifndef STARTUP_H
#define STARTUP_H

#include <stdint.h>

void console_text(const char *text);
void console_hex(uint32_t value); /* eight digits and a space */
void leave(uint32_t code);

#endif
