# SPDX-License-Identifier: Apache-2.0
"""The ring of input rows that a convolution's windows are read from (runtime: kernels/mve/ring.h)."""

from collections.abc import Mapping
from dataclasses import dataclass

from tinytl.compiler.kernels.mve.packing import BLOCK, in_blocks

_ADDRESS_BYTES = 8


@dataclass(frozen=True)
class Ring:
    """How large it is, and what goes through it.

    Attributes:
        window_rows, pieces: of a window. row_bytes, rows: of the ring; one more row stands for what is outside.
        filled: input rows that go through it.
    """

    window_rows: int
    pieces: int
    row_bytes: int
    rows: int
    filled: int

    @property
    def bytes(self) -> int:
        """Scratch of the ring."""
        return in_blocks(_ADDRESS_BYTES * self.pieces) + self.row_bytes * (self.rows + 1) + BLOCK


def ring_of(named: Mapping[str, int], taps: tuple[int, int], together: int, out_width: int, source: tuple[int, ...]) -> Ring:
    """Return the ring of a convolution.

    Args:
        named: its parameters. taps: rows and columns of the window. together: columns of a window that lie together.
        out_width: columns of the output. source: the input's dimensions.
    """
    columns = (out_width - 1) * named["stride_w"] + (taps[1] - 1) * named["dilation_w"] + 1
    rows = (taps[0] - 1) * named["dilation_h"] + 1
    return Ring(taps[0], taps[0] * taps[1] // together, columns * source[3], rows, source[1])
