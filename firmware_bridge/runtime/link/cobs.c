/* SPDX-License-Identifier: Apache-2.0 */
#include "link/cobs.h"

uint32_t tinytl_cobs_encode(const uint8_t *input, uint32_t bytes, uint8_t *output)
{
    uint32_t code_at = 0, out = 1;
    uint8_t code = 1;
    for (uint32_t i = 0; i < bytes; i++) {
        const uint8_t byte = input[i];
        if (byte != 0) {
            output[out++] = byte;
            code++;
        }
        if (byte == 0 || (code == 0xFF && i + 1 < bytes)) {
            output[code_at] = code;
            code_at = out++;
            code = 1;
        }
    }
    output[code_at] = code;
    return out;
}

uint32_t tinytl_cobs_decode(uint8_t *data, uint32_t bytes)
{
    uint32_t in = 0, out = 0;
    while (in < bytes) {
        const uint8_t code = data[in++];
        if (code == 0 || in + code - 1u > bytes)
            return 0;
        for (uint8_t k = 1; k < code; k++) {
            if (data[in] == 0)
                return 0;
            data[out++] = data[in++];
        }
        if (code != 0xFF && in < bytes)
            data[out++] = 0;
    }
    return out;
}
