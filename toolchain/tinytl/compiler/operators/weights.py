# SPDX-License-Identifier: Apache-2.0
"""Weights, bias and per-channel rescaling: what convolution, depthwise convolution and fully connected layers share.

The image always has one multiplier and one bias a channel; weights with a single scale repeat theirs, an absent bias is
zeros.
"""

from dataclasses import dataclass

import numpy as np

from tinytl.compiler.arithmetic.multipliers import Multiplier
from tinytl.compiler.graph import Graph, Node
from tinytl.compiler.operators.rule import constant_input, require_dtype
from tinytl.compiler.program import Builder


@dataclass(frozen=True)
class Weights:
    """data: int8 as the file has it; scales: one, or one a channel."""

    data: np.ndarray
    scales: tuple[np.float32, ...]
    channels: int


def read_weights(graph: Graph, node: Node, *, rank: int, channel_dimension: int) -> Weights:
    """Check the weights of a node (input 1) and return them.

    Args:
        graph: that holds the node. node: named by a refusal. rank: dimensions that the weights must have.
        channel_dimension: along which output channels lie, and scales may differ.

    Raises:
        CompileError: not constant, not int8, another rank, not symmetric, or scaled along another dimension.
    """
    tensor = graph.input(node, 1)
    require_dtype(node, tensor, "the weight tensor", ("int8",))
    data = constant_input(graph, node, 1, "the weights")
    if data.ndim != rank:
        raise node.refuse(f"the weights have shape {list(data.shape)}", expected=f"{rank} dimensions")
    quantization = tensor.quantization
    if quantization is None:
        raise node.refuse("the weights are int8 without scales", expected="one scale, or one a channel")
    channels = int(data.shape[channel_dimension])
    count = len(quantization.scales)
    if count not in (1, channels) or (count > 1 and quantization.dimension != channel_dimension):
        raise node.refuse(
            f"the weights have {count} scales along dimension {quantization.dimension}",
            expected=f"1, or {channels} along dimension {channel_dimension}",
        )
    if any(quantization.zero_points):
        zero_point = next(point for point in quantization.zero_points if point)
        raise node.refuse(f"the weights have zero point {zero_point}", expected="0 (symmetric weights)")
    bad = [float(scale) for scale in quantization.scales if not 0 <= float(scale) < float("inf")]
    if bad:
        raise node.refuse(f"the weights have scale {bad[0]:g}", expected="a finite scale ≥ 0")
    return Weights(data, quantization.scales, channels)


def read_bias(graph: Graph, node: Node, channels: int) -> np.ndarray:
    """Return the bias (input 2), (channels,) int32; zeros where the file has none.

    Args:
        graph: that holds the node. node: named by a refusal. channels: of the output.

    Raises:
        CompileError: not constant, not int32, or another number of values.
    """
    tensor = graph.optional_input(node, 2)
    if tensor is None:
        return np.zeros(channels, np.int32)
    require_dtype(node, tensor, "the bias tensor", ("int32",))
    data = constant_input(graph, node, 2, "the bias")
    if data.size != channels:
        raise node.refuse(f"the bias has {data.size} values", expected=f"{channels}, one a channel")
    return data.reshape(channels)


def weight_operands(builder: Builder, node: Node, bias: np.ndarray, multipliers: list[Multiplier]) -> tuple[int, int, int, int]:
    """Add bias, multiplier and shift to the program; return the numbers of weights, bias, multiplier, shift.

    Args:
        builder: of the program. node: its input 1 is the weights. bias: (channels,) int32. multipliers: one an output channel.
    """
    name = node.name
    return (
        builder.tensor(node.inputs[1]),
        builder.constant(f"{name}/bias", bias, "int32"),
        builder.constant(f"{name}/multiplier", np.array([multiplier.value for multiplier in multipliers]), "int32"),
        builder.constant(f"{name}/shift", np.array([multiplier.shift for multiplier in multipliers]), "int32"),
    )
