/* SPDX-License-Identifier: Apache-2.0
 *
 * Layers and values of a head section: SPEC.md section 2.5. Kernels trust what has passed here: every number that they
 * make an address of is derived from these records.
 */
#include "learn/check/head_check.h"

#include "ground/error.h"
#include "learn/int8/int8_layer.h"

#define BAD_LAYER(member) bad_record(layer_record(it), FIELD(tinytl_head_layer, member))
#define BAD_VALUE(member) bad_record(value_record(it), FIELD(tinytl_head_value, member))

/* Where the check stands: at one layer, with what it reads and gives. */
typedef struct at_layer {
    const tinytl_image_header *header;
    const tinytl_head_section *head;
    const tinytl_head_layer *layers;
    const tinytl_head_value *values;
    uint32_t number;
    const tinytl_head_layer *layer;
    const tinytl_head_value *input;
    const tinytl_head_value *output;
    uint32_t trained; /* parameters so far */
    uint32_t frozen;
} at_layer;

#define MOST_FACTOR 1048576.0f

/* Offsets of the layer's record and of that of the value it gives. */
static uint32_t layer_record(const at_layer *it)
{
    return it->head->layers + it->number * (uint32_t)sizeof(tinytl_head_layer);
}

static uint32_t value_record(const at_layer *it)
{
    return it->head->values + (it->head->feature_values + it->number) * (uint32_t)sizeof(tinytl_head_value);
}

static uint64_t elements(const tinytl_head_value *value)
{
    return (uint64_t)value->height * value->width * value->channels;
}

static int is_pool(uint32_t kind)
{
    return kind == TINYTL_AVERAGE_POOL || kind == TINYTL_MAX_POOL;
}

static int is_windowed(uint32_t kind)
{
    return kind == TINYTL_CONV_2D || kind == TINYTL_DEPTHWISE_CONV_2D || is_pool(kind);
}

/* Kinds that have weights and a bias. */
static int has_parameters(uint32_t kind)
{
    return kind == TINYTL_DENSE || kind == TINYTL_CONV_2D || kind == TINYTL_DEPTHWISE_CONV_2D || kind == TINYTL_SCALE;
}

static int takes_two(uint32_t kind)
{
    return kind == TINYTL_ADD || kind == TINYTL_CONCATENATE;
}

static int same_side(const tinytl_head_value *a, const tinytl_head_value *b)
{
    return a->height == b->height && a->width == b->width;
}

static tinytl_error check_words(const at_layer *it)
{
    const tinytl_head_layer *layer = it->layer;
    uint32_t before = it->head->feature_values + it->number;
    if (layer->kind < TINYTL_DENSE || layer->kind >= TINYTL_LAYER_KINDS)
        return BAD_LAYER(kind);
    if (layer->activation > 2 || (layer->activation != 0 && (is_pool(layer->kind) || layer->kind >= TINYTL_DROPOUT)))
        return BAD_LAYER(activation);
    if (layer->trains > 3 || (layer->trains != 0 && !has_parameters(layer->kind)))
        return BAD_LAYER(trains);
    if (layer->inputs[0] >= before || layer->inputs[1] >= before)
        return BAD_LAYER(inputs);
    if (!takes_two(layer->kind) && layer->inputs[1] != layer->inputs[0])
        return BAD_LAYER(inputs);
    if (!(layer->rate >= 0.0f && layer->rate < 1.0f) || (layer->rate > 0.0f && layer->kind != TINYTL_DROPOUT))
        return BAD_LAYER(rate);
    if (!(layer->rate_factor > 0.0f && layer->rate_factor <= MOST_FACTOR))
        return BAD_LAYER(rate_factor);
    if (layer->reserved0 != 0)
        return BAD_LAYER(reserved0);
    return fine();
}

/* Every window begins before the input's end and reaches into it, so that at least one of its places lies inside. */
static int fits_along(uint32_t size, uint32_t out, uint32_t window, uint32_t stride, uint32_t pad)
{
    return window != 0 && stride != 0 && pad < window && out != 0 &&
           (uint64_t)(out - 1u) * stride < (uint64_t)size + pad;
}

