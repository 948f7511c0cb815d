/* SPDX-License-Identifier: Apache-2.0
 *
 * The records of an image, read in place (SPEC.md section 2): for who reads or writes images. Who calls a model needs
 * `tinytl.h` alone. All numbers are little-endian and lie on multiples of their size; offsets count bytes from the
 * start of the image or of the arena. */
#ifndef TINYTL_IMAGE_H
#define TINYTL_IMAGE_H

#include <stdint.h>

#define TINYTL_IMAGE_FORMAT 1u
#define TINYTL_ALIGNMENT 16u

typedef struct tinytl_image_header {
    uint8_t magic[4];
    uint16_t format_version;
    uint16_t header_bytes;
    uint32_t image_bytes;
    uint32_t crc32;
    uint8_t bundle_id[16];
    uint16_t family;
    uint16_t flags;
    uint32_t arena_bytes;
    uint32_t tensor_count;
    uint32_t tensors;
    uint32_t operator_count;
    uint32_t operators;
    uint32_t operand_count;
    uint32_t operands;
    uint32_t graph_operands;
    uint16_t input_count;
    uint16_t output_count;
    uint32_t head;
    uint32_t metadata;
    uint32_t metadata_bytes;
    uint32_t reserved[11];
} tinytl_image_header;

typedef enum tinytl_dtype {
    TINYTL_INT8 = 1, TINYTL_UINT8 = 2, TINYTL_INT16 = 3, TINYTL_INT32 = 4, TINYTL_FLOAT32 = 5
} tinytl_dtype;

typedef struct tinytl_tensor {
    uint32_t offset;
    uint32_t bytes;
    uint8_t region; /* 0 arena, 1 image */
    uint8_t dtype;
    uint8_t rank;
    uint8_t reserved0;
    uint32_t dims[4];
    int32_t zero_point;
    float scale;
    uint32_t reserved1;
} tinytl_tensor;

typedef struct tinytl_operator {
    uint16_t opcode;
    uint16_t kernel;
    uint16_t input_count;
    uint16_t output_count;
    uint32_t operands;
    uint32_t params;
    uint32_t params_bytes;
    uint32_t scratch_offset;
    uint32_t scratch_bytes;
    uint32_t macs;
} tinytl_operator;

typedef struct tinytl_head_section {
    uint32_t layer_count;
    uint32_t layers;
    uint32_t value_count;
    uint32_t values;
    uint32_t feature_values;
    uint32_t class_count;
    uint32_t class_capacity;
    uint32_t feature_count;
    uint32_t parameter_count;
    uint32_t initial_parameters;
    uint32_t parameters;
    uint32_t frozen_count;
    uint32_t frozen_parameters;
    uint32_t moments;        /* TINYTL_NONE: neither momentum nor Adam */
    uint32_t second_moments; /* TINYTL_NONE: no Adam */
    uint32_t gradients;      /* TINYTL_NONE: each gradient is used the moment it is known */
    uint32_t columns;
    uint32_t columns_floats;
    uint32_t replay_set_count;
    uint32_t replay_set_features;
    uint32_t replay_set_labels;
    uint32_t replay_buffer;
    uint32_t replay_capacity;
    uint32_t replays_per_step;
    float learning_rate;
    float momentum;
    float second_momentum;
    float epsilon;
    float weight_decay;
    float clip_norm; /* 0: none */
    uint32_t optimizer;
    uint32_t accumulation;
    uint32_t schedule;
    uint32_t schedule_steps;
    float schedule_factor;
    uint32_t seed;
    uint32_t loss;
    uint32_t class_names; /* arena offset of names of the classes that may be added; 0: there is no room for any */
    uint32_t guard_buffer;      /* arena offset of held-out samples; 0: none */
    uint32_t guard_capacity;
    uint32_t guard_every;       /* of how many taught samples of a class one is held out */
    uint32_t guard_check_every; /* learned samples between two checks; 0: on command alone */
    uint32_t int8_scratch;      /* arena offset of what layers with int8 weights compute with; 0: none has such */
    uint32_t int8_scratch_bytes;
    uint32_t drift_numbers;     /* that a sample's features are added up to, to be compared; 0: no statistics */
    uint32_t drift_means;       /* image offset of int32 [class_count][drift_numbers]; 0: none */
    float drift_spread;         /* mean squared distance of source samples to the nearest class */
    float label_smoothing;      /* what the label's target gives to all classes in use alike; 0: one-hot targets */
} tinytl_head_section;

