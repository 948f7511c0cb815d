# SPDX-License-Identifier: Apache-2.0
"""Keras is asked for once, in one place, and what is missing says how to get it."""

import os
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tinytl import install_hint
from tinytl.cutting.macs import layer_macs
from tinytl.errors import ModelError
from tinytl.keras_graph import flatten
from tinytl.keras_models import load_model, quiet, require_keras
from tinytl.training.run_folder import Run

keras = pytest.importorskip("keras", reason="needs tinytl[host]")
layers = keras.layers


def test_a_missing_tensorflow_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tensorflow", None)
    with pytest.raises(ModelError) as caught:
        require_keras()
    text = f"this stage trains or converts models and tensorflow is not installed\nhint: {install_hint.with_extra('host')}"
    assert str(caught.value) == text


def test_another_backend_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keras.backend, "backend", lambda: "jax")
    with pytest.raises(ModelError) as caught:
        require_keras()
    assert str(caught.value) == "Keras runs on 'jax'; expected 'tensorflow'\nhint: export KERAS_BACKEND=tensorflow"


def test_a_saved_model_comes_back(tiny_run: Run, tiny_model: Any) -> None:
    again = load_model(tiny_run.model_path)
    assert all(np.array_equal(a, b) for a, b in zip(again.get_weights(), tiny_model.get_weights(), strict=True))


def test_files_that_are_no_model_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError) as caught:
        load_model(tmp_path / "none.keras")
    text = f"no model at {tmp_path / 'none.keras'}; expected a .keras file\nhint: tinytl pretrain makes one"
    assert str(caught.value) == text
    (tmp_path / "bad.keras").write_bytes(b"nothing")
    with pytest.raises(ModelError, match=r"^bad\.keras cannot be loaded: .*; expected a model saved by Keras 3$"):
        load_model(tmp_path / "bad.keras")


def test_quiet_silences_the_process_and_gives_stderr_back(capfd: pytest.CaptureFixture[str]) -> None:
    def fail_chattering() -> None:
        with quiet():
            os.write(2, b"chatter")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail_chattering()
    os.write(2, b"after")
    assert capfd.readouterr().err == "after"


def test_a_shared_layer_is_copied_once() -> None:
    image = keras.Input((4, 4, 2))
    shared = layers.Conv2D(2, 1, name="shared")
    graph = flatten(keras.Model(image, shared(shared(image))))
    assert graph.calls[0].layer is graph.calls[1].layer is not shared
    assert [call.inputs[0] is graph.input for call in graph.calls] == [True, False]


@pytest.mark.parametrize(
    ("layer", "shape", "macs"),
    [
        (lambda: layers.Dense(5), (7,), 35),
        (lambda: layers.Dense(5), (3, 7), 105),
        (lambda: layers.Conv1D(4, 3, padding="same"), (10, 2), 10 * 3 * 2 * 4),
        (lambda: layers.Conv2D(8, 3, strides=2, padding="same", groups=2), (9, 9, 4), 25 * 9 * 2 * 8),
        (lambda: layers.DepthwiseConv2D(3, depth_multiplier=2), (6, 6, 4), 16 * 9 * 8),
        (lambda: layers.Conv2DTranspose(3, 2, strides=2), (4, 4, 2), 16 * 4 * 2 * 3),
        (lambda: layers.BatchNormalization(), (4, 4, 2), 0),
    ],
)
def test_macs_are_positions_times_weights(layer: Any, shape: tuple[int, ...], macs: int) -> None:
    made = layer()
    tensor = keras.Input(shape)
    assert layer_macs(made, tensor.shape, made(tensor).shape) == macs
