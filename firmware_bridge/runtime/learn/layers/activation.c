/* SPDX-License-Identifier: Apache-2.0
 *
 * relu and relu6 behind any layer. Which elements they let through is kept as a bit an element, whole bytes a pixel;
 * where no bits are kept, the value itself is still there and tells.
 */
#include "learn/layers/layers.h"

#define RELU6 2u

static uint8_t *mask_at(const tinytl_model *model, const tinytl_head_value *value, uint32_t pixel)
{
    return model->arena + value->mask + (size_t)pixel * ((value->channels + 7u) / 8u);
}

/* Written so that NaN fails both comparisons and stays. */
static void clamp(uint32_t activation, float *output, uint32_t count)
{
    for (uint32_t c = 0; c < count; c++) {
        if (output[c] < 0.0f)
            output[c] = 0.0f;
        else if (activation == RELU6 && output[c] > 6.0f)
            output[c] = 6.0f;
    }
}

static int is_open(uint32_t activation, float output)
{
    return output > 0.0f && (activation != RELU6 || output < 6.0f);
}

void tinytl_activate(const tinytl_pass *pass, uint32_t number, uint32_t pixel)
{
    const tinytl_model *model = pass->model;
    uint32_t activation = model->layers[number].activation, bits = 0;
    const tinytl_head_value *value = &model->values[tinytl_value_of(model, number)];
    float *output = tinytl_value_at(model, tinytl_value_of(model, number), pixel);
    uint32_t rows = tinytl_rows_of(model, number);
    uint8_t *mask;
    clamp(activation, output, rows);
    if (value->mask == TINYTL_NONE)
        return;
    mask = mask_at(model, value, pixel);
    for (uint32_t c = 0; c < rows; c++) {
        bits |= (uint32_t)is_open(activation, output[c]) << (c & 7u);
        if ((c & 7u) == 7u || c + 1 == rows) {
            *mask++ = (uint8_t)bits;
            bits = 0;
        }
    }
}

void tinytl_activation_gradient(const tinytl_pass *pass, uint32_t number, uint32_t pixel)
{
    const tinytl_model *model = pass->model;
    uint32_t activation = model->layers[number].activation, own = tinytl_value_of(model, number);
    const tinytl_head_value *value = &model->values[own];
    float *d_output = tinytl_gradient_at(model, own, pixel);
    uint32_t rows = tinytl_rows_of(model, number);
    if (value->mask == TINYTL_NONE) {
        const float *output = tinytl_value_at(model, own, pixel);
        for (uint32_t c = 0; c < rows; c++)
            if (!is_open(activation, output[c]))
                d_output[c] = 0.0f;
    } else {
        const uint8_t *mask = mask_at(model, value, pixel);
        for (uint32_t c = 0; c < rows; c++)
            if (!(mask[c >> 3] >> (c & 7u) & 1u))
                d_output[c] = 0.0f;
    }
}