/* Features first, then the output of each layer. */
typedef struct tinytl_head_value {
    uint32_t place;    /* feature: its first byte in a replayed sample; else arena offset of floats */
    uint32_t gradient; /* arena offset of floats; TINYTL_NONE: no layer before it learns */
    uint32_t mask;     /* arena offset of a bit for each element that its activation let through; TINYTL_NONE: none */
    uint16_t height;
    uint16_t width;
    uint32_t channels;
    uint8_t storage; /* a tinytl_storage */
    uint8_t reserved0[3];
    uint32_t last_reader; /* number of the last layer that reads it */
    uint32_t reserved1;
} tinytl_head_value;

typedef enum tinytl_storage {
    TINYTL_FEATURE, TINYTL_WHOLE, TINYTL_PIXEL
} tinytl_storage;

typedef enum tinytl_layer_kind {
    TINYTL_DENSE = 1, TINYTL_CONV_2D, TINYTL_DEPTHWISE_CONV_2D, TINYTL_SCALE, TINYTL_ADD, TINYTL_ACTIVATION,
    TINYTL_AVERAGE_POOL, TINYTL_MAX_POOL, TINYTL_DROPOUT, TINYTL_CONCATENATE, TINYTL_LAYER_KINDS
} tinytl_layer_kind;

/* int8: rows of (in + 7) & ~7 bytes, weight = byte × the row's scale. */
typedef enum tinytl_weight_storage {
    TINYTL_WEIGHTS_FLOAT32, TINYTL_WEIGHTS_INT8
} tinytl_weight_storage;

typedef enum tinytl_loss {
    TINYTL_SOFTMAX_CROSS_ENTROPY = 1, TINYTL_SIGMOID_CROSS_ENTROPY, TINYTL_SQUARED_ERROR
} tinytl_loss;
typedef enum tinytl_optimizer {
    TINYTL_SGD = 1, TINYTL_ADAM
} tinytl_optimizer;
typedef enum tinytl_schedule {
    TINYTL_CONSTANT, TINYTL_STEPS, TINYTL_COSINE
} tinytl_schedule;

typedef struct tinytl_head_layer {
    uint8_t kind;       /* a tinytl_layer_kind */
    uint8_t activation; /* 0 none, 1 relu, 2 relu6 */
    uint8_t trains;     /* bit 0: weights, bit 1: bias */
    uint8_t joins;      /* 1: runs pixel by pixel with the layer before it */
    uint16_t inputs[2]; /* numbers of values; equal where there is one */
    uint8_t window_height;
    uint8_t window_width;
    uint8_t stride_height;
    uint8_t stride_width;
    uint8_t pad_top;
    uint8_t pad_left;
    uint8_t weight_storage; /* a tinytl_weight_storage */
    uint8_t reserved0;
    uint32_t in;      /* numbers that an output number is a product of */
    uint32_t out;     /* channels of the output */
    uint32_t weights; /* number of the first word, among the parameters if it trains, else among the frozen ones */
    uint32_t bias;
    uint32_t places; /* max_pool: arena offset of a byte an output: where in its window the largest lay */
    float rate;      /* of dropout */
    uint32_t scales; /* int8 weights: number of the first of `out` scales among the frozen parameters */
    uint32_t rows_at_once; /* int8 weights: rows whose gradients are gathered in one round over the pixels */
    float rate_factor;     /* the learning rate of its parameters is the head's times this */
} tinytl_head_layer;

#define TINYTL_NONE 0xFFFFFFFFu

#endif
