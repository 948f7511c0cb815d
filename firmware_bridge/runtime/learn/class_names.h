/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TINYTL_LEARN_CLASS_NAMES_H
#define TINYTL_LEARN_CLASS_NAMES_H

#include "tinytl.h"

/* Whether a name may stand behind `count` others, each of TINYTL_CLASS_NAME_BYTES: it ends inside, is not empty and
 * none of the others. bad_name: its length and the longest; name_taken: by which. */
tinytl_error tinytl_class_name_check(const char *name, const char *others, uint32_t count) TINYTL_WARN_UNUSED;

#endif
