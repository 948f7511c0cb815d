/* SPDX-License-Identifier: Apache-2.0
 * The twin's mark: around a measured region an instruction that does nothing and that no compiler emits. The counting
 * plugin looks for it. */
#include "tinytl_session.h"

#if defined(__aarch64__)
#define MARK ".inst 0xAA0B03EB" /* mov x11, x11 */
#elif defined(__thumb__)
#define MARK ".inst.n 0x46DB" /* mov r11, r11 */
#elif defined(__arm__)
#define MARK ".inst 0xE1A0B00B" /* mov r11, r11 */
#else
#define MARK "" /* nobody counts there */
#endif

void tinytl_twin_mark(void *context);

__attribute__((noinline)) void tinytl_twin_mark(void *context)
{
    (void)context;
    __asm volatile(MARK ::: "memory");
}
