# SPDX-License-Identifier: Apache-2.0
"""Models of one operator with damaged bytes: refused in words, or compiled to an image that the runtime takes."""

import os

import numpy as np
import pytest
from single_operators import MODELS

from tinytl.compiler import compile_tflite
from tinytl.errors import TinytlError
from tinytl_bridge.twin import check_image

SHORT = bool(os.environ.get("TINYTL_SHORT"))


def damage(name: str, rounds: int, seed: int) -> None:
    random, model = np.random.default_rng(seed), MODELS[name]()
    for _ in range(rounds):
        changed = bytearray(model)
        for _ in range(int(random.integers(1, 4))):
            changed[int(random.integers(8, len(changed)))] = int(random.choice([0, 1, 2, 3, 127, 128, 255, random.integers(256)]))
        try:
            image = compile_tflite(bytes(changed))
        except TinytlError:
            continue
        check_image(image.data)


@pytest.mark.parametrize("name", MODELS)
def test_damaged_models(name: str) -> None:
    damage(name, 60, 1)


@pytest.mark.long
@pytest.mark.parametrize("name", MODELS)
def test_damaged_models_at_length(name: str) -> None:
    damage(name, 500 if SHORT else 10_000, 2)
