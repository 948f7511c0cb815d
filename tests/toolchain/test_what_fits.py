# SPDX-License-Identifier: Apache-2.0
"""Which plans of which models fit which RAM: the figures of README and docs/measured.md, with a replay buffer where one is named."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import cut_models
import numpy as np
import pytest

import tinytl_models
from tinytl.bundle.bundle import Bundle
from tinytl.compiler import compile_bundle
from tinytl.cutting.keras_cut import list_plans
from tinytl.data.dataset import Dataset
from tinytl.exporting.export import export_model
from tinytl.head.learning import Learning
from tinytl_bridge import connect
from tinytl_bridge.firmware.boards import load_board

keras = pytest.importorskip("keras", reason="needs tinytl[host]")
KB = 1024
BESIDE = 16 * KB
"""RAM of the firmware beside its arena: 8 KB of stack, 8 KB of variables."""


def mobilenet() -> Any:
    """MobileNetV1 of width 0.25 for images of 96×96, two classes."""
    base = keras.applications.MobileNet(input_shape=(96, 96, 3), alpha=0.25, weights=None, include_top=False, pooling="avg")
    return keras.Model(base.input, keras.layers.Dense(2, name="logits")(base.output))


def resnet() -> Any:
    """ResNet-8 at its published size."""
    return cut_models.residual(32, (16, 32, 64), 10)


def zoo(name: str) -> Callable[[], Any]:
    return lambda: tinytl_models.build(name, input_shape=tinytl_models.card(name).default_shape, classes=10)


def bundle_of(model: Any, plan: str, folder: Path, *, weights: str, replay_buffer_bytes: int = 0) -> Bundle:
    """Export a model with random weights: sizes do not depend on them."""
    shape, classes = model.input_shape[1:], model.output_shape[-1]
    images = np.random.default_rng(1).integers(0, 256, (32, *shape)).astype(np.uint8)
    labels = np.arange(32) % classes
    dataset = Dataset("noise", images, labels, images[:8], labels[:8], tuple(str(number) for number in range(classes)))
    learning = Learning(replays_per_step=1 if replay_buffer_bytes else 0, replay_buffer_bytes=replay_buffer_bytes, weights=weights)
    return export_model(
        model, dataset, plan=plan, out=folder / "m.tinytl", model_name="m", value_range=(0.0, 1.0), learning=learning, replay_samples=0
    )


def arena_of(model: Any, plan: str, folder: Path, **settings: Any) -> int:
    return compile_bundle(bundle_of(model, plan, folder, **settings), family="dsp").arena_bytes


@pytest.mark.long
def test_every_plan_of_the_demos_net_fits_128_kb(tmp_path: Path) -> None:
    """On the emulated board, with 3 KB of replay buffer."""
    model, limit = zoo("ds-cnn")(), load_board("mps2-an386").memory.arena_bytes
    assert limit == 128 * KB - BESIDE
    plans = list_plans(model)
    arenas = {plan: arena_of(model, plan, tmp_path, weights="float32", replay_buffer_bytes=3 * KB) for plan in plans}
    assert {"last-dense", "fc+conv1", "fc+conv1:25%", "all", "bias-only", "bias+last-dense"} <= set(plans)
    assert max(arenas.values()) <= limit, arenas


FITS = [
    ("thesis-small", "last-dense", "float32", 50_416, 128),
    ("resnet-8", "fc+conv1", "float32", 189_616, 256),
    ("resnet-8", "fc+conv1", "int8", 77_104, 128),
    ("resnet-8", "fc+conv1:25%", "float32", 78_832, 128),
    ("mobilenet-v1-0.25", "fc+conv1", "float32", 309_520, 512),
    ("mobilenet-v1-0.25", "fc+conv1", "int8", 111_376, 128),
    ("mobilenet-v1-0.25", "fc+conv1:25%", "float32", 112_144, 128),
    ("thesis-small", "fc+conv1", "float32", 1_689_840, 2048),
    ("thesis-small", "fc+conv1", "int8", 457_200, 640),
]
MODELS = {"thesis-small": zoo("thesis-small"), "resnet-8": resnet, "mobilenet-v1-0.25": mobilenet}


EVERYDAY = {("thesis-small", "last-dense", "float32"), ("resnet-8", "fc+conv1", "int8")}
EACH = [pytest.param(*fit, marks=() if fit[:3] in EVERYDAY else pytest.mark.long) for fit in FITS]


@pytest.mark.parametrize(("name", "plan", "weights", "arena", "kilobytes"), EACH)
def test_fits(name: str, plan: str, weights: str, arena: int, kilobytes: int, tmp_path: Path) -> None:
    """arena: as README and docs/measured.md tell it, without replay."""
    found = arena_of(MODELS[name](), plan, tmp_path, weights=weights)
    assert found == pytest.approx(arena, rel=0.01)
    assert found <= kilobytes * KB - BESIDE


@pytest.mark.long
def test_the_thesis_net_learns_its_last_convolution_in_640_kb(tmp_path: Path) -> None:
    """411,146 numbers in int8, 1.6 MB as floats: on the emulated Cortex-M7 with 640 KB, byte for byte as on the twin."""
    bundle = bundle_of(zoo("thesis-small")(), "fc+conv1", tmp_path, weights="int8")
    images = np.random.default_rng(2).integers(0, 256, (3, 32, 32, 3)).astype(np.uint8)
    heads = []
    for target in ("host", "qemu:mps2-an500"):
        with connect(target, state_dir=tmp_path / target.replace(":", "-")) as device:
            device.flash(bundle)
            factory = device.head_parameters().tobytes()
            device.teach(images, np.array([0, 3, 9]))
            heads.append(device.head_parameters().tobytes())
    assert bundle.head.trained_count == 411_146
    assert len(heads[0]) < 412_000
    assert heads[0] == heads[1]
    assert heads[0] != factory
