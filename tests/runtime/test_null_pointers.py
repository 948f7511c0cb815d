# SPDX-License-Identifier: Apache-2.0
"""Nothing is added to a null pointer, not even 0, and nothing is copied from one, not even 0 bytes: both are undefined.

The harness (`harness/null_pointers.c`) is built by clang, whose check of pointers sees this, with a trap for every fault.
"""

import subprocess
from pathlib import Path

import pytest
from building import HARNESS, LEARNER, compile_c, sources
from graph_heads import HEADS, INT8_HEADS
from head_image import head_image
from random_graphs import random_graph

from tinytl.compiler import compile_tflite
from tinytl_bridge.paths import runtime_dir

TRAPS = ("-fsanitize=undefined,float-cast-overflow", "-fsanitize-trap=all")
KINDS, INDEXES = 9, 3


@pytest.fixture(scope="module")
def harness(tmp_path_factory: pytest.TempPathFactory) -> Path:
    family = runtime_dir() / "kernels/portable_family.c"
    files = [HARNESS / "null_pointers.c", family, *sources("ground", "image", "kernels/portable", *LEARNER, "link", "store")]
    return compile_c(tmp_path_factory.mktemp("null") / "null_pointers", files, "-std=c99", "-g", *TRAPS, name="clang")


def answered(harness: Path, image: bytes) -> tuple[int, int]:
    """Return how many requests for 0 bytes and for 1 byte were answered."""
    path = harness.with_name("image.tlim")
    path.write_bytes(image)
    ran = subprocess.run([str(harness), str(path)], capture_output=True, text=True, timeout=60, check=False)
    assert ran.returncode == 0, f"ended with {ran.returncode}, a trap if it is negative; `-fsanitize-trap` away tells the line"
    nothing, one = ran.stdout.split()
    return int(nothing), int(one)


@pytest.mark.parametrize("name", [*HEADS, *INT8_HEADS])
def test_heads(harness: Path, name: str) -> None:
    """Also those of which only biases train, so that a layer has no weights to move."""
    nothing, one = answered(harness, head_image((HEADS | INT8_HEADS)[name]))
    assert nothing == KINDS * INDEXES and 0 < one < nothing


def test_model_without_a_head(harness: Path) -> None:
    """READ of a head, its logits and its names finds nothing, and 0 bytes of nothing are an answer."""
    nothing, one = answered(harness, compile_tflite(random_graph(3)).data)
    assert nothing == KINDS * INDEXES and 0 < one < nothing
