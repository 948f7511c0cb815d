/* SPDX-License-Identifier: Apache-2.0
 * A long short-term memory over all steps of a sequence, int8 with an int16 cell state, from the state zero on: input
 * s8 [steps,I] · weights s8 [U,4,I] · recurrent weights s8 [U,4,U] · bias, recurrent bias s32 [U,4] · multiplier, shift
 * s32 [2,4] → output s8 [steps,U]; scratch: the cells, s16 [U]. Sigmoid and tanh are those of TFLite's reference kernel
 * (gemmlowp, 16 bits): exp by a degree-4 polynomial on [−1/4, 0) and a barrel of constants, 1 / (1 + x) by three
 * Newton-Raphson steps. Qm.n below: m integer bits, n fractional bits, one sign bit; every number fits 16 bits. */
#include "kernels/arithmetic.h"
#include "kernels/checks/shape_checks.h"
#include "kernels/dot_product.h"

enum {
    CELL_INTEGER_BITS, /* 0 … 6 */
    CELL_CLIP,         /* 0 … 32,767 in the cell's scale; 0: none */
    HIDDEN_MULTIPLIER, /* Q31, not negative */
    HIDDEN_SHIFT,      /* −31 … 31 */
    HIDDEN_OFFSET      /* zero point of the output */
};

enum { INPUT_GATE, FORGET_GATE, CELL_GATE, OUTPUT_GATE, GATES };
enum { GATE_INTEGER_BITS = 3, MOST_CELL_INTEGER_BITS = 6, PRODUCTS = 2 };

typedef char four_gates_are_a_block[(int)GATES == (int)TINYTL_DOT_BLOCK ? 1 : -1];

static int32_t clamp_s16(int32_t x)
{
    return clamp(x, INT16_MIN, INT16_MAX);
}

/* round(a · b / 2^15), ties up. */
static int32_t high_mul_s16(int32_t a, int32_t b)
{
    return (a * b + (1 << 14)) >> 15;
}

/* exp(a) for a in [−1/4, 0), Q0.15: Taylor around −1/8. */
static int32_t exp_on_quarter(int32_t a)
{
    const int32_t exp_minus_eighth = 28918, one_third = 10923;
    const int32_t x = a + (1 << 12);
    const int32_t x2 = high_mul_s16(x, x);
    const int32_t x3 = high_mul_s16(x2, x);
    const int32_t x4 = high_mul_s16(x2, x2);
    const int32_t tail = rounding_shift_right(high_mul_s16(rounding_shift_right(x4, 2) + x3, one_third) + x2, 1);
    return clamp_s16(exp_minus_eighth + high_mul_s16(exp_minus_eighth, x + tail));
}

/* exp(a) for a ≤ 0 with `integer_bits` of at most 7 → Q0.15. */
static int32_t exp_on_negative(int32_t a, int32_t integer_bits)
{
    static const int16_t barrel[7] = {25520, 19875, 12055, 4435, 600, 11, 0}; /* exp(−2^k), k = −2 … 4 */
    const int32_t quarter = 1 << (13 - integer_bits);
    const int32_t rest = (a & (quarter - 1)) - quarter;
    const int32_t whole = rest - a;
    int32_t result = exp_on_quarter(shift_left(rest, integer_bits));
    for (int32_t k = 0; k < 7 && k < integer_bits + 2; k++)
        if (whole & (quarter << k))
            result = high_mul_s16(result, barrel[k]);
    if (integer_bits > 5 && a < -(1 << (20 - integer_bits))) /* −32 */
        return 0;
    return a == 0 ? INT16_MAX : result;
}

/* 2 / (1 + x) for x in [0, 1), Q0.15 → Q2.13. */
static int32_t two_over_one_plus(int32_t x)
{
    const int32_t c48_17 = 23130, c32_17 = -15420, one = 1 << 13; /* Q2.13 */
    const int32_t half = (x + INT16_MAX + 1) / 2;
    int32_t y = c48_17 + high_mul_s16(half, c32_17);
    for (int step = 0; step < 3; step++)
        y += clamp_s16(shift_left(high_mul_s16(y, one - high_mul_s16(half, y)), 2));
    return y;
}

/* 1 / (1 + exp(−a)), Q3.12 → Q0.15. */
static int32_t sigmoid(int32_t a)
{
    const int32_t above = clamp_s16(2 * two_over_one_plus(exp_on_negative(a < 0 ? a : -a, GATE_INTEGER_BITS)));
    return a > 0 ? above : a < 0 ? INT16_MAX - above : 1 << 14;
}

/* tanh(a) of `integer_bits` of at most 6 → Q0.15. Twice a is the same number with one integer bit more. */
static int32_t tanh_of(int32_t a, int32_t integer_bits)
{
    const int32_t above =
        clamp_s16(4 * (two_over_one_plus(exp_on_negative(a < 0 ? a : -a, integer_bits + 1)) - (1 << 13)));
    return a > 0 ? above : a < 0 ? -above : 0;
}

/* One of the two products of a step: weights s8 [units, GATES, depth], bias [units, GATES], a
 * rescaling for each gate. */
typedef struct gate_product {
    const int8_t *weights;
    const int32_t *bias, *multiplier, *shift;
    int32_t depth;
} gate_product;

