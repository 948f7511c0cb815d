/* SPDX-License-Identifier: Apache-2.0
 * Shape rules: what an operator of an image must look like so that its kernel can trust it. */
#ifndef TINYTL_IMAGE_RULES_H
#define TINYTL_IMAGE_RULES_H

#include "kernels/call.h"

typedef struct operator_entry {
    uint16_t opcode;
    uint16_t params;                      /* int32 parameters */
    int (*rule)(const tinytl_call *call); /* 1 if tensors and parameters are as the kernel expects */
    void (*kernel)(const tinytl_call *call);
} operator_entry;

enum {
#define OPERATOR(opcode, name, params) OPCODE_##name = opcode,
#include "kernels/operators.def"
#undef OPERATOR
    OPCODE_none = 0
};

/* The entry of an opcode, NULL if this runtime has none. */
const operator_entry *tinytl_operator_find(uint16_t opcode);

#endif
