# SPDX-License-Identifier: Apache-2.0
"""SPACE_TO_BATCH_ND and BATCH_TO_SPACE_ND: how TensorFlow writes a dilated convolution of an open batch.

Every `block`-th row and column becomes an image of its own, a plain convolution runs on all of them, and the results are
woven together again. The pass `dilation.fold_batches` makes the three one dilated convolution; they have no kernel.
"""

from math import prod

from tinytl.compiler.graph import Graph, Node
from tinytl.compiler.operators.rule import Rule, Shape, constant_input, require_dtype
from tinytl.compiler.program import Builder

Pairs = tuple[tuple[int, int], ...]


def blocks_and_pairs(graph: Graph, node: Node) -> tuple[Shape, Pairs]:
    """Return the block's sides and, for each, what is padded (to batches) or cropped (to space) before and after."""
    for position, role in ((1, "the block tensor"), (2, "the pairs tensor")):
        require_dtype(node, graph.input(node, position), role, ("int32", "int64"))
    blocks = tuple(int(side) for side in constant_input(graph, node, 1, "the block's sides").reshape(-1))
    pairs = constant_input(graph, node, 2, "the paddings or crops")
    rank = len(graph.input(node, 0).shape)
    if not 1 <= len(blocks) <= rank - 1 or pairs.shape != (len(blocks), 2) or min(blocks) < 1 or pairs.min() < 0:
        raise node.refuse(f"blocks {list(blocks)} and pairs {pairs.tolist()}", expected=f"up to {rank - 1} sides, two numbers ≥ 0 each")
    return blocks, tuple((int(before), int(after)) for before, after in pairs)


def space_to_batch_shape(graph: Graph, node: Node) -> Shape:
    shape, (blocks, pairs) = graph.input(node, 0).shape, blocks_and_pairs(graph, node)
    padded = [side + sum(pair) for side, pair in zip(shape[1:], pairs, strict=False)]
    if any(side % block for side, block in zip(padded, blocks, strict=True)):
        raise node.refuse(f"padded sides {padded} by blocks {list(blocks)}", expected="multiples")
    parts = (side // block for side, block in zip(padded, blocks, strict=True))
    return (shape[0] * prod(blocks), *parts, *shape[1 + len(blocks) :])


def batch_to_space_shape(graph: Graph, node: Node) -> Shape:
    shape, (blocks, pairs) = graph.input(node, 0).shape, blocks_and_pairs(graph, node)
    if shape[0] % prod(blocks):
        raise node.refuse(f"a batch of {shape[0]} by blocks {list(blocks)}", expected="a multiple")
    woven = zip(shape[1:], blocks, pairs, strict=False)
    return (
        shape[0] // prod(blocks),
        *(side * block - sum(pair) for side, block, pair in woven),
        *shape[1 + len(blocks) :],
    )


def lower(graph: Graph, node: Node, builder: Builder) -> None:
    """Refuse what no pass has made part of a dilated convolution. Args: as `Rule.lower`."""
    raise node.refuse(
        "is not part of a dilated convolution",
        expected="SPACE_TO_BATCH_ND, a convolution of stride 1 with padding VALID, BATCH_TO_SPACE_ND without crops before",
        hint="convert the model with a fixed batch of 1",
    )


RULES = (
    Rule("SPACE_TO_BATCH_ND", 4, space_to_batch_shape, lower),
    Rule("BATCH_TO_SPACE_ND", 4, batch_to_space_shape, lower),
)
