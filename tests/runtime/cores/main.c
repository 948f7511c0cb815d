/* SPDX-License-Identifier: Apache-2.0
 *
 * Runs models with the samples that the emulator's loader put at TRIAL_ADDRESS and prints, for each sample, the
 * checksum of all outputs: what must be equal on every machine.
 */
#include <string.h>

#include "startup.h"
#include "tinytl.h"

typedef struct model_case {
    uint32_t image_bytes; /* the image follows this struct; then samples, each padded to 16 bytes; then the next case */
    uint32_t sample_bytes;
    uint32_t samples;
    uint32_t last; /* 1: of the last case */
} model_case;

static uint8_t arena[ARENA_BYTES] TINYTL_ALIGNED;

static uint32_t outputs_crc(const tinytl_model *model)
{
    uint32_t crc = 0;
    for (uint32_t i = 0; i < model->header->output_count; i++) {
        const uint32_t number = model->operands[model->header->graph_operands + model->header->input_count + i];
        crc = tinytl_crc32(crc, tinytl_model_output(model, i), model->tensors[number].bytes);
    }
    return crc;
}

/* Returns the end of the case, NULL where the model was refused. */
static const uint8_t *run(const model_case *this)
{
    const uint8_t *image = (const uint8_t *)(this + 1), *sample = image + this->image_bytes;
    tinytl_model model;
    const tinytl_error error = tinytl_model_open(&model, image, this->image_bytes, arena, sizeof arena);
    if (error.status) {
        console_text(tinytl_status_text(error.status));
        return NULL;
    }
    for (uint32_t i = 0; i < this->samples; i++, sample += (this->sample_bytes + 15u) & ~15u) {
        memcpy(tinytl_model_input(&model, 0), sample, this->sample_bytes);
        tinytl_model_invoke(&model);
        console_hex(outputs_crc(&model));
    }
    console_text("\n");
    return sample;
}

int main(void)
{
    const uint8_t *at = (const uint8_t *)TRIAL_ADDRESS;
    for (int last = 0; !last;) {
        last = ((const model_case *)(const void *)at)->last != 0;
        at = run((const model_case *)(const void *)at);
        if (!at)
            return 1;
    }
    return 0;
}
