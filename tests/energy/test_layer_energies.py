# SPDX-License-Identifier: Apache-2.0
"""Rows of layers add up to the energy models of the whole: for bundles exactly, for Keras models to what their cut counts."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import tinytl_models
from tinytl import energy
from tinytl.bundle.bundle import read_bundle
from tinytl.bundle.shipped import find_bundle
from tinytl.cutting.keras_cut import cut, list_plans
from tinytl.errors import BenchError, ModelError
from tinytl.model_file import compile_model, read_model
from tinytl.training.run_folder import Run
from tinytl_bench.energy import of_model
from tinytl_bench.energy.counts import compiled_layers
from tinytl_bench.energy.keras_counts import _by_shapes, keras_layers
from tinytl_bench.energy.layers import NOTHING, LayerWork, price_full, priced, whole
from tinytl_bench.figures import work_of


@pytest.fixture(scope="module")
def ds_cnn() -> Any:
    return tinytl_models.build("ds-cnn", input_shape=(28, 28, 1), classes=10)


def test_a_bundles_rows_add_up_to_the_models_of_the_whole() -> None:
    model = read_model(find_bundle("digits"))
    image = compile_model(model)
    work, layers = work_of(model.bundle, image), compiled_layers(model.bundle, image)
    assert whole(layers, work.replays) == work
    report = of_model("digits")
    assert report.inference_nj == pytest.approx(energy.full_inference_nj(work))
    assert report.taught_nj == pytest.approx(energy.full_taught_sample_nj(work))
    board = of_model("digits", energy_model="board:nucleo-l4r5zi")
    calibration = energy.Calibration(579.9, "the same")
    assert board.inference_nj == pytest.approx(energy.calibrated_inference_nj(work, calibration))


def test_forward_backward_update_and_memory_by_their_definition() -> None:
    model = read_model(find_bundle("digits"))
    (dense,) = [layer for layer in compiled_layers(model.bundle, compile_model(model)) if layer.trains]
    forward, backward, update, memory = price_full(dense)
    parameters = 288 * 10 + 10
    assert forward == pytest.approx(2880 * 4.6 / 1000)
    assert backward == forward  # the gradients of weights; nothing before them trains
    assert update == pytest.approx(2 * parameters * 5 / 1000)
    assert memory == pytest.approx(parameters * 5 / 1000)


def test_int8_weights_are_counted_as_the_whole_counts_them() -> None:
    bundle = read_bundle(find_bundle("digits"))
    head = replace(bundle.head, learning=replace(bundle.head.learning, weights="int8"))
    quantized = replace(bundle, head=head)
    image = compile_model(quantized)
    assert whole(compiled_layers(quantized, image), head.learning.replays_per_step) == work_of(quantized, image)
    assert work_of(quantized, image).parameters < head.parameter_count / 3


def test_a_keras_model_counts_what_its_cut_counts(ds_cnn: Any) -> None:
    for plan in list_plans(ds_cnn):
        layers, learnable = keras_layers(ds_cnn, plan)
        parts, work = cut(ds_cnn, plan), whole(layers, 0)
        assert learnable, plan
        assert (work.frozen_macs, work.trainable_macs, work.gradient_macs) == (
            parts.frozen_macs, parts.trainable_macs, parts.head.gradient_macs), plan  # fmt: skip
        assert (work.parameters, work.trained) == (parts.head.parameter_count, parts.head.trained_count), plan


@pytest.mark.parametrize("plan", ["last-dense", "fc+conv1", "fc+conv2", "fc+conv4", "bias-only", "bias+last-dense"])
def test_counting_from_shapes_alone_finds_the_same(ds_cnn: Any, plan: str) -> None:
    from tinytl.cutting.plan_names import parse_plan, trained_calls
    from tinytl.keras_graph import flatten

    graph = flatten(ds_cnn)
    work, head = whole(_by_shapes(graph, trained_calls(graph, parse_plan(plan)), parse_plan(plan)), 0), cut(ds_cnn, plan).head
    assert (work.trainable_macs, work.gradient_macs, work.parameters, work.trained) == (
        head.macs, head.gradient_macs, head.parameter_count, head.trained_count)  # fmt: skip


def test_frozen_layers_of_a_keras_model_are_near_what_the_compiler_counts(ds_cnn: Any) -> None:
    layers, _ = keras_layers(ds_cnn, "last-dense")
    model = read_model(find_bundle("digits"))
    counted = whole([layer for layer in layers if not layer.trains], 0)
    compiled = work_of(model.bundle, compile_model(model))
    assert counted.frozen_macs == compiled.frozen_macs
    assert counted.constant_bytes == pytest.approx(compiled.constant_bytes, rel=0.05)
    assert counted.activation_bytes == pytest.approx(compiled.activation_bytes, rel=0.05)


def test_a_layer_without_work_costs_nothing() -> None:
    (row,) = priced([LayerWork("flatten", "Flatten", False, NOTHING)], price_full)
    assert row.inference_nj == row.learned_nj == 0


@pytest.mark.parametrize(
    ("arguments", "kind", "text"),
    [
        ({"model": "digit"}, ModelError, r"no model 'digit'; expected a file, a run, a shipped bundle \(digits\), .*did you mean digits\?"),
        ({"model": "digits", "plan": "fc"}, ModelError, "plan 'fc' for digits, which is cut already; expected a plan with a Keras model"),
        ({"model": "digits", "classes": 5}, ModelError, "digits has its own shape and classes; expected --classes and --input with the name"),
        ({"model": "ds-cnn", "plan": "fc+conv99"}, ModelError, "it has 7 convolutions; expected 99 or more"),
        ({"model": "digits", "energy_model": "half"}, BenchError, "energy model 'half'; expected thesis, full or one of board:nucleo-"),
        ({"model": "digits", "energy_model": "board:nucleo-l4"}, BenchError,
         r"no published energy of board 'nucleo-l4' is stored; expected nucleo-h7a3zi-q, (?s:.*)hint: --model board:nucleo-l4r5zi"),
    ],
)  # fmt: skip
def test_what_it_refuses(arguments: dict[str, Any], kind: type[Exception], text: str) -> None:
    with pytest.raises(kind, match=f"(?s){text}"):
        of_model(**arguments)


def test_a_file_a_run_and_a_tflite_are_counted_as_what_they_are(tiny_run: Run, tiny_model: Any, tmp_path: Path) -> None:
    tiny_model.save(tmp_path / "tiny.keras")
    found = {kind: of_model(path) for kind, path in (("keras", tmp_path / "tiny.keras"), ("run", tiny_run.path))}
    assert [report.kind for report in found.values()] == ["keras", "run"]
    assert found["keras"].layers == found["run"].layers and found["run"].plan == "last-dense"
    (tmp_path / "digits.tflite").write_bytes(read_bundle(find_bundle("digits")).extractor)
    report = of_model(tmp_path / "digits.tflite")
    assert (report.kind, report.taught_nj, report.retraining) == ("tflite", None, None)
    whole_bundle = [layer for layer in of_model("digits").layers if not layer.trains]
    assert report.inference_nj == pytest.approx(sum(layer.inference_nj for layer in whole_bundle))
    assert report.assumptions[0] == "a .tflite trains nothing: tinytl export gives it a head"
    with pytest.raises(BenchError, match="model thesis is of what trains, and of digits nothing does; expected model full or board:NAME"):
        of_model(tmp_path / "digits.tflite", energy_model="thesis")


def test_a_part_of_a_convolutions_channels(ds_cnn: Any) -> None:
    layers, _ = keras_layers(ds_cnn, "fc+conv1:25%")
    parts = cut(ds_cnn, "fc+conv1:25%")
    names = [layer.name for layer in layers]
    assert [name for name in names if name.endswith("_frozen")] == ["pointwise3_frozen"]
    assert whole(layers, 0).frozen_macs == parts.frozen_macs and whole(layers, 0).trained == parts.head.trained_count
