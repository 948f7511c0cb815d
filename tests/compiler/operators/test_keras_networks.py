# SPDX-License-Identifier: Apache-2.0
"""Whole networks on the twin, with the kernels of every family, in whole tensors and in strips: byte for byte what LiteRT computes.

`make test-long` runs 50 inputs through each; SHORT=1 a few through two small ones.
"""

import os

import pytest
from keras_networks import NETWORKS, network_tflite
from parity import assert_images_equal, assert_layers_equal, samples_for

from tinytl.compiler import compile_tflite
from tinytl.compiler.compile import compile_program
from tinytl.compiler.records import FAMILIES

pytest.importorskip("tensorflow", reason="needs tinytl[host]")

SHORT = bool(os.environ.get("TINYTL_SHORT"))
SMALLEST = "MobileNetV1 0.25 at 96"
SMALL = ("MobileNetV1 0.25 at 128", "MobileNetV2 0.35 at 96")
SHARE = 0.8
"""Of the arena for whole tensors, which strips must keep within."""


def check(name: str, samples: int) -> None:
    """Every layer of one input, the outputs of all, and those of strips where less memory is left."""
    tflite = network_tflite(NETWORKS[name])
    assert sum(operator.macs for operator in compile_program(tflite, fold=False).operators) == NETWORKS[name].macs
    whole = [compile_tflite(tflite, family=family) for family in FAMILIES]
    strips = [compile_tflite(tflite, family=each.family, ram_bytes=int(SHARE * each.arena_bytes)) for each in whole]
    assert all(len(less.operators) > len(all_.operators) for less, all_ in zip(strips, whole, strict=True))
    inputs = samples_for(tflite, samples)
    assert_images_equal(tflite, inputs, whole)
    assert_images_equal(tflite, inputs[: max(3, samples // 10)], strips)
    for family in FAMILIES:
        assert assert_layers_equal(tflite, inputs[-1:], family=family) >= len(whole[0].operators)


def test_smallest_network() -> None:
    tflite = network_tflite(NETWORKS[SMALLEST])
    assert_images_equal(tflite, samples_for(tflite, 6), [compile_tflite(tflite, family=family) for family in FAMILIES])
    assert assert_layers_equal(tflite, samples_for(tflite, 1)) >= 29


@pytest.mark.long
@pytest.mark.parametrize("name", [name for name in NETWORKS if not SHORT or name in SMALL])
def test_network(name: str) -> None:
    check(name, 4 if SHORT else 50)
