# SPDX-License-Identifier: Apache-2.0
"""Strips of random graphs: what a limit asks for, and every stage at every height, compute the reference's bytes.

Every day a few, `make test-long SHORT=1` 30 and `make test-long` 1,000 graphs.
"""

import os
from collections.abc import Iterator

import numpy as np
import pytest
from parity import assert_images_equal, samples_for, whole_image, with_less_memory
from random_graphs import random_graph
from tall_graphs import tall_graph, two_inputs

from tinytl.compiler import compile_tflite
from tinytl.compiler.compile import compile_program
from tinytl.compiler.kernels.selection import choose, find_choices
from tinytl.compiler.memory.row_strips import in_strips, stages
from tinytl.compiler.program import Program
from tinytl.compiler.records import FAMILIES
from tinytl_bridge.twin import TwinModel

SHORT = bool(os.environ.get("TINYTL_SHORT"))


def check(tflite: bytes, seed: int) -> int:
    """Every family, in whole tensors and with less memory. Returns how many images are of strips."""
    optimize = ("speed", "size")[seed % 2]
    whole = [compile_tflite(tflite, family=family, optimize=optimize) for family in FAMILIES]
    limited = [(each, less) for each in whole for less in with_less_memory(tflite, each, optimize, seed)]
    assert_images_equal(tflite, samples_for(tflite, 6, seed=seed), [*whole, *(less for _, less in limited)])
    return sum(len(less.operators) > len(each.operators) for each, less in limited)


@pytest.mark.long
def test_graphs_with_less_memory() -> None:
    assert sum(check(tall_graph(seed), seed) for seed in range(8)) >= 1
    for seed in range(6):
        check(random_graph(seed), seed)


@pytest.mark.long
def test_graphs_with_less_memory_at_length() -> None:
    for seed in range(8, 30 if SHORT else 1000):
        check(tall_graph(seed), seed)
        check(random_graph(seed), seed)


def every_strips(program: Program) -> Iterator[Program]:
    """Cut every stage at every height."""
    for first in range(len(program.operators)):
        for stage in stages(program, first):
            if stage.first == first:
                cut = (in_strips(program, stage, rows) for rows in range(1, program.tensors[stage.output].dims[1]))
                yield from (made for made in cut if made is not None)


def check_every_stage(tflite: bytes, family: str) -> int:
    """Compare strips with whole tensors, on inputs as many as the model has. Returns how many were tried."""
    program = choose(find_choices(compile_program(tflite), family), "speed")
    random, tried = np.random.default_rng(0), 0
    inputs = [random.integers(-128, 128, program.tensors[number].dims).astype(np.int8) for number in program.inputs]
    expected = TwinModel(compile_tflite(tflite).data).invoke(*inputs)
    for made in every_strips(program):
        tried += 1
        found = TwinModel(whole_image(made, family=family).data).invoke(*inputs)
        for output, answer in zip(found, expected, strict=True):
            np.testing.assert_array_equal(output, answer)
    return tried


@pytest.mark.parametrize("family", FAMILIES)
def test_every_stage_at_every_height(family: str) -> None:
    assert sum(check_every_stage(tall_graph(seed), family) for seed in range(4)) > 20
    assert sum(check_every_stage(two_inputs(seed), family) for seed in range(2)) > 0
