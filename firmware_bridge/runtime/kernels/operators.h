/* SPDX-License-Identifier: Apache-2.0
 * What the image's side knows of kernels: how an opcode and a kernel number become a check rule and a function
 * (image/operators.c). */
#ifndef TINYTL_KERNELS_OPERATORS_H
#define TINYTL_KERNELS_OPERATORS_H

#include "kernels/call.h"

/* Where the tensors of an operator may lie, and what the compiler may do with it: see operators.def. */
enum { NO_TRAITS = 0, IN_PLACE = 1, BY_ROWS = 2, IN_STRIPS = 4 };

typedef struct operator_entry {
    uint16_t opcode;
    uint16_t kernel;                      /* 0 portable; others are variants of a family */
    uint16_t params;                      /* int32 parameters */
    uint16_t traits;                      /* of the operator, whatever its kernel */
    int (*rule)(const tinytl_call *call); /* 1 if tensors and parameters are as the kernel expects */
    void (*run)(const tinytl_call *call);
} operator_entry;

enum {
#define OPERATOR(opcode, name, traits, params, names) OPCODE_##name = opcode, TRAITS_##name = traits,
#include "kernels/operators.def"
#undef OPERATOR
    OPCODE_none = 0
};

/* Kernels beside the portable ones, and the families whose images this runtime takes: of the one family file that is
 * linked (kernels/portable_family.c or kernels/dsp/family.c). */
extern const operator_entry tinytl_variants[];
extern const uint32_t tinytl_variant_count;

#endif
