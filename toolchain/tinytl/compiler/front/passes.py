# SPDX-License-Identifier: Apache-2.0
"""Third stage: `Graph` → `Graph` that computes the same bytes with fewer operators.

Each pass is exact: a test compiles with and without it and compares every output byte. Passes change nodes and aliases,
never tensors of the file (two of them add some). PAD folds only into convolutions, where a padded place adds nothing; in
pooling it would take part.
"""

from collections.abc import Callable
from dataclasses import replace
from types import MappingProxyType

from tinytl.compiler.front.dilation import fold_batches
from tinytl.compiler.front.float_islands import sink_dequantize
from tinytl.compiler.graph import ABSENT, Graph, Node, Tensor
from tinytl.compiler.operators.movement import pad_value, paddings
from tinytl.compiler.options import ConvolutionOptions, options_of

Pass = Callable[[Graph], Graph]

_RESHAPES = ("RESHAPE", "SQUEEZE", "EXPAND_DIMS")
_CONVOLUTIONS = ("CONV_2D", "DEPTHWISE_CONV_2D")
_SIGN_FLIP = 128
"""Distance between the zero points of a uint8 tensor and its int8 twin."""


def drop_identity_quantize(graph: Graph) -> Graph:
    """Alias what a QUANTIZE, or one and the (DE)QUANTIZE before it, gives back unchanged."""
    producers = _producers(graph)
    aliases = {}
    for node in graph.nodes:
        if node.operator != "QUANTIZE":
            continue
        before = producers.get(node.inputs[0])
        if _same_meaning(graph.input(node, 0), graph.output(node)):
            aliases[node.outputs[0]] = node.inputs[0]
        elif before is not None and _undoes(graph, before, node):
            aliases[node.outputs[0]] = before.inputs[0]
    return _aliased(graph, aliases)


def fuse_padding(graph: Graph) -> Graph:
    """Let a convolution read around its input what a PAD of zero points wrote there."""
    producers = _producers(graph)
    nodes = []
    for node in graph.nodes:
        pad = producers.get(node.inputs[0])
        if node.operator in _CONVOLUTIONS and pad is not None and pad.operator in ("PAD", "PADV2"):
            node = _with_padding(graph, node, pad)
        nodes.append(node)
    return replace(graph, nodes=tuple(nodes))


def alias_reshapes(graph: Graph) -> Graph:
    """Drop RESHAPE, SQUEEZE and EXPAND_DIMS: the bytes stay where they are."""
    return _aliased(graph, {node.outputs[0]: node.inputs[0] for node in graph.nodes if node.operator in _RESHAPES})


def drop_dead(graph: Graph) -> Graph:
    """Drop nodes whose output nobody reads."""
    needed = {graph.storage(number) for number in graph.outputs}
    kept = []
    for node in reversed(graph.nodes):
        if graph.storage(node.outputs[0]) in needed:
            kept.append(node)
            needed |= {graph.storage(number) for number in node.inputs if number != ABSENT}
    return replace(graph, nodes=tuple(reversed(kept)))


PASSES: tuple[Pass, ...] = (*(sink_dequantize, drop_identity_quantize, fuse_padding, fold_batches, alias_reshapes, drop_dead),)


def optimize(graph: Graph, passes: tuple[Pass, ...] = PASSES) -> Graph:
    """Run the passes in order."""
    for graph_pass in passes:
        graph = graph_pass(graph)
    return graph


def _producers(graph: Graph) -> dict[int, Node]:
    return {node.outputs[0]: node for node in graph.nodes}


def _aliased(graph: Graph, aliases: dict[int, int]) -> Graph:
    nodes = tuple(node for node in graph.nodes if node.outputs[0] not in aliases)
    return replace(graph, nodes=nodes, aliases=MappingProxyType({**graph.aliases, **aliases}))


def _same_meaning(a: Tensor, b: Tensor) -> bool:
    return (a.dtype, a.scale, a.zero_point) == (b.dtype, b.scale, b.zero_point)


def _undoes(graph: Graph, first: Node, second: Node) -> bool:
    """Tell whether two precision changes in a row give the first one's input back.

    int8 → float32 → int8 does: (q − z) × s / s is within half a step of q − z for every normal s. int8 → uint8 → int8
    does when all scales are equal and the zero points 128 apart, so that nothing saturates.
    """
    source, middle, result = graph.input(first, 0), graph.output(first), graph.output(second)
    if not _same_meaning(source, result):
        return False
    if first.operator == "DEQUANTIZE":
        return 1e-30 < float(source.scale) < 1e30
    distance = middle.zero_point - source.zero_point
    flipped = {("int8", "uint8"): _SIGN_FLIP, ("uint8", "int8"): -_SIGN_FLIP}.get((source.dtype, middle.dtype))
    return first.operator == "QUANTIZE" and middle.scale == source.scale and distance == flipped


def _with_padding(graph: Graph, node: Node, pad: Node) -> Node:
    """Return the convolution with the PAD folded in, or as it is where that would not be exact."""
    source, padded = graph.input(pad, 0), graph.input(node, 0)
    sides = paddings(graph, pad)
    exact = (
        len(sides) == 4 and sides[0] == sides[3] == (0, 0) and _same_meaning(source, padded) and pad_value(graph, pad) == source.zero_point
    )
    options = options_of(node.options, ConvolutionOptions)
    if not exact or options.padding != "VALID":
        return node
    _, filter_h, filter_w, _ = graph.input(node, 1).shape
    reach = ((filter_h - 1) * options.dilation_h, (filter_w - 1) * options.dilation_w)
    # Kernels count on windows that touch the input: wider padding stays an operator of its own.
    if max(sides[1]) > reach[0] or max(sides[2]) > reach[1]:
        return node
    around = (*sides[1], *sides[2])
    return replace(node, inputs=(pad.inputs[0], *node.inputs[1:]), options=replace(options, extra_padding=around))
