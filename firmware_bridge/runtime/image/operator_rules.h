/* SPDX-License-Identifier: Apache-2.0
 * The shape rules that stand apart from rules.c: each is `tinytl_rule_<name>` to the linker and `rule_<name>` to the one list of operators. */
#ifndef TINYTL_IMAGE_OPERATOR_RULES_H
#define TINYTL_IMAGE_OPERATOR_RULES_H

#include "kernels/call.h"

#define rule_lookup tinytl_rule_lookup
#define rule_l2_normalization tinytl_rule_l2_normalization
#define rule_slice tinytl_rule_slice
#define rule_transpose tinytl_rule_transpose
#define rule_sub tinytl_rule_sub
#define rule_maximum tinytl_rule_maximum
#define rule_minimum tinytl_rule_minimum
#define rule_resize_nearest_neighbor tinytl_rule_resize_nearest_neighbor
#define rule_resize_bilinear tinytl_rule_resize_bilinear
#define rule_transpose_conv tinytl_rule_transpose_conv
#define rule_prelu tinytl_rule_prelu
#define rule_lstm tinytl_rule_lstm

int rule_lookup(const tinytl_call *call);
int rule_l2_normalization(const tinytl_call *call);
int rule_slice(const tinytl_call *call);
int rule_transpose(const tinytl_call *call);
int rule_sub(const tinytl_call *call);
int rule_maximum(const tinytl_call *call);
int rule_minimum(const tinytl_call *call);
int rule_resize_nearest_neighbor(const tinytl_call *call);
int rule_resize_bilinear(const tinytl_call *call);
int rule_transpose_conv(const tinytl_call *call);
int rule_prelu(const tinytl_call *call);
int rule_lstm(const tinytl_call *call);

#endif