/* gates[g] += the rescaled sum of unit and gate, Q3.12, saturated. */
static void add_product(const gate_product *p, const int8_t *x, uint32_t unit, int32_t gates[GATES])
{
    uint32_t sums[GATES];
    for (uint32_t g = 0; g < GATES; g++)
        sums[g] = (uint32_t)p->bias[unit * GATES + g];
    tinytl_dot_block(x, p->weights + unit * GATES * (uint32_t)p->depth, p->depth, p->depth, 0, sums);
    for (uint32_t g = 0; g < GATES; g++) {
        const int32_t scaled = multiply_by_quantized_multiplier((int32_t)sums[g], p->multiplier[g], p->shift[g]);
        gates[g] = clamp_from(scaled, gates[g], INT16_MIN, INT16_MAX);
    }
}

/* forget · cell + input · candidate, in the cell state's scale. */
static int32_t next_cell(const int32_t gates[GATES], int32_t cell, const int32_t *p)
{
    const int32_t kept = rounding_shift_right(sigmoid(gates[FORGET_GATE]) * cell, 15);
    const int32_t candidate = tanh_of(gates[CELL_GATE], GATE_INTEGER_BITS);
    const int32_t added = rounding_shift_right(sigmoid(gates[INPUT_GATE]) * candidate, 15 + p[CELL_INTEGER_BITS]);
    const int32_t sum = clamp_s16(kept + added);
    return p[CELL_CLIP] ? clamp(sum, -p[CELL_CLIP], p[CELL_CLIP]) : sum;
}

/* output · tanh(cell), in the hidden state's scale. */
static int8_t hidden_of(const int32_t gates[GATES], int32_t cell, const int32_t *p)
{
    const int32_t product = sigmoid(gates[OUTPUT_GATE]) * tanh_of(cell, p[CELL_INTEGER_BITS]);
    const int32_t scaled = multiply_by_quantized_multiplier(product, p[HIDDEN_MULTIPLIER], p[HIDDEN_SHIFT]);
    return (int8_t)clamp_from(scaled, p[HIDDEN_OFFSET], INT8_MIN, INT8_MAX);
}

/* int8 constant [units, gates, depth]. */
static int is_gate_weights(const tinytl_tensor *tensor, uint32_t units, uint32_t depth)
{
    return is(tensor, TINYTL_INT8) && tensor->region == 1 && tensor->rank == 3 && tensor->dims[0] == units &&
           tensor->dims[1] == GATES && tensor->dims[2] == depth;
}

static int gate_rescalings_ok(const tinytl_call *call)
{
    const uint32_t count = GATES * PRODUCTS;
    if (!is_s32_constant(call_input(call, 5), count) || !is_s32_constant(call_input(call, 6), count))
        return 0;
    const int32_t *multiplier = call_constant_data(call, 5), *shift = call_constant_data(call, 6);
    for (uint32_t i = 0; i < count; i++)
        if (!rescale_ok(multiplier[i], shift[i]))
            return 0;
    return 1;
}

int tinytl_rule_lstm(const tinytl_call *call)
{
    if (!counts(call, 7) || !s8_to_s8(call))
        return 0;
    const tinytl_tensor *in = call_input(call, 0), *out = call_output(call);
    const uint32_t units = tensor_last_dim(out), depth = tensor_last_dim(in);
    const int32_t *p = call->params;
    return in->bytes / depth == out->bytes / units && is_gate_weights(call_input(call, 1), units, depth) &&
           is_gate_weights(call_input(call, 2), units, units) &&
           is_s32_constant(call_input(call, 3), (uint64_t)units * GATES) &&
           is_s32_constant(call_input(call, 4), (uint64_t)units * GATES) && gate_rescalings_ok(call) &&
           in_range(p[CELL_INTEGER_BITS], 0, MOST_CELL_INTEGER_BITS) && in_range(p[CELL_CLIP], 0, INT16_MAX) &&
           rescale_ok(p[HIDDEN_MULTIPLIER], p[HIDDEN_SHIFT]) && in_range(p[HIDDEN_OFFSET], INT8_MIN, INT8_MAX) &&
           call->scratch_bytes >= units * sizeof(int16_t);
}

void tinytl_lstm(const tinytl_call *call)
{
    const uint32_t units = tensor_last_dim(call_output(call)), depth = tensor_last_dim(call_input(call, 0));
    const uint32_t steps = tensor_elements(call_output(call)) / units;
    const int32_t *multiplier = call_input_data(call, 5), *shift = call_input_data(call, 6), *p = call->params;
    const gate_product from_input = {call_input_data(call, 1), call_input_data(call, 3), multiplier, shift,
                                     (int32_t)depth};
    const gate_product from_hidden = {call_input_data(call, 2), call_input_data(call, 4), multiplier + GATES,
                                      shift + GATES, (int32_t)units};
    const int8_t *input = call_input_data(call, 0);
    const int8_t *hidden = NULL; /* of the step before; of the first it is zero and adds nothing */
    int8_t *output = call_output_data(call);
    int16_t *cells = (int16_t *)(void *)call->scratch;

    for (uint32_t unit = 0; unit < units; unit++)
        cells[unit] = 0;
    for (uint32_t step = 0; step < steps; step++, input += depth, hidden = output, output += units) {
        for (uint32_t unit = 0; unit < units; unit++) {
            int32_t gates[GATES] = {0};
            add_product(&from_input, input, unit, gates);
            if (hidden)
                add_product(&from_hidden, hidden, unit, gates);
            const int32_t cell = next_cell(gates, cells[unit], p);
            cells[unit] = (int16_t)cell;
            output[unit] = hidden_of(gates, cell, p);
        }
    }
}