static tinytl_error check_window(const at_layer *it)
{
    const tinytl_head_layer *layer = it->layer;
    if (!fits_along(it->input->height, it->output->height, layer->window_height, layer->stride_height, layer->pad_top))
        return BAD_LAYER(window_height);
    if (!fits_along(it->input->width, it->output->width, layer->window_width, layer->stride_width, layer->pad_left))
        return BAD_LAYER(window_width);
    if (layer->kind == TINYTL_MAX_POOL && (uint32_t)layer->window_height * layer->window_width > 256u)
        return BAD_LAYER(window_width);
    return fine();
}

/* Numbers that one output number is a product of. */
static uint64_t expected_in(const at_layer *it)
{
    uint32_t places = (uint32_t)it->layer->window_height * it->layer->window_width;
    switch (it->layer->kind) {
    case TINYTL_DENSE:
        return elements(it->input);
    case TINYTL_CONV_2D:
        return (uint64_t)places * it->input->channels;
    case TINYTL_DEPTHWISE_CONV_2D:
        return places;
    default:
        return 1;
    }
}

static tinytl_error check_shape(const at_layer *it)
{
    const tinytl_head_layer *layer = it->layer;
    const tinytl_head_value *output = it->output;
    const tinytl_head_value *other = &it->values[layer->inputs[1]];
    uint32_t mixes = layer->kind == TINYTL_DENSE || layer->kind == TINYTL_CONV_2D; /* channels */
    uint64_t channels = it->input->channels;
    tinytl_error error = fine();
    if (output->height == 0 || output->width == 0 || output->channels == 0 || elements(output) > TINYTL_MAX_COUNT)
        return BAD_VALUE(channels);
    if (is_windowed(layer->kind))
        error = check_window(it);
    else if (layer->kind == TINYTL_DENSE ? output->height != 1 || output->width != 1 : !same_side(it->input, output))
        return BAD_VALUE(height);
    if (error.status != TINYTL_STATUS_ok)
        return error;
    if (takes_two(layer->kind) && !same_side(other, output))
        return BAD_LAYER(inputs);
    if (layer->kind == TINYTL_ADD && other->channels != it->input->channels)
        return BAD_LAYER(inputs);
    if (layer->in != expected_in(it))
        return BAD_LAYER(in);
    if (layer->kind == TINYTL_CONCATENATE)
        channels += other->channels;
    if (layer->out != output->channels || (!mixes && layer->out != channels))
        return BAD_LAYER(out);
    return fine();
}

/* Who may have int8 weights: what trains them, with sums that fit 32 bits; not a last layer that may grow. */
static tinytl_error check_storage(const at_layer *it)
{
    const tinytl_head_layer *layer = it->layer;
    int grows = it->number + 1 == it->head->layer_count && it->head->class_capacity != it->head->class_count;
    uint64_t pixels = (uint64_t)it->output->height * it->output->width;
    if (layer->weight_storage == TINYTL_WEIGHTS_FLOAT32)
        return fine();
    if (layer->weight_storage != TINYTL_WEIGHTS_INT8 || grows || !(layer->trains & TINYTL_TRAINS_WEIGHTS) ||
        (layer->kind != TINYTL_DENSE && layer->kind != TINYTL_CONV_2D))
        return BAD_LAYER(weight_storage);
    if (layer->in > TINYTL_INT8_MOST || layer->out > TINYTL_INT8_MOST || pixels > TINYTL_INT8_MOST)
        return BAD_LAYER(weight_storage);
    return fine();
}

/* Words of a layer's weights. */
static uint64_t weight_words(const tinytl_head_layer *layer)
{
    if (layer->weight_storage == TINYTL_WEIGHTS_INT8)
        return tinytl_int8_words(layer);
    return (uint64_t)layer->in * layer->out;
}

/* Parameters that train follow one another, and so do those that do not; each layer's weights, then its bias. */
static int follows(at_layer *it, uint32_t index, uint64_t count, int trains)
{
    uint32_t *next = trains ? &it->trained : &it->frozen,
             all = trains ? it->head->parameter_count : it->head->frozen_count;
    if (index != *next || *next + count > all)
        return 0;
    *next += (uint32_t)count;
    return 1;
}

