/* SPDX-License-Identifier: Apache-2.0
 *
 * Random numbers of the learner: the next state of xorshift32 (<< 13, >> 17, << 5); a number below n
 * is (state × n) >> 32.
 */
#ifndef TINYTL_LEARN_RANDOM_H
#define TINYTL_LEARN_RANDOM_H

#include "tinytl.h"

/* The next random number, never 0. */
uint32_t tinytl_random(tinytl_model *model);

/* A random number below `limit`, which takes the next one. */
uint32_t tinytl_random_below(tinytl_model *model, uint32_t limit);

#endif
