/* SPDX-License-Identifier: Apache-2.0
 *
 * The check of an image's head section, once header, tensors, operators and graph operands have passed theirs.
 */
#ifndef TINYTL_LEARN_HEAD_CHECK_H
#define TINYTL_LEARN_HEAD_CHECK_H

#include "tinytl.h"

/* tinytl_head_check's parts, each on what the ones before it have passed. Layers and values: kinds, shapes, who reads
 * what, where parameters lie. */
tinytl_error tinytl_head_check_layers(const tinytl_image_header *header) TINYTL_WARN_UNUSED;

/* Number of the first parameter that is a float and not finite; TINYTL_NONE: there is none.
 * words: [parameter_count]. */
uint32_t tinytl_head_not_finite(const tinytl_head_section *head, const tinytl_head_layer *layers, const void *words);

/* The head's places in the arena, among themselves and against tensors and scratch. */
tinytl_error tinytl_head_check_places(const void *image) TINYTL_WARN_UNUSED;

#endif