static tinytl_error check_layer_parameters(at_layer *it)
{
    const tinytl_head_layer *layer = it->layer;
    if (!has_parameters(layer->kind))
        return layer->weights == 0 && layer->bias == 0 ? fine() : BAD_LAYER(weights);
    if (!follows(it, layer->weights, weight_words(layer), layer->trains & 1))
        return BAD_LAYER(weights);
    return follows(it, layer->bias, layer->out, layer->trains & 2) ? fine() : BAD_LAYER(bias);
}

/* Scales are the last of a layer's frozen numbers. */
static tinytl_error check_int8(at_layer *it)
{
    const tinytl_head_layer *layer = it->layer;
    uint64_t pixels = (uint64_t)it->output->height * it->output->width;
    if (layer->weight_storage == TINYTL_WEIGHTS_FLOAT32)
        return layer->rows_at_once == 0 && layer->scales == 0 ? fine() : BAD_LAYER(rows_at_once);
    if (layer->rows_at_once == 0 || layer->rows_at_once > layer->out)
        return BAD_LAYER(rows_at_once);
    if (!follows(it, layer->scales, layer->out, 0))
        return BAD_LAYER(scales);
    if (tinytl_int8_scratch_bytes(layer, (uint32_t)pixels) > it->head->int8_scratch_bytes)
        return bad_record(it->header->head, FIELD(tinytl_head_section, int8_scratch_bytes));
    return fine();
}

/* First layer of the group that a layer belongs to. */
static uint32_t group_of(const at_layer *it, uint32_t number)
{
    while (number > 0 && it->layers[number].joins)
        number--;
    return number;
}

/* A layer that joins has nothing to train, works pixel by pixel, and on as many pixels as the group's first. */
static tinytl_error check_group(const at_layer *it)
{
    const tinytl_head_layer *first;
    const tinytl_head_value *domain, *own = is_pool(it->layer->kind) ? it->input : it->output;
    if (it->layer->joins == 0)
        return fine();
    first = &it->layers[group_of(it, it->number)];
    domain = is_pool(first->kind) ? &it->values[first->inputs[0]]
                                  : &it->values[it->head->feature_values + (uint32_t)(first - it->layers)];
    if (it->layer->joins > 1 || it->number == 0 || it->layer->trains != 0 ||
        (is_windowed(it->layer->kind) && !is_pool(it->layer->kind)))
        return BAD_LAYER(joins);
    if (it->layer->kind == TINYTL_DENSE || own->height != domain->height || own->width != domain->width)
        return BAD_LAYER(joins);
    return fine();
}

/* What is stored as one pixel is read inside its group alone. */
static tinytl_error check_readers(const at_layer *it)
{
    uint32_t own = it->head->feature_values + it->number, last = 0, group = group_of(it, it->number);
    for (uint32_t reader = it->number + 1; reader < it->head->layer_count; reader++)
        if (it->layers[reader].inputs[0] == own || it->layers[reader].inputs[1] == own) {
            last = reader;
            if (it->output->storage == TINYTL_PIXEL && group_of(it, reader) != group)
                return BAD_VALUE(storage);
        }
    if (last != it->output->last_reader)
        return BAD_VALUE(last_reader);
    return last != 0 || it->number + 1 == it->head->layer_count ? fine() : BAD_VALUE(last_reader);
}

/* Gradients reach every layer that trains, and masks are there where values are not. */
static tinytl_error check_value(const at_layer *it)
{
    const tinytl_head_value *output = it->output;
    int below = it->input->gradient != TINYTL_NONE || it->values[it->layer->inputs[1]].gradient != TINYTL_NONE;
    if (output->storage != TINYTL_WHOLE && output->storage != TINYTL_PIXEL)
        return BAD_VALUE(storage);
    if (output->storage == TINYTL_PIXEL && is_pool(it->layer->kind))
        return BAD_VALUE(storage);
    if ((output->gradient != TINYTL_NONE) != (it->layer->trains != 0 || below))
        return BAD_VALUE(gradient);
    if (output->gradient != TINYTL_NONE && it->layer->activation != 0 && output->storage == TINYTL_PIXEL &&
        output->mask == TINYTL_NONE)
        return BAD_VALUE(mask);
    if (output->mask != TINYTL_NONE && it->layer->activation == 0)
        return BAD_VALUE(mask);
    if (output->reserved0[0] != 0 || output->reserved0[1] != 0 || output->reserved0[2] != 0 || output->reserved1 != 0)
        return BAD_VALUE(reserved1);
    return check_readers(it);
}

