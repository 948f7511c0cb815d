/* SPDX-License-Identifier: Apache-2.0
 * Shape rules: what an operator of an image must look like so that its kernel can trust it. */
#ifndef TINYTL_IMAGE_RULES_H
#define TINYTL_IMAGE_RULES_H

#include "kernels/call.h"

typedef struct operator_entry {
    uint16_t opcode;
    uint16_t kernel;                      /* 0 portable; others are variants of a family */
    uint16_t params;                      /* int32 parameters */
    int (*rule)(const tinytl_call *call); /* 1 if tensors and parameters are as the kernel expects */
    void (*run)(const tinytl_call *call);
} operator_entry;

enum {
#define OPERATOR(opcode, name, params) OPCODE_##name = opcode,
#include "kernels/operators.def"
#undef OPERATOR
    OPCODE_none = 0
};

/* The entry of an opcode's kernel, NULL if this runtime has none. */
const operator_entry *tinytl_operator_find(uint16_t opcode, uint16_t kernel);

/* The output lies in the arena and on no input, but for operators that work in place on exactly the same bytes, and for those that go
 * through rows in order, whose output may begin below the input (how far is the compiler's proof); scratch lies apart. */
int tinytl_places_ok(const tinytl_call *call, const tinytl_operator *op);

/* Kernels beside the portable ones, and the families whose images this runtime takes: of the one family file that is linked
 * (kernels/portable_family.c or kernels/dsp/family.c). */
extern const operator_entry tinytl_variants[];
extern const uint32_t tinytl_variant_count;

#endif
