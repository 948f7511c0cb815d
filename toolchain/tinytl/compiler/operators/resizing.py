# SPDX-License-Identifier: Apache-2.0
"""RESIZE_NEAREST_NEIGHBOR and RESIZE_BILINEAR: which input places each row and column of the output reads.

All of that is known at compile time, so the image has it as tables and its kernels need no floats. Nearest: one place,
computed in float as TFLite does. Bilinear: two places and the second one's weight in 1/1024, computed in integers.
"""

import numpy as np

from tinytl.compiler.graph import Graph, Node
from tinytl.compiler.kinds import RESIZE_BILINEAR, RESIZE_NEAREST_NEIGHBOR
from tinytl.compiler.operators.rule import (
    Rule,
    Shape,
    constant_input,
    quantized_input,
    quantized_output,
    require_dtype,
    require_equal_quantization,
    require_rank,
)
from tinytl.compiler.options import ResizeOptions, options_of
from tinytl.compiler.program import Builder

MAX_SIDE = 2**15
_ONE = 1 << 10


def _sides(graph: Graph, node: Node) -> tuple[int, int]:
    require_dtype(node, graph.input(node, 1), "the size tensor", ("int32",))
    sides = [int(side) for side in constant_input(graph, node, 1, "the sides").reshape(-1)]
    source = require_rank(node, graph.input(node, 0), "input 0", 4)
    if len(sides) != 2 or not all(1 <= side <= MAX_SIDE for side in (*sides, *source[1:3])):
        raise node.refuse(f"resizes {list(source)} to {sides}", expected=f"two sides of 1 to {MAX_SIDE:,}")
    return sides[0], sides[1]


def shape(graph: Graph, node: Node) -> Shape:
    height, width = _sides(graph, node)
    batch, _, _, channels = graph.input(node, 0).shape
    return (batch, height, width, channels)


def nearest_places(source: int, output: int, options: ResizeOptions) -> np.ndarray:
    """Return the place that each of `output` reads, (output,).

    Args:
        source, output: places along one side, 1 or more. options: where places lie; not both of its flags.
    """
    if options.align_corners and output > 1:
        scale = np.float32(source - 1) / np.float32(output - 1)
    else:
        scale = np.float32(source) / np.float32(output)
    offset = np.float32(0.5 if options.half_pixel_centers else 0)
    reals = (np.arange(output, dtype=np.float32) + offset) * scale
    # Rounded up from a half on; in double the half is added exactly.
    places = np.floor(reals.astype(np.float64) + (0.5 if options.align_corners else 0)).astype(np.int64)
    return np.clip(places, 0, source - 1)


def bilinear_places(source: int, output: int, options: ResizeOptions) -> np.ndarray:
    """Return first place, second place, the second's weight in 1/1024, (output, 3).

    Args:
        source, output: places along one side, 1 or more. options: where places lie; not both of its flags.
    """
    if options.align_corners and output > 1:
        scale = (_ONE * (source - 1) + (output - 1) // 2) // (output - 1)
    else:
        scale = (_ONE * source + output // 2) // output
    reals = np.arange(output, dtype=np.int64) * scale
    if options.half_pixel_centers:
        reals += scale // 2 - _ONE // 2
    first = np.maximum(reals >> 10, 0)
    # ⌈real / 1024⌉ by division towards zero, which is what negative ones (above −1) need.
    second = np.minimum(np.maximum((reals + _ONE - 1) >> 10, 0), source - 1)
    return np.stack([first, second, reals - _ONE * first], axis=1)


def lower(graph: Graph, node: Node, builder: Builder) -> None:
    """Emit the resizing with two constants: the places that each row and each column of the output reads. Args: as `Rule.lower`."""
    source, output = quantized_input(graph, node, 0), quantized_output(graph, node)
    require_equal_quantization(node, source, output, "input 0")
    options = options_of(node.options, ResizeOptions)
    if options.align_corners and options.half_pixel_centers:
        raise node.refuse("align_corners and half_pixel_centers", expected="at most one of them")
    nearest = node.operator == "RESIZE_NEAREST_NEIGHBOR"
    tables = []
    for name, dimension in (("rows", 1), ("columns", 2)):
        sides = source.shape[dimension], output.shape[dimension]
        table = (nearest_places if nearest else bilinear_places)(*sides, options)
        if not nearest and table[:, 0].max() >= sides[0]:
            # Rounded up steps add up to a place behind the end, where the reference reads what is not the input's.
            raise node.refuse(f"the steps from {sides[0]} to {sides[1]} places leave the input", expected="fewer places")
        tables.append(builder.constant(f"{node.name}/{name}", table, "int32"))
    kind = RESIZE_NEAREST_NEIGHBOR if nearest else RESIZE_BILINEAR
    builder.emit(node, kind, (builder.tensor(node.inputs[0]), *tables))


RULES = (
    Rule(
        *("RESIZE_BILINEAR", 4, shape, lower),
        schema="ResizeBilinearOptions",
        options=ResizeOptions(),
    ),
    Rule(
        *("RESIZE_NEAREST_NEIGHBOR", 4, shape, lower),
        schema="ResizeNearestNeighborOptions",
        options=ResizeOptions(),
    ),
)
