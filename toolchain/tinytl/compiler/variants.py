# SPDX-License-Identifier: Apache-2.0
"""The kernels of a family beside the portable ones, SPEC.md tables 2.7 and 2.8 as data: the twin of kernels/*/variants.def.

Numbers are distinct across families: dsp has those from 1, mve those from 65.
"""

from dataclasses import dataclass

from tinytl.compiler.kinds import (
    ADD,
    AVERAGE_POOL_2D,
    CONV_2D,
    DEPTHWISE_CONV_2D,
    FULLY_CONNECTED,
    MEAN,
    OperatorKind,
)


@dataclass(frozen=True)
class Variant:
    """One kernel of a family.

    Attributes:
        kind: operator that it computes. number: the operator record's `kernel`. name: as in the table and of the kernel.
        title: for tables. parameters: names of the int32 parameters, in order.
        row_steps: (rows, kept) of `row_steps.RowSteps`; None where the output must lie apart from the input.
    """

    kind: OperatorKind
    number: int
    name: str
    title: str
    parameters: tuple[str, ...] = ()
    row_steps: tuple[int, int] | None = None


_WINDOWS = (
    *("pad_top", "pad_left", "stride_h", "stride_w", "dilation_h", "dilation_w", "taps_h", "taps_w"),
    *("rescaling", "act_min", "act_max"),
)

CONV_2D_PANELS_S16 = Variant(CONV_2D, 1, "conv_2d_panels_s16", "panels s16", _WINDOWS, (1, 0))
CONV_2D_PANELS_S8 = Variant(CONV_2D, 2, "conv_2d_panels_s8", "panels s8", _WINDOWS, (1, 0))
_WINOGRAD = ("pad_top", "pad_left", "rescaling", "act_min", "act_max")
CONV_2D_WINOGRAD_2 = Variant(CONV_2D, 3, "conv_2d_winograd_2", "winograd 2×2", _WINOGRAD, (2, 0))
CONV_2D_WINOGRAD_4 = Variant(CONV_2D, 4, "conv_2d_winograd_4", "winograd 4×4", _WINOGRAD, (4, 0))
DEPTHWISE_3X3 = Variant(
    *(DEPTHWISE_CONV_2D, 1, "depthwise_3x3", "row pairs"),
    ("pad_top", "pad_left", "stride", "rescaling", "act_min", "act_max"),
    (2, 4),
)
DEPTHWISE_WINDOWS = Variant(DEPTHWISE_CONV_2D, 2, "depthwise_windows", "taps", _WINDOWS, (1, 0))
_DENSE = ("depth", "act_min", "act_max")
FULLY_CONNECTED_PANELS_S16 = Variant(FULLY_CONNECTED, 1, "fully_connected_panels_s16", "panels s16", _DENSE)
FULLY_CONNECTED_PANELS_S8 = Variant(FULLY_CONNECTED, 2, "fully_connected_panels_s8", "panels s8", _DENSE)
AVERAGE_POOL_2D_WORDS = Variant(
    *(AVERAGE_POOL_2D, 1, "average_pool_2d_words", "words"),
    AVERAGE_POOL_2D.parameters,
    (1, 0),
)
MEAN_WORDS = Variant(MEAN, 1, "mean_words", "words", ("multiplier", "shift"))
ADD_TABLES = Variant(ADD, 1, "add_tables", "tables", ("act_min", "act_max"))

MVE_CONV_2D = Variant(CONV_2D, 65, "mve_conv_2d", "mve blocks", _WINDOWS)
MVE_DEPTHWISE_PIXELS = Variant(DEPTHWISE_CONV_2D, 65, "mve_depthwise_pixels", "mve lanes", _WINDOWS, (1, 1))
MVE_DEPTHWISE_FLAT = Variant(DEPTHWISE_CONV_2D, 66, "mve_depthwise_flat", "mve lanes of a row", _WINDOWS, (1, 1))
MVE_FULLY_CONNECTED = Variant(FULLY_CONNECTED, 65, "mve_fully_connected", "mve blocks", _DENSE)
MVE_AVERAGE_POOL_2D = Variant(AVERAGE_POOL_2D, 65, "mve_average_pool_2d", "mve sums", AVERAGE_POOL_2D.parameters, (1, 0))
MVE_MEAN = Variant(MEAN, 65, "mve_mean", "mve sums", ("multiplier", "shift"))
MVE_ADD_TABLES = Variant(ADD, 65, "mve_add_tables", "mve tables", ("act_min", "act_max"))

VARIANTS: dict[tuple[int, int], Variant] = {
    (each.kind.code, each.number): each for each in tuple(globals().values()) if isinstance(each, Variant)
}
"""(opcode, kernel number) → variant."""
