/* SPDX-License-Identifier: Apache-2.0 */
#include "learn/graph.h"

#include "learn/elementary.h"

#define LARGEST_FEATURE 255.0f /* |q - zero_point| */

static const tinytl_tensor *feature_tensor(const tinytl_model *model, uint32_t number)
{
    return &model->tensors[model->operands[model->header->graph_operands + model->header->input_count + number]];
}

static const int8_t *feature_at(const tinytl_model *model, uint32_t number)
{
    if (model->features != NULL)
        return model->features + model->values[number].place;
    return (const int8_t *)model->arena + feature_tensor(model, number)->offset;
}

void tinytl_feature_read(const tinytl_model *model, uint32_t number, uint32_t first, uint32_t count, float *to)
{
    const tinytl_tensor *tensor = feature_tensor(model, number);
    const int8_t *from = feature_at(model, number) + first, *end = from + count;
    int32_t zero_point = tensor->zero_point;
    float scale = tensor->scale;
    while (from != end)
        *to++ = (float)(*from++ - zero_point) * scale;
}

const float *tinytl_pixel_read(const tinytl_model *model, uint32_t number, uint32_t pixel)
{
    const tinytl_head_value *value = &model->values[number];
    float *columns;
    if (value->storage != TINYTL_FEATURE)
        return tinytl_value_at(model, number, pixel);
    columns = tinytl_floats_at(model, model->head->columns);
    tinytl_feature_read(model, number, pixel * value->channels, value->channels, columns);
    return columns;
}

uint32_t tinytl_largest_magnitude(const float *values, uint32_t count)
{
    uint32_t largest = 0;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t magnitude = tinytl_magnitude(values[i]);
        largest = magnitude > largest ? magnitude : largest;
    }
    return largest;
}

float tinytl_value_bound(const tinytl_model *model, uint32_t number)
{
    const tinytl_head_value *value = &model->values[number];
    if (value->storage == TINYTL_FEATURE)
        return LARGEST_FEATURE * feature_tensor(model, number)->scale;
    return tinytl_float_of_bits(
        tinytl_largest_magnitude(tinytl_floats_at(model, value->place), tinytl_pixels(value) * value->channels));
}
