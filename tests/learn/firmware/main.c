/* SPDX-License-Identifier: Apache-2.0
 *
 * Teaches a head with the samples that the emulator's loader put at TRIAL and prints, every `period` steps, what must
 * be equal on every machine: checksum of the head, bits of the loss, class predicted, state of the replay draw. The
 * label after the last class begins a new one, called by a letter.
 */
#include <string.h>

#include "startup.h"
#include "tinytl.h"

#define TRIAL 0x21000000u

typedef struct trial {
    uint32_t image_bytes; /* the image follows this struct; then features, int8, sample by sample; then u16 labels */
    uint32_t samples;
    uint32_t period;
    uint32_t reserved;
} trial;

static uint8_t arena[192 * 1024] TINYTL_ALIGNED;

static void report(const tinytl_model *model, tinytl_step_result result)
{
    uint32_t loss;
    memcpy(&loss, &result.loss, sizeof loss);
    console_hex(tinytl_head_crc32(model));
    console_hex(loss);
    console_hex(result.predicted);
    console_hex(model->random);
    console_text("\n");
}

static void load_inputs(const tinytl_model *model, const uint8_t *features)
{
    for (uint32_t index = 0; index < model->header->input_count; index++) {
        const tinytl_tensor *tensor = &model->tensors[model->operands[model->header->graph_operands + index]];
        memcpy(tinytl_model_input(model, index), features, tensor->bytes);
        features += tensor->bytes;
    }
}

static tinytl_step_result teach(tinytl_model *model, uint32_t label)
{
    char name[2] = {(char)('a' + label), 0};
    if (label == model->class_count) {
        tinytl_error error = tinytl_head_grow(model, name);
        if (error.status != TINYTL_STATUS_ok)
            return (tinytl_step_result){error.status, 0, 0.0f};
    }
    return tinytl_head_step(model, label);
}

int main(void)
{
    const trial *run = (const trial *)TRIAL;
    const uint8_t *image = (const uint8_t *)(run + 1), *features = image + run->image_bytes;
    const uint8_t *labels;
    tinytl_model model;
    tinytl_error error = tinytl_model_open(&model, image, run->image_bytes, arena, sizeof arena);
    if (error.status == TINYTL_STATUS_ok)
        error = tinytl_head_open(&model);
    if (error.status != TINYTL_STATUS_ok) {
        console_text(tinytl_status_text(error.status));
        return 1;
    }
    labels = features + run->samples * model.head->feature_count;
    for (uint32_t sample = 0; sample < run->samples; sample++) {
        tinytl_step_result result;
        load_inputs(&model, features + sample * model.head->feature_count);
        tinytl_model_invoke(&model);
        result = teach(&model, (uint32_t)labels[2 * sample] | (uint32_t)labels[2 * sample + 1] << 8);
        if (result.status != TINYTL_STATUS_ok)
            return (int)result.status;
        if ((sample + 1) % run->period == 0)
            report(&model, result);
    }
    return 0;
}
