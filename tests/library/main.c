/* SPDX-License-Identifier: Apache-2.0
 *
 * A user's firmware around a library: trial.h, which the test writes, has the library's header, samples and
 * what to call the image. Prints every byte of every output; of a model with a head the class, and after a step
 * the head's checksum.
 */
#include <string.h>

#include "startup.h"
#include "trial.h"

static uint8_t arena[TRIAL_ARENA_BYTES] TINYTL_ALIGNED;
static tinytl_model model;

static void show_output(uint32_t index)
{
    const uint32_t number = model.operands[model.header->graph_operands + model.header->input_count + index];
    const uint8_t *bytes = tinytl_model_output(&model, index);
    for (uint32_t i = 0; i < model.tensors[number].bytes; i++)
        console_hex(bytes[i]);
}

static void show_sample(uint32_t sample)
{
    memcpy(tinytl_model_input(&model, 0), trial_samples[sample], sizeof trial_samples[sample]);
    tinytl_model_invoke(&model);
    for (uint32_t i = 0; i < model.header->output_count; i++)
        show_output(i);
#ifdef TRIAL_LEARNS
    console_hex(tinytl_head_infer(&model));
    console_hex((uint32_t)tinytl_head_step(&model, sample % model.class_count).status);
    console_hex(tinytl_head_crc32(&model));
#endif
    console_text("\n");
}

int main(void)
{
    tinytl_error error = tinytl_model_open(&model, TRIAL_IMAGE, sizeof TRIAL_IMAGE, arena, sizeof arena);
#ifdef TRIAL_LEARNS
    if (!error.status)
        error = tinytl_head_open(&model);
#endif
    if (error.status) {
        console_text(tinytl_status_text(error.status));
        return 1;
    }
    for (uint32_t sample = 0; sample < TRIAL_SAMPLES; sample++)
        show_sample(sample);
    return 0;
}
