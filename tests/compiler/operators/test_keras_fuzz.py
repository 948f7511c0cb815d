# SPDX-License-Identifier: Apache-2.0
"""Random Keras models, converted by TensorFlow's own converter: the twin's output equals LiteRT's, byte for byte, with the kernels
of every family, in whole tensors and in strips.

Every day a few, `make test-long SHORT=1` 60 and `make test-long` 2,000; the seed is fixed but for the last.
"""

import os

import pytest
from hypothesis import HealthCheck, Phase, given, reject, settings
from keras_graphs import Recipe, recipes, tflite_of_recipe
from parity import assert_images_equal, samples_for, with_less_memory

from tinytl.compiler import compile_tflite
from tinytl.compiler.records import FAMILIES
from tinytl.errors import CompileError

pytest.importorskip("tensorflow", reason="needs tinytl[host]")

SHORT = bool(os.environ.get("TINYTL_SHORT"))
COMMON = settings(deadline=None, database=None, suppress_health_check=list(HealthCheck), print_blob=False, phases=(Phase.generate,))
"""A recipe says it all: making it smaller would take longer than the run."""


REFUSED = (
    "500,000 times smaller than its inputs'",  # x − x, whose output has the smallest scale there is
    "for which the reference kernel has a tanh",  # an LSTM's cell state within ±0.5
    "NEG version 1",  # whose reference kernel negates the bytes, whatever their zero point
    "expected at most 4 dimensions",  # of an upsampling that the converter takes apart
)
"""What is refused though the converter writes it: the reference has no right answer, or the image no place for it."""


def check(recipe: Recipe) -> None:
    """Every family, with whole tensors and with a little less memory than those need."""
    from tensorflow.lite.python.convert_phase import ConverterError

    try:
        tflite = tflite_of_recipe(recipe)
    except RuntimeError:  # TensorFlow's quantizer gives up on some graphs, without a word
        reject()
    except ConverterError:  # and its converter finds some of what it made invalid: a dense layer's sizes after other rewriting
        reject()
    optimize = ("speed", "size", "balanced")[recipe.seed % 3]
    try:
        whole = [compile_tflite(tflite, family=family, optimize=optimize) for family in FAMILIES]
    except CompileError as error:
        if any(text in str(error) for text in REFUSED):
            return
        raise
    limited = [less for each in whole for less in with_less_memory(tflite, each, optimize, recipe.seed)]
    assert_images_equal(tflite, samples_for(tflite, 12, seed=recipe.seed), [*whole, *limited])


@settings(COMMON, max_examples=3, derandomize=True)
@given(recipes())
def test_random_keras_models(recipe: Recipe) -> None:
    check(recipe)


@pytest.mark.long
@settings(COMMON, max_examples=60 if SHORT else 2000, derandomize=SHORT)
@given(recipes())
def test_random_keras_models_at_length(recipe: Recipe) -> None:
    check(recipe)
