/* SPDX-License-Identifier: Apache-2.0
 *
 * One dense layer: output = activation(W input + b), its backward pass and its update. Order of every sum, which is the
 * contract between machines (SPEC.md section 2.6; blocking over rows does not change it):
 *
 *     output[o]  = b[o], then + W[o][i] input[i] for i = 0, 1, …                  one fused multiply-add each
 *     d_input[i] = 0, then + d_output[o] W[o][i] for o = 0, 1, … where d_output[o] ≠ 0
 *     step[o]    = -(learning_rate × d_output[o])
 *     v          = momentum × v, then fused + step[o] input[i]
 *     W[o][i]    = keep × W[o][i], then fused + step[o] input[i]  (without momentum)
 *     W[o][i]    = fused keep × W[o][i] + v                       (with momentum)
 *
 * keep = 1 - learning_rate × weight_decay. Biases do the same with input 1 and keep 1: they do not decay. The gradient of a
 * weight is used the moment it is known; no array of them exists.
 */
#ifndef TINYTL_LEARN_DENSE_H
#define TINYTL_LEARN_DENSE_H

#include <stdint.h>

typedef struct tinytl_dense {
    uint32_t in;
    uint32_t out;              /* rows that take part */
    uint32_t activation;       /* 0 none, 1 relu, 2 relu6 */
    float *weights;            /* [out][in] */
    float *bias;               /* [out] */
    float *weight_velocities;  /* [out][in]; NULL without momentum */
    float *bias_velocities;    /* [out]; NULL without momentum */
} tinytl_dense;

typedef struct tinytl_sgd {
    float learning_rate;
    float momentum;
    float keep;
} tinytl_sgd;

/* input: [in], output: [out]. A NaN passes through the activations. */
void tinytl_dense_forward(const tinytl_dense *layer, const float *input, float *output);

/* d_output: [out], gradient after the activation → gradient before it, in place. relu: 0 where output ≤ 0; relu6: also where
 * output ≥ 6. */
void tinytl_dense_mask(const tinytl_dense *layer, const float *output, float *d_output);

/* d_output: [out], masked; d_input: [in], written. */
void tinytl_dense_backward(const tinytl_dense *layer, const float *d_output, float *d_input);

/* input: [in], d_output: [out], masked. Rows with d_output = 0 are passed over where neither momentum nor decay moves them. */
void tinytl_dense_update(const tinytl_dense *layer, const float *input, const float *d_output, const tinytl_sgd *sgd);

#endif
