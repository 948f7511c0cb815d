/* SPDX-License-Identifier: Apache-2.0 */
#include "learn/layers/graph.h"

#include "learn/arithmetic/elementary.h"

#define LARGEST_FEATURE 255.0f /* |q - zero_point| */

const tinytl_tensor *tinytl_feature_tensor(const tinytl_model *model, uint32_t number)
{
    return &model->tensors[model->operands[model->header->graph_operands + model->header->input_count + number]];
}

#if defined(__ARM_FEATURE_DSP) && defined(__ARM_FEATURE_FMA) && defined(__thumb2__) && defined(__GNUC__)
#define FOUR(a, b, c, d)                                                                                              \
    "ldr %[word], [%[from]], #4\n sxtab %[q0], %[minus], %[word]\n sxtab %[q1], %[minus], %[word], ror #8\n"          \
    "sxtab %[q2], %[minus], %[word], ror #16\n sxtab %[q3], %[minus], %[word], ror #24\n"                             \
    "vmov " a ", " b ", %[q0], %[q1]\n vmov " c ", " d ", %[q2], %[q3]\n"                                             \
    "vcvt.f32.s32 " a ", " a "\n vcvt.f32.s32 " b ", " b "\n vcvt.f32.s32 " c ", " c "\n vcvt.f32.s32 " d ", " d "\n" \
    "vmul.f32 " a ", " a ", %[scale]\n vmul.f32 " b ", " b ", %[scale]\n vmul.f32 " c ", " c ", %[scale]\n"           \
    "vmul.f32 " d ", " d ", %[scale]\n"

/* SXTAB takes a byte out of a word and adds in one instruction: 4.2 instructions an element instead of 8.
 * Eights, and a four. */
static void dequantize_fours(const int8_t *from, const int8_t *end, int32_t minus_zero_point, float scale, float *to)
{
    uint32_t word, q0, q1, q2, q3;
    __asm__ volatile("subs %[word], %[end], %[from]\n lsls %[word], %[word], #29\n bmi 2f\n"
                     "1:" FOUR("s8", "s9", "s10", "s11") "vstmia %[to]!, {s8-s11}\n"
                     "2:" FOUR("s8", "s9", "s10", "s11") "vstmia %[to]!, {s8-s11}\n cmp %[from], %[end]\n bne 1b"
                     : [from] "+&r"(from), [to] "+&r"(to), [word] "=&r"(word),
                       [q0] "=&r"(q0), [q1] "=&r"(q1), [q2] "=&r"(q2), [q3] "=&r"(q3)
                     : [end] "r"(end), [minus] "r"(minus_zero_point), [scale] "t"(scale)
                     : "memory", "cc", "s8", "s9", "s10", "s11");
}
#undef FOUR
#else
static void dequantize_fours(const int8_t *from, const int8_t *end, int32_t minus_zero_point, float scale, float *to)
{
    while (from != end)
        *to++ = (float)(*from++ + minus_zero_point) * scale;
}
#endif

const int8_t *tinytl_feature_at(const tinytl_model *model, uint32_t number)
{
    if (model->features != NULL)
        return model->features + model->values[number].place;
    return (const int8_t *)model->arena + tinytl_feature_tensor(model, number)->offset;
}

void tinytl_feature_read(const tinytl_model *model, uint32_t number, uint32_t first, uint32_t count, float *to)
{
    const tinytl_tensor *tensor = tinytl_feature_tensor(model, number);
    const int8_t *from = tinytl_feature_at(model, number) + first, *end = from + count;
    int32_t zero_point = tensor->zero_point;
    float scale = tensor->scale;
    uint32_t fours = count & ~3u;
    if (fours != 0)
        dequantize_fours(from, from + fours, -zero_point, scale, to);
    from += fours;
    to += fours;
    while (from != end)
        *to++ = (float)(*from++ - zero_point) * scale;
}

const float *tinytl_pixel_read(tinytl_pass *pass, uint32_t number, uint32_t pixel)
{
    const tinytl_model *model = pass->model;
    const tinytl_head_value *value = &model->values[number];
    float *columns;
    if (value->storage != TINYTL_FEATURE)
        return tinytl_value_at(model, number, pixel);
    columns = tinytl_floats_at(model, model->head->columns);
    pass->columns_layer = TINYTL_NONE;
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
        return LARGEST_FEATURE * tinytl_feature_tensor(model, number)->scale;
    return tinytl_float_of_bits(
        tinytl_largest_magnitude(tinytl_floats_at(model, value->place), tinytl_pixels(value) * value->channels));
}

float *tinytl_head_parameters(const tinytl_model *model)
{
    return model->head == NULL ? NULL : tinytl_floats_at(model, model->head->parameters);
}
