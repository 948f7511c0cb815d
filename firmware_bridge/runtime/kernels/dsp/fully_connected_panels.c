/* SPDX-License-Identifier: Apache-2.0
 * Fully connected layer over packed weights, four outputs at a time (vector.h): input flattened to rows × in,
 * outputs ≥ 4. A number of outputs that is no multiple of 4 ends with a panel of the last four, some of which
 * are computed twice. */
#include "kernels/dsp/clamping.h"
#include "kernels/dsp/vector.h"

#include <string.h>

enum { AT_ONCE = 4, TABLE_WORDS = 16 };

typedef void run_vector(const tinytl_vector *vector);
typedef int16_t *pack_vector(const int8_t *input, int16_t *panel, uint32_t count);

static void connect(const tinytl_call *call, run_vector *run, pack_vector *pack)
{
    const uint32_t depth = (uint32_t)call->params[CONNECTION_DEPTH], padded = (depth + 3u) & ~3u;
    const uint32_t rows = tensor_elements(call_input(call, 0)) / depth,
                   outputs = tensor_elements(call_output(call)) / rows;
    const uint32_t quads = (outputs + 3u) / AT_ONCE, whole = outputs / AT_ONCE,
                   quad_bytes = call_input(call, 1)->bytes / quads;
    const uint8_t *weights = call_input_data(call, 1);
    const int32_t *channels = call_input_data(call, 2);
    const int8_t *input = call_input_data(call, 0);
    int8_t *output = call_output_data(call), *bytes = (int8_t *)call->scratch + 2u * padded;
    int16_t *panel = (int16_t *)(void *)call->scratch;

    for (uint32_t row = 0; row < rows; row++, input += depth, output += outputs) {
        const int8_t *from = input;
        if (padded != depth) {
            memcpy(bytes, input, depth);
            memset(bytes + depth, 0, padded - depth);
            from = bytes;
        }
        tinytl_vector vector = {weights, panel, channels, output, weights + whole * quad_bytes,
                                pack(from, panel, padded)};
        run(&vector);
        if (whole == quads)
            continue;
        vector.weights = vector.weights_end;
        vector.weights_end = weights + quads * quad_bytes;
        vector.channels = channels + TABLE_WORDS * whole;
        vector.output = output + outputs - AT_ONCE;
        run(&vector);
    }
    tinytl_clamp_output(call, call->params[CONNECTION_ACT_MIN], call->params[CONNECTION_ACT_MAX]);
}

void tinytl_fully_connected_panels_s16(const tinytl_call *call)
{
    connect(call, tinytl_vector_s16, tinytl_pack_vector_s16);
}

void tinytl_fully_connected_panels_s8(const tinytl_call *call)
{
    connect(call, tinytl_vector_s8, tinytl_pack_vector_s8);
}
