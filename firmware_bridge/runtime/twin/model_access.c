/* SPDX-License-Identifier: Apache-2.0
 * What the host's binding needs beside the public header: sizes and fields of caller-owned structs. */
#include "tinytl.h"

size_t tinytl_twin_model_bytes(void)
{
    return sizeof(tinytl_model);
}

uint32_t tinytl_twin_steps(const tinytl_model *model)
{
    return model->steps;
}

uint32_t tinytl_twin_replay_count(const tinytl_model *model)
{
    return model->replay_count;
}

uint32_t tinytl_twin_class_count(const tinytl_model *model)
{
    return model->class_count;
}
