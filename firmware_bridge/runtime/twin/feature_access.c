/* SPDX-License-Identifier: Apache-2.0
 * What an extractor outside the runtime needs of a model: whose features are wanted, the sample, a way to put them.
 * Images come from outside: sizes are compared before a byte is read or written. */
#include <string.h>

#include "tinytl.h"

static const tinytl_tensor *output(const tinytl_model *model, uint32_t index)
{
    return &model->tensors[model->operands[model->header->graph_operands + model->header->input_count + index]];
}

const uint8_t *tinytl_twin_bundle_id(const tinytl_model *model)
{
    return model->header->bundle_id;
}

/* The only graph input; NULL where there are several, or it has another size. */
const void *tinytl_twin_sample(const tinytl_model *model, uint32_t bytes)
{
    return model->header->input_count == 1 && model->input_bytes == bytes ? tinytl_model_input(model, 0) : NULL;
}

/* Write all graph outputs, which follow one another in `features`. -1: they have other sizes, nothing was written. */
int tinytl_twin_put_features(const tinytl_model *model, const uint8_t *features, uint32_t bytes)
{
    uint64_t total = 0;
    for (uint32_t i = 0; i < model->header->output_count; i++) {
        if (!tinytl_model_output(model, i))
            return -1;
        total += output(model, i)->bytes;
    }
    if (total != bytes)
        return -1;
    for (uint32_t i = 0; i < model->header->output_count; i++) {
        const tinytl_tensor *tensor = output(model, i);
        memcpy(model->arena + tensor->offset, features, tensor->bytes);
        features += tensor->bytes;
    }
    return 0;
}
