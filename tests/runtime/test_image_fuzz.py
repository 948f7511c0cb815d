# SPDX-License-Identifier: Apache-2.0
"""Images with damaged fields and a right checksum: refused, or run without reading or writing one byte beside image and arena.

The harness (`harness/fuzz.c`) is built with the address and undefined-behaviour sanitizers and ends with an error at the first
fault. Its damage depends on the seed alone.
"""

import os
import re
import subprocess
from pathlib import Path

import pytest
from building import FAMILIES, HARNESS, LEARNER, SANITIZERS, compile_c, sources
from graph_heads import HEADS, INT8_HEADS
from head_image import Feature, Replay, head_image, random_features, random_head, with_learning
from layers import kernel_of, kernels_of, layer, variants
from random_graphs import random_graph
from single_operators import MODELS

from tinytl.bundle.bundle import read_bundle
from tinytl.compiler import compile_bundle, compile_tflite
from tinytl.compiler.variants import VARIANTS
from tinytl.head.layers import Learning
from tinytl_bridge.paths import runtime_dir

pytestmark = pytest.mark.long

SHORT = bool(os.environ.get("TINYTL_SHORT"))
SMALLEST = {name.partition(" ")[0]: name for name in MODELS}
"""One model of each operator, the last in the list."""
SLOWEST, SLOWEST_S = "head: int8: rounds over many pixels", 0.02
"""A damaged image of this one takes 4 ms, of most 0.2 ms, on a busy machine more: the long tests have it."""


def head(*, momentum: float) -> bytes:
    """Two feature tensors, a hidden layer, source samples in the image and a replay buffer."""
    features, labels = random_features(12, 6, 3)
    learning = Learning(momentum=momentum, replays_per_step=2)
    outputs = (Feature(7), Feature(5, 0.1, 4))
    return head_image(
        random_head((12, 5, 3), learning=learning, parts=(7, 5)), outputs=outputs, replay=Replay(features, labels, capacity=4)
    )


def variant(family: str, kind: str, seed: int, kernel: str) -> bytes:
    """An image of one layer, run by one kernel of a family."""
    return variants(layer(kind, seed), family)[kernel].data


IMAGES = {
    "dsp panels s16": lambda: variant("dsp", "conv_2d", 3, "panels s16"),
    "dsp panels s8": lambda: variant("dsp", "pixelwise", 1, "panels s8"),
    "dsp winograd 2": lambda: variant("dsp", "conv_2d_3x3", 0, "winograd 2×2"),
    "dsp winograd 4": lambda: variant("dsp", "conv_2d_3x3", 1, "winograd 4×4"),
    "dsp row pairs": lambda: variant("dsp", "depthwise", 0, "row pairs"),
    "dsp taps": lambda: variant("dsp", "depthwise_windows", 1, "taps"),
    "dsp dense": lambda: variant("dsp", "fully_connected", 2, "panels s16"),
    "dsp dense s8": lambda: variant("dsp", "fully_connected", 5, "panels s8"),
    "dsp tables": lambda: variant("dsp", "add", 0, "tables"),
    "dsp pool": lambda: variant("dsp", "average_pool", 0, "words"),
    "dsp mean": lambda: variant("dsp", "mean", 0, "words"),
    "mve pool": lambda: variant("mve", "average_pool", 2, "mve sums"),
    "mve mean": lambda: variant("mve", "mean", 2, "mve sums"),
    "mve blocks": lambda: variant("mve", "conv_2d", 3, "mve blocks"),
    "mve pixels": lambda: variant("mve", "pixelwise", 1, "mve blocks"),
    "mve lanes": lambda: variant("mve", "depthwise", 1, "mve lanes"),
    "mve lanes of a row": lambda: variant("mve", "depthwise", 0, "mve lanes of a row"),
    "mve dense": lambda: variant("mve", "fully_connected", 2, "mve blocks"),
    "mve tables": lambda: variant("mve", "add", 0, "mve tables"),
    **{kind: lambda name=name: compile_tflite(MODELS[name]()).data for kind, name in SMALLEST.items()},
    **{f"graph {seed}": lambda seed=seed: compile_tflite(random_graph(seed)).data for seed in (3, 7, 21)},
    "head": lambda: head(momentum=0.0),
    "head with momentum": lambda: head(momentum=0.9),
    **{f"head: {name}": lambda each=each: head_image(each) for name, each in (HEADS | INT8_HEADS).items()},
    "head with Adam": lambda: head_image(with_learning(HEADS["inverted residual"], optimizer="adam", accumulation=3, clip_norm=1.0)),
}


@pytest.fixture(scope="module")
def harness(tmp_path_factory: pytest.TempPathFactory) -> Path:
    every_family = runtime_dir() / "twin/every_family.c"
    files = [HARNESS / "fuzz.c", every_family, *sources("ground", "image", "kernels/portable", *FAMILIES, *LEARNER)]
    return compile_c(tmp_path_factory.mktemp("fuzz") / "fuzz", files, "-std=c99", "-Og", "-g1", *SANITIZERS)


def fuzz(harness: Path, image: bytes, rounds: int, seed: int) -> tuple[int, int]:
    """Return how many damaged images were taken and refused."""
    path = harness.with_name("image.tlim")
    path.write_bytes(image)
    command = [str(harness), str(path), str(rounds), str(seed)]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=300 + rounds * SLOWEST_S, check=False)
    assert ran.returncode == 0, f"{' '.join(command)}: {ran.stderr[:3000]}"
    counts = re.fullmatch(r"taken (\d+) refused (\d+)\n", ran.stdout)
    assert counts
    return int(counts[1]), int(counts[2])


@pytest.mark.parametrize("name", [name for name in IMAGES if name != SLOWEST])
def test_damaged_fields(harness: Path, name: str) -> None:
    taken, refused = fuzz(harness, IMAGES[name](), 3000, 1)
    assert refused > 300, "the damage does not reach what is checked"
    assert taken > 30, "nothing damaged was run"


@pytest.mark.parametrize("family", ["dsp", "mve"])
def test_an_image_of_every_kernel_of_a_family_is_damaged(family: str) -> None:
    damaged = {kernel_of(IMAGES[name]()) for name in IMAGES if name.startswith(f"{family} ")}
    assert not [VARIANTS[key].name for key in kernels_of(family) - damaged], "not in IMAGES"


def test_damaged_bundle(harness: Path, tiny_bundle: Path) -> None:
    """A whole extractor with the head that learns behind it."""
    taken, refused = fuzz(harness, compile_bundle(read_bundle(tiny_bundle)).data, 2000, 4)
    assert taken > 20 and refused > 200


@pytest.mark.long
def test_damaged_bundle_at_length(harness: Path, tiny_bundle: Path) -> None:
    fuzz(harness, compile_bundle(read_bundle(tiny_bundle)).data, 20_000 if SHORT else 500_000, 5)


@pytest.mark.long
@pytest.mark.parametrize("name", IMAGES)
def test_damaged_fields_at_length(harness: Path, name: str) -> None:
    fuzz(harness, IMAGES[name](), 10_000 if SHORT else 2_000_000, 2)


@pytest.mark.long
@pytest.mark.parametrize("name", MODELS)
def test_every_model_of_one_operator(harness: Path, name: str) -> None:
    fuzz(harness, compile_tflite(MODELS[name]()).data, 3_000 if SHORT else 200_000, 3)
