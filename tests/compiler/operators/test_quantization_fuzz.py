# SPDX-License-Identifier: Apache-2.0
"""Working models with another quantization (`redrawn_quantization`): every output, and every layer's, equals LiteRT's, byte for byte,
with the kernels of every family, or the model is refused by name.

Sums go where no calibration would let them: they wrap, all saturate, or vanish. Every day a few models; `make test-long SHORT=1` 400
and `make test-long` 6,000, the seed fixed but for the last.
"""

import os
from functools import cache
from random import randrange

import pytest
from keras_operators import FUNCTIONS, KERAS, tflite_of
from parity import assert_images_equal, assert_layers_equal, samples_for
from random_graphs import random_graph
from redrawn_quantization import redrawn
from tall_graphs import tall_graph

from tinytl.compiler import compile_tflite
from tinytl.compiler.records import FAMILIES
from tinytl.errors import CompileError, ModelError

SHORT = bool(os.environ.get("TINYTL_SHORT"))
OPERATORS = [name for name in (*KERAS, *FUNCTIONS) if name != "unit normalization"]
"""Keras's own models of one operator, but for the one that is refused as it is."""
START = 0 if SHORT else randrange(1 << 30)
"""A failure names its seed."""
REFUSED = (
    "expected less than 2^30: scales of one model lie closer",
    "steps of the output; expected less than 2^31",  # a fully connected layer
    "500,000 times smaller than its inputs'",  # ADD and SUB
    "does not fit 32 bits",  # the bound of a fused activation
    "expected finite ones less than 2^22",  # LEAKY_RELU
    "is more than 128 times smaller than the input's",  # HARD_SWISH
    "expected less than 192",  # HARD_SWISH
    "expected more than 2^-26",  # SOFTMAX
    "expected the same",  # what only moves bytes, whose tensors of one scale a fixed one parted
    "expected 1/",  # LOGISTIC, TANH
    "for which the reference kernel has a tanh",  # an LSTM's cell state
)
"""The texts of what is refused by name."""
LITERT_REFUSES = "scale_diff / output_scale <= 0.02"
"""A bias's scale is a float: where the output's is 300,000 times smaller, LiteRT finds it too far from its product."""


def equal_or_refused(tflite: bytes, seed: int, *, layers: bool) -> bool:
    """Tell whether the model ran, and did so as LiteRT does; layers: layer by layer too, where each is one operator of an image."""
    optimize = ("speed", "size", "balanced")[seed % 3]
    try:
        images = [compile_tflite(tflite, family=family, optimize=optimize) for family in FAMILIES]
    except CompileError as error:
        if any(text in str(error) for text in REFUSED):
            return False
        raise
    samples = samples_for(tflite, 8, seed=seed)
    try:
        assert_images_equal(tflite, samples, images)
    except ModelError as error:
        if LITERT_REFUSES in str(error):
            return False
        raise
    for family in FAMILIES if layers else ():
        assert_layers_equal(tflite, samples[:4], family=family, optimize=optimize)
    return True


def check_graphs(start: int, count: int) -> None:
    """Random graphs of one to five layers and a few more; nine in ten have to run."""
    ran = 0
    for seed in range(start, start + count):
        graph = (random_graph if seed % 2 else tall_graph)(seed, length=1 + seed % 5)
        try:
            ran += equal_or_refused(redrawn(graph, seed), seed, layers=True)
        except (AssertionError, CompileError, ModelError) as error:
            raise AssertionError(f"graph of seed {seed}: {error}") from error
    assert ran >= 0.9 * count


@cache
def of_operator(name: str) -> bytes:
    return tflite_of(name)


def check_operator(name: str, start: int, count: int) -> None:
    """One of Keras's operators; some of its quantizations have to run."""
    ran = 0
    for seed in range(start, start + count):
        try:
            ran += equal_or_refused(redrawn(of_operator(name), seed), seed, layers=False)
        except (AssertionError, CompileError, ModelError) as error:
            raise AssertionError(f"{name}, seed {seed}: {error}") from error
    assert ran


def test_redrawing_is_a_function_of_the_seed_and_keeps_the_layers() -> None:
    tflite = random_graph(1)
    assert redrawn(tflite, 5) == redrawn(tflite, 5) != redrawn(tflite, 6)
    assert len(redrawn(tflite, 5)) == len(tflite) and redrawn(tflite, 5) != tflite


def test_random_graphs() -> None:
    check_graphs(1000, 24)


@pytest.mark.long
@pytest.mark.parametrize("block", range(4 if SHORT else 60))
def test_random_graphs_at_length(block: int) -> None:
    check_graphs(START + 100 * block, 100)


@pytest.mark.long
@pytest.mark.parametrize("name", OPERATORS)
def test_operators_at_length(name: str) -> None:
    pytest.importorskip("tensorflow", reason="needs tinytl[host]")
    check_operator(name, START, 6 if SHORT else 100)
