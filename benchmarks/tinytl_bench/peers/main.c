/* SPDX-License-Identifier: Apache-2.0
 * A peer's model on the board: one inference between two marks, then its answer over the UART. peer.h is
 * written for each model. */
#include "board.h"
#include "peer.h"

static uint8_t arena[PEER_ARENA_BYTES + 16] __attribute__((aligned(16)));
static int8_t output[PEER_OUTPUT_BYTES];

int main(void)
{
    uart_init();
    count_mark(0);
    PEER_INFER(PEER_ARENA_BYTES ? arena : 0, peer_input, output);
    count_mark(0);
    uart_send(0, (const uint8_t *)output, sizeof output);
    for (;;) {
    }
}
