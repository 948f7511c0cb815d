/* SPDX-License-Identifier: Apache-2.0
 * Copies of window rows (kernels/dsp/gather_windows.h) in plain C. */
#include "kernels/dsp/gather_windows.h"

#include <string.h>

int8_t *tinytl_gather_rows(const tinytl_window_rows *rows, int8_t *to)
{
    for (uint32_t row = 0; row < rows->rows; row++, to += rows->row_bytes)
        memcpy(to, rows->from + row * rows->row_step, rows->row_bytes);
    return to;
}
