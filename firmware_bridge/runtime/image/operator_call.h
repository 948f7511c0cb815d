/* SPDX-License-Identifier: Apache-2.0
 * From an operator record to its kernel and the call of it (operators.c), and where its tensors may lie (places.c). */
#ifndef TINYTL_IMAGE_OPERATOR_CALL_H
#define TINYTL_IMAGE_OPERATOR_CALL_H

#include "kernels/operators.h"

/* The entry of an opcode's kernel, NULL if this runtime has none. */
const operator_entry *tinytl_operator_find(uint16_t opcode, uint16_t kernel);

/* The output lies in the arena and on no input, but for operators that work in place on exactly the same bytes, and for
 * those that go through rows in order, whose output may begin below the input (how far is the compiler's proof);
 * scratch lies apart. */
int tinytl_places_ok(const tinytl_call *call, const tinytl_operator *op, uint32_t traits);

/* The call of an operator. `arena` may be NULL while an image is checked. */
tinytl_call tinytl_operator_call(const uint8_t *image, uint8_t *arena, const tinytl_operator *op);

#endif
