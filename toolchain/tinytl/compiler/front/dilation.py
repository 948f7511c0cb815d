# SPDX-License-Identifier: Apache-2.0
"""A pass: SPACE_TO_BATCH_ND, a convolution of stride 1, BATCH_TO_SPACE_ND become one dilated convolution.

Exact: the convolution sees, in each of the woven images, every `block`-th place, which is what a dilation of `block` sees;
the padding is of zero points, where a convolution adds nothing. Around the convolution of a one-dimensional signal stand
RESHAPEs or EXPAND_DIMS that give it its fourth dimension; they are taken along. All three must have no other reader.
"""

from collections import Counter
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import TypeVar

from tinytl.compiler.graph import Graph, Node, Tensor
from tinytl.compiler.operators.batch_space import blocks_and_pairs
from tinytl.compiler.options import ConvolutionOptions, options_of

_CONVOLUTIONS = ("CONV_2D", "DEPTHWISE_CONV_2D")
_Value = TypeVar("_Value")
_RESHAPES = ("RESHAPE", "SQUEEZE", "EXPAND_DIMS")


@dataclass(frozen=True)
class _Triple:
    """The nodes around a convolution; `between`: the reshapes that fall away with them."""

    apart: Node
    convolution: Node
    together: Node
    between: tuple[Node, ...]


def fold_batches(graph: Graph) -> Graph:
    """Fold every such triple."""
    for node in graph.nodes:
        triple = _triple(graph, node) if node.operator in _CONVOLUTIONS else None
        folded = _folded(graph, triple) if triple else None
        graph = folded or graph
    return graph


def _triple(graph: Graph, node: Node) -> _Triple | None:
    producers = {producer.outputs[0]: producer for producer in graph.nodes}
    readers: dict[int, Node] = {reader.inputs[0]: reader for reader in graph.nodes}
    counts = Counter(number for reader in graph.nodes for number in reader.inputs) + Counter(graph.outputs)
    between: list[Node] = []
    apart = producers.get(node.inputs[0])
    while apart is not None and apart.operator in _RESHAPES:
        between.append(apart)
        apart = producers.get(apart.inputs[0])
    together = readers.get(node.outputs[0])
    while together is not None and together.operator in _RESHAPES:
        between.append(together)
        together = readers.get(together.outputs[0])
    if apart is None or together is None:
        return None
    alone = all(counts[producer.outputs[0]] == 1 for producer in (apart, node, *between))
    right = (apart.operator, together.operator) == ("SPACE_TO_BATCH_ND", "BATCH_TO_SPACE_ND")
    return _Triple(apart, node, together, tuple(between)) if alone and right else None


def _folded(graph: Graph, triple: _Triple) -> Graph | None:
    """Return the graph with one convolution in place of the triple, or None where that would not be exact."""
    options = options_of(triple.convolution.options, ConvolutionOptions)
    blocks, paddings = blocks_and_pairs(graph, triple.apart)
    again, crops = blocks_and_pairs(graph, triple.together)
    plain = ConvolutionOptions(padding="VALID", activation=options.activation)
    source, result = graph.input(triple.apart, 0), graph.output(triple.together)
    channels = graph.output(triple.convolution).shape[-1]
    if options != plain or blocks != again or any(before for before, _ in crops) or not _same_places(graph, triple):
        return None
    if len(source.shape) != len(blocks) + 2 or len(blocks) > 2 or source.shape[0] != 1 or result.shape[-1] != channels:
        return None
    flat = graph.input(triple.convolution, 0).shape[1] == 1  # a signal's place among the image's sides
    blocks, sides, out = (_both(numbers, 1, flat) for numbers in (blocks, source.shape[1:-1], result.shape[1:-1]))
    paddings, crops = (_both(pairs, (0, 0), flat) for pairs in (paddings, crops))
    (top, bottom), (left, right) = ((before, after - crop) for (before, after), (_, crop) in zip(paddings, crops, strict=True))
    _, taps_h, taps_w, _ = graph.input(triple.convolution, 1).shape
    reach = ((taps_h - 1) * blocks[0], (taps_w - 1) * blocks[1])
    # Kernels count on windows that touch the input.
    if min(top, bottom, left, right) < 0 or max(top, bottom) > reach[0] or max(left, right) > reach[1]:
        return None
    if out != (sides[0] + top + bottom - reach[0], sides[1] + left + right - reach[1]):
        return None
    dilated = replace(options, dilation_h=blocks[0], dilation_w=blocks[1], extra_padding=(top, bottom, left, right))
    return _rewritten(graph, triple, dilated, (1, *sides, source.shape[-1]), (1, *out, channels))


def _both(values: tuple[_Value, ...], rest: _Value, flat: bool) -> tuple[_Value, ...]:
    """Return two values, of rows and of columns, where a signal has one."""
    return values if len(values) == 2 else (rest, *values) if flat else (*values, rest)


def _same_places(graph: Graph, triple: _Triple) -> bool:
    """Tell whether nothing but dims of 1 changes between the three, and no scale does."""
    ends = (
        (graph.output(triple.apart), graph.input(triple.convolution, 0)),
        (
            graph.output(triple.convolution),
            graph.input(triple.together, 0),
        ),
    )
    kept = all(_meaning(a) == _meaning(b) and _long(a) == _long(b) for a, b in ends)
    outer = _meaning(graph.input(triple.apart, 0)) == _meaning(ends[0][0])
    return kept and outer and _meaning(ends[1][1]) == _meaning(graph.output(triple.together))


def _meaning(tensor: Tensor) -> tuple[str, float, int]:
    return tensor.dtype, float(tensor.scale), tensor.zero_point


def _long(tensor: Tensor) -> tuple[int, ...]:
    return tuple(side for side in tensor.shape if side != 1)


def _rewritten(graph: Graph, triple: _Triple, options: ConvolutionOptions, seen: tuple[int, ...], made: tuple[int, ...]) -> Graph:
    """Let the convolution read the first node's input and write the last one's output, both seen as images."""
    source, result = triple.apart.inputs[0], triple.together.outputs[0]
    first = len(graph.tensors)
    views = (
        replace(graph.tensors[source], shape=seen, data=None),
        replace(graph.output(triple.convolution), shape=made),
    )
    folded = replace(
        triple.convolution,
        inputs=(first, *triple.convolution.inputs[1:]),
        outputs=(first + 1,),
        options=options,
    )
    gone = {id(node) for node in (triple.apart, triple.together, *triple.between)}
    nodes = tuple(folded if node is triple.convolution else node for node in graph.nodes if id(node) not in gone)
    aliases = MappingProxyType({**graph.aliases, first: source, result: first + 1})
    return replace(graph, tensors=(*graph.tensors, *views), nodes=nodes, aliases=aliases)
