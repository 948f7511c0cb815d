/* SPDX-License-Identifier: Apache-2.0
 *
 * The head's graph as the layers see it. A value is a tensor [height][width][channels] of floats, or of int8 where it
 * is a feature; a layer works on one pixel of its output at a time, pixels numbered row by row. A value is stored
 * whole, or as one pixel, where all that read it run pixel by pixel with the layer that makes it.
 */
#ifndef TINYTL_LEARN_GRAPH_H
#define TINYTL_LEARN_GRAPH_H

#include "tinytl.h"

#define TINYTL_TRAINS_WEIGHTS 1u
#define TINYTL_TRAINS_BIAS 2u

/* 16-bit numbers that stand for floats: number = float × inverse, float = number × scale. */
typedef struct tinytl_int8_scaled {
    float scale;
    float inverse;
} tinytl_int8_scaled;

/* One forward or backward pass over the head. */
typedef struct tinytl_pass {
    const tinytl_model *model;
    float learning_rate; /* of this step */
    uint32_t noise;      /* seed of dropout; 0: inference, which drops nothing */
    int whole;           /* backwards: whether gradients of values stored whole are added to */
    uint32_t columns_layer; /* whose window lies in the columns, and of which pixel; TINYTL_NONE: nobody's */
    uint32_t columns_pixel;
    uint32_t rounding;      /* seed of what is rounded by chance */
    tinytl_int8_scaled inputs;    /* of the layer with int8 weights that is at work */
    tinytl_int8_scaled gradients;
    uint32_t largest;       /* bits of the largest gradient seen in its round 0 */
    int diverged;        /* set where an update was passed over: it could have left the finite numbers */
} tinytl_pass;

static inline float *tinytl_floats_at(const tinytl_model *model, uint32_t offset)
{
    return (float *)(void *)(model->arena + offset);
}

static inline uint32_t tinytl_value_of(const tinytl_model *model, uint32_t layer)
{
    return model->head->feature_values + layer;
}

static inline uint32_t tinytl_pixels(const tinytl_head_value *value)
{
    return (uint32_t)value->height * value->width;
}

/* Pixel of a value, [channels]; not of a feature. */
static inline float *tinytl_value_at(const tinytl_model *model, uint32_t number, uint32_t pixel)
{
    const tinytl_head_value *value = &model->values[number];
    return tinytl_floats_at(model, value->place) +
           (value->storage == TINYTL_PIXEL ? 0 : (size_t)pixel * value->channels);
}

/* Its gradient, [channels]; NULL where nobody wants it. */
static inline float *tinytl_gradient_at(const tinytl_model *model, uint32_t number, uint32_t pixel)
{
    const tinytl_head_value *value = &model->values[number];
    if (value->gradient == TINYTL_NONE)
        return NULL;
    return tinytl_floats_at(model, value->gradient) +
           (value->storage == TINYTL_PIXEL ? 0 : (size_t)pixel * value->channels);
}

/* Rows of a layer that take part: those of the last one beyond class_count are reserved. */
static inline uint32_t tinytl_rows_of(const tinytl_model *model, uint32_t layer)
{
    uint32_t out = model->layers[layer].out;
    return layer + 1 == model->head->layer_count && model->class_count < out ? model->class_count : out;
}

/* Parameters `index` on, of those that train or of those that lie in the image. */
static inline const float *tinytl_parameters_at(const tinytl_model *model, uint32_t index, int trains)
{
    const void *frozen = model->image + model->head->frozen_parameters;
    return (trains ? model->parameters : (const float *)frozen) + index;
}

static inline const float *tinytl_weights_of(const tinytl_model *model, const tinytl_head_layer *layer)
{
    return tinytl_parameters_at(model, layer->weights, (layer->trains & TINYTL_TRAINS_WEIGHTS) != 0);
}

static inline const float *tinytl_bias_of(const tinytl_model *model, const tinytl_head_layer *layer)
{
    return tinytl_parameters_at(model, layer->bias, (layer->trains & TINYTL_TRAINS_BIAS) != 0);
}

/* The tensor that a feature is, with its scale and zero point, and its first byte. */
const tinytl_tensor *tinytl_feature_tensor(const tinytl_model *model, uint32_t number);
const int8_t *tinytl_feature_at(const tinytl_model *model, uint32_t number);

/* Elements [first, first + count) of a feature, real: (q - zero_point) × scale. */
void tinytl_feature_read(const tinytl_model *model, uint32_t number, uint32_t first, uint32_t count, float *to);

/* A pass that begins: inference, unless learning_rate is above 0. */
static inline tinytl_pass tinytl_pass_of(const tinytl_model *model, float learning_rate)
{
    tinytl_pass pass; /* field by field: what layers with int8 weights need they set themselves */
    pass.model = model;
    pass.learning_rate = learning_rate;
    pass.noise = 0;
    pass.whole = 0;
    pass.columns_layer = TINYTL_NONE;
    pass.columns_pixel = 0;
    pass.diverged = 0;
    return pass;
}

/* Pixel of any value for reading: in place, or a feature's in the columns. */
const float *tinytl_pixel_read(tinytl_pass *pass, uint32_t number, uint32_t pixel);

/* Bits of the largest magnitude among `count` floats: at least TINYTL_MAGNITUDE_INFINITE if one is not finite. */
uint32_t tinytl_largest_magnitude(const float *values, uint32_t count);

/* Bound of |x| over a whole value. */
float tinytl_value_bound(const tinytl_model *model, uint32_t number);

#endif
