# SPDX-License-Identifier: Apache-2.0
"""Counts of a compiled model, layer by layer: the compiler's for the frozen extractor, the head's own for what trains.

In: an image with or without a bundle, or a head. Out: `LayerWork` rows that add up to `tinytl_bench.figures.work_of`.
"""

from collections.abc import Sequence
from dataclasses import replace
from math import prod

from tinytl import energy
from tinytl.bundle.bundle import Bundle
from tinytl.compiler import Image
from tinytl.compiler.head.int8_weights import int8_layers_of, layer_words
from tinytl.compiler.image.writer import OperatorInfo
from tinytl.head.layers import Head, layer_macs
from tinytl_bench.energy.layers import NOTHING, LayerWork

_AVERAGES = ("average_pool_2d", "mean")
_PASSED_ON = ("reshape", "quantize", "requantize")


def compiled_layers(bundle: Bundle | None, image: Image) -> tuple[LayerWork, ...]:
    """Return a row an operator, then one a layer of the head.

    Args:
        bundle: None for a plain .tflite. image: compiled of it.
    """
    frozen = [_operator(operator) for operator in image.operators]
    if bundle is None:
        return tuple(frozen)
    kinds = [operator.kind for operator in image.operators]
    return (*with_pooling_in_front(frozen, kinds, _AVERAGES, _PASSED_ON), *head_layers(bundle.head, int8_layers_of(bundle)))


def _operator(operator: OperatorInfo) -> LayerWork:
    work = replace(
        NOTHING, frozen_macs=operator.macs, constant_bytes=operator.weight_bytes, activation_bytes=operator.activation_bytes
    )  # fmt: skip
    read = operator.activation_bytes - prod(operator.output_shape)
    return LayerWork(operator.name, operator.kind, False, work, additions=read if operator.kind in _AVERAGES else 0)


def with_pooling_in_front(
    frozen: Sequence[LayerWork], kinds: Sequence[str], averages: Sequence[str], passed_on: Sequence[str]
) -> list[LayerWork]:  # fmt: skip
    """Have an average pooling right in front of the head count in the thesis's model, as it counts with the original's FC part.

    Args:
        frozen: rows in order. kinds: of each. averages: kinds that are an average pooling. passed_on: kinds that may stand behind it.
    """
    rows = list(frozen)
    for number in range(len(rows) - 1, -1, -1):
        if kinds[number] in averages:
            rows[number] = replace(rows[number], counts_in_thesis=True)
        if kinds[number] not in passed_on:
            break
    return rows


def head_layers(head: Head, int8: frozenset[int] = frozenset()) -> tuple[LayerWork, ...]:
    """Return a row a layer of a head.

    Args:
        head: whose replays are not counted here. int8: numbers of the layers with int8 weights.
    """
    price = energy.INT32_PJ_PER_MAC if int8 else energy.FLOAT32_PJ_PER_MAC
    rows = []
    for number, layer in enumerate(head.layers):
        shape = head.shapes[head.value_of(number)]
        macs, words = layer_macs(layer, shape), layer_words(layer, is_int8=number in int8)
        handed_on = any(head.wanted[source] for source in head.inputs_of(number))
        work = replace(
            NOTHING, trainable_macs=macs, gradient_macs=macs * ((layer.trains == "all") + handed_on), parameters=words,
            trained=layer.trained_count - (layer.parameter_count - words), head_pj_per_mac=price,
        )  # fmt: skip
        sums = prod(shape) * prod(layer.window) if layer.kind == "average_pool" else 0
        rows.append(LayerWork(layer.name, layer.kind, True, work, additions=sums, counts_in_thesis=True))
    return tuple(rows)
