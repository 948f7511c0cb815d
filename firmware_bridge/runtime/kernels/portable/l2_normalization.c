/* SPDX-License-Identifier: Apache-2.0
 * Rows (along the last dimension) divided by their Euclidean length: input s8 → output s8 of its dims, scale 1/128
 * and zero point 0, in the fixed-point arithmetic of TFLite's reference kernel. Qm.n: m integer bits, n fractional
 * bits, one sign bit. */
#include "kernels/arithmetic.h"
#include "kernels/checks/shape_checks.h"

/* A sum of more squares of 255 than MAX_DEPTH does not fit 31 bits. */
enum { OUTPUT_BITS = 7, NEWTON_STEPS = 5, MAX_DEPTH = 1 << 15 };

typedef struct inverse_root {
    int32_t multiplier;
    int32_t shift;
} inverse_root;

static int32_t saturating_shift_left(int32_t x, int32_t exponent)
{
    const int64_t wide = (int64_t)x * ((int64_t)1 << exponent);
    return wide > INT32_MAX ? INT32_MAX : wide < INT32_MIN ? INT32_MIN : (int32_t)wide;
}

/* 1 / √m for m in Q3.28 near 1, times √½: y ← 3/2 y − m/2 y³ from 1 on. */
static int32_t newton(int32_t m)
{
    const int32_t half_m = rounding_shift_right(m, 1), three_halves = (1 << 28) + (1 << 27), root_of_half = 1518500250;
    int32_t y = 1 << 28;
    for (int step = 0; step < NEWTON_STEPS; step++) {
        const int32_t cube = saturating_shift_left(doubling_high_mul(doubling_high_mul(y, y), y), 6);
        y = saturating_shift_left(doubling_high_mul(three_halves, y) - doubling_high_mul(half_m, cube), 3);
    }
    return doubling_high_mul(y, root_of_half);
}

/* 1 / √sum as a multiplier; sum ≥ 0. It is brought to 27 or 28 bits by powers of four, whose roots are shifts. */
static inverse_root inverse_root_of(int32_t sum)
{
    inverse_root result = {INT32_MAX, 0};
    if (sum <= 1)
        return result;
    int32_t shift = 11;
    for (; sum >= 1 << 29; sum /= 4)
        shift++;
    for (; sum < 1 << 27; sum *= 4)
        shift--;
    result.multiplier = newton(sum >> 1);
    if (shift < 0)
        result.multiplier = shift_left(result.multiplier, -shift);
    else
        result.shift = -shift;
    return result;
}

int tinytl_rule_l2_normalization(const tinytl_call *call)
{
    return counts(call, 1) && s8_to_s8(call) && same_dims(call_input(call, 0), call_output(call)) &&
           tensor_last_dim(call_input(call, 0)) <= MAX_DEPTH;
}

void tinytl_l2_normalization(const tinytl_call *call)
{
    const tinytl_tensor *in = call_input(call, 0);
    const uint32_t depth = tensor_last_dim(in), rows = in->bytes / depth;
    const int8_t *input = call_input_data(call, 0);
    int8_t *output = call_output_data(call);

    for (uint32_t row = 0; row < rows; row++, input += depth, output += depth) {
        int32_t sum = 0;
        for (uint32_t i = 0; i < depth; i++)
            sum += (input[i] - in->zero_point) * (input[i] - in->zero_point);
        const inverse_root root = inverse_root_of(sum);
        for (uint32_t i = 0; i < depth; i++) {
            const int32_t q =
                multiply_by_quantized_multiplier(input[i] - in->zero_point, root.multiplier, root.shift + OUTPUT_BITS);
            output[i] = (int8_t)clamp(q, INT8_MIN, INT8_MAX);
        }
    }
}