/* Logits: one a class, or one sigmoid for two classes. */
static tinytl_error check_logits(const at_layer *it)
{
    const tinytl_head_section *head = it->head;
    int one = head->loss == TINYTL_SIGMOID_CROSS_ENTROPY && it->layer->out == 1 && head->class_count == 2 &&
              head->class_capacity == 2;
    if (it->layer->kind != TINYTL_DENSE)
        return BAD_LAYER(kind);
    if (it->layer->activation != 0)
        return BAD_LAYER(activation);
    if (it->layer->out != head->class_capacity && !one)
        return BAD_LAYER(out);
    if (it->output->gradient == TINYTL_NONE || it->output->storage != TINYTL_WHOLE)
        return BAD_VALUE(gradient);
    return fine();
}

/* Floats that a layer needs in the columns. */
static uint64_t columns_of(const at_layer *it)
{
    int is_feature = it->input->storage == TINYTL_FEATURE || it->values[it->layer->inputs[1]].storage == TINYTL_FEATURE;
    uint64_t places = (uint64_t)it->layer->window_height * it->layer->window_width;
    int is_int8 = it->layer->weight_storage == TINYTL_WEIGHTS_INT8;
    if (is_int8 && (places == 1 || it->input->gradient == TINYTL_NONE))
        return 0;
    if (it->layer->kind == TINYTL_DENSE)
        return is_feature ? elements(it->input) : 0;
    if ((it->layer->kind == TINYTL_CONV_2D || it->layer->kind == TINYTL_DEPTHWISE_CONV_2D) && places > 1)
        return places * it->input->channels;
    return !is_feature ? 0 :
           it->values[it->layer->inputs[1]].channels > it->input->channels ?
           it->values[it->layer->inputs[1]].channels : it->input->channels;
}

static tinytl_error check_layer(at_layer *it)
{
    static tinytl_error (*const checks[])(const at_layer *) = {
        check_words, NULL, check_shape, check_storage, check_group, check_value,
    };
    tinytl_error error = fine();
    for (uint32_t i = 0; i < sizeof checks / sizeof checks[0] && error.status == TINYTL_STATUS_ok; i++) {
        if (checks[i] != NULL)
            error = checks[i](it);
        else
            it->input = &it->values[it->layer->inputs[0]]; /* the words say that it exists */
    }
    if (error.status == TINYTL_STATUS_ok)
        error = check_layer_parameters(it);
    if (error.status == TINYTL_STATUS_ok)
        error = check_int8(it);
    if (error.status == TINYTL_STATUS_ok && it->number + 1 == it->head->layer_count)
        error = check_logits(it);
    if (error.status == TINYTL_STATUS_ok && columns_of(it) > it->head->columns_floats)
        error = bad_record(it->header->head, FIELD(tinytl_head_section, columns_floats));
    return error;
}

tinytl_error tinytl_head_check_layers(const tinytl_image_header *header)
{
    const uint8_t *image = (const uint8_t *)header;
    const tinytl_head_section *head = (const tinytl_head_section *)(const void *)(image + header->head);
    at_layer it = {header, head, (const tinytl_head_layer *)(const void *)(image + head->layers),
                   (const tinytl_head_value *)(const void *)(image + head->values), 0, NULL, NULL, NULL, 0, 0};
    tinytl_error error = fine();
    for (; it.number < head->layer_count && error.status == TINYTL_STATUS_ok; it.number++) {
        it.layer = &it.layers[it.number];
        it.output = &it.values[head->feature_values + it.number];
        error = check_layer(&it);
    }
    if (error.status != TINYTL_STATUS_ok)
        return error;
    if (it.trained != head->parameter_count)
        return bad_record(header->head, FIELD(tinytl_head_section, parameter_count));
    if (it.frozen != head->frozen_count)
        return bad_record(header->head, FIELD(tinytl_head_section, frozen_count));
    return fine();
}
