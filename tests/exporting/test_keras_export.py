# SPDX-License-Identifier: Apache-2.0
"""A trained .keras file becomes a bundle as it is: the range of its input is measured, or read off its first layer, or asked for."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result

from tiny_task import tiny_task
from tinytl.bundle.bundle import read_bundle
from tinytl.data.dataset import Dataset
from tinytl.data.preprocess import fit_samples
from tinytl.errors import ModelError
from tinytl.exporting.export import export
from tinytl.training.input_range import declared_range, find_range
from tinytl_cli import cli

keras = pytest.importorskip("keras", reason="needs tinytl[host]")


def rescaled(model: Any) -> Any:
    """Put Rescaling in front of a model that takes 0 … 1: it takes pixels."""
    return keras.Sequential([keras.Input((12, 12, 1)), keras.layers.Rescaling(1 / 255), *model.layers])


def normalized(model: Any) -> Any:
    """The same with Normalization; a mean of 0 keeps the model's weights right."""
    return keras.Sequential([keras.Input((12, 12, 1)), keras.layers.Normalization(mean=0.0, variance=255.0**2), *model.layers])


def adapted(model: Any) -> Any:
    """The same, with what `adapt` learned of data whose mean is 0 and whose deviation is 255."""
    layer = keras.layers.Normalization()
    made = keras.Sequential([keras.Input((12, 12, 1)), layer, *model.layers])
    layer.adapt(np.array([-255.0, 255.0], np.float32).repeat(144).reshape(2, 12, 12, 1))
    return made


def as_it_is(model: Any) -> Any:
    return model


def untrained(model: Any) -> Any:
    """Weights that know nothing."""
    keras.utils.set_random_seed(5)
    return keras.models.clone_model(model)


def accuracy(model: Any, dataset: Dataset, value_range: tuple[float, float]) -> float:
    x = fit_samples(dataset.x_test, shape=(12, 12, 1), value_range=value_range)
    return float(np.mean(np.asarray(model(x)).argmax(axis=1) == dataset.y_test))


@pytest.mark.parametrize(
    ("changed", "value_range"),
    [
        (as_it_is, (0.0, 1.0)),
        pytest.param(adapted, (0.0, 255.0), marks=pytest.mark.long),
        *(pytest.param(each, (0.0, 255.0), marks=pytest.mark.long) for each in (rescaled, normalized)),
    ],
)
def test_the_bundle_answers_as_keras_does(
    tiny_model: Any, tiny_dataset: Dataset, tmp_path: Path, changed: Callable[[Any], Any], value_range: tuple[float, float]
) -> None:
    from tinytl_bridge import connect

    model = changed(tiny_model)
    model.save(tmp_path / "mine.keras")
    bundle = export(tmp_path / "mine.keras", dataset=tiny_dataset, out=tmp_path / "mine.tinytl", replay_samples=20)
    wanted = accuracy(model, tiny_dataset, value_range)
    assert wanted > 0.9
    source = bundle.manifest["source"]
    assert bundle.manifest["model"] == "mine"
    assert tuple(bundle.manifest["preprocessing"]["range"]) == value_range
    assert bundle.manifest["warnings"] == []
    assert source["accuracy_float"] == pytest.approx(wanted)
    assert source["accuracy_int8"] == pytest.approx(wanted, abs=0.03)
    with connect("host", state_dir=tmp_path / "state") as device:
        device.flash(read_bundle(tmp_path / "mine.tinytl"))
        assert device.evaluate(tiny_dataset.x_test, tiny_dataset.y_test).accuracy == pytest.approx(source["accuracy_int8"])


def test_weights_are_those_of_the_file(tiny_model: Any, tiny_dataset: Dataset, tmp_path: Path) -> None:
    tiny_model.save(tmp_path / "mine.keras")
    bundle = export(tmp_path / "mine.keras", dataset=tiny_dataset, out=tmp_path / "mine.tinytl", replay_samples=0)
    kernel, bias = tiny_model.get_layer("classes").get_weights()
    np.testing.assert_array_equal(bundle.head.layers[0].weights, kernel.T)
    np.testing.assert_array_equal(bundle.head.layers[0].bias, bias)


def test_a_wrong_range_is_told(tiny_model: Any, tiny_dataset: Dataset) -> None:
    found = find_range(rescaled(tiny_model), tiny_dataset, name="mine", given=(0.0, 1.0))
    assert found.value_range == (0.0, 1.0)
    (warning,) = found.warnings
    assert re.fullmatch(r"--input-range 0:1 gives [1-5]\d\.\d % of 500 samples right, 0:255 gives \d+\.\d %", warning)
    assert find_range(tiny_model, tiny_dataset, name="mine", given=(0.0, 1.0)).warnings == ()
    (as_right,) = find_range(tiny_model, tiny_dataset, name="mine", given=(0.0, 255.0)).warnings
    assert as_right.endswith(" %"), "surer of all that it says, and right: all the same not what it was trained with"


def test_a_range_that_cannot_be_told_is_asked_for(tiny_model: Any, tiny_dataset: Dataset) -> None:
    with pytest.raises(ModelError) as refused:
        find_range(untrained(tiny_model), tiny_dataset, name="mine")
    text = str(refused.value)
    assert text.startswith("the input range of 'mine' cannot be told from 500 samples of 'tiny': 0:1 gives ")
    assert text.endswith(
        " % right; expected one that is clearly best\n"
        "hint: --input-range LOW:HIGH says what pixels 0 and 255 become, as when the model was trained"
    )


def test_the_first_layer_tells_the_range_of_a_model_that_knows_nothing(tiny_model: Any, tiny_dataset: Dataset) -> None:
    found = find_range(untrained(rescaled(tiny_model)), tiny_dataset, name="mine")
    assert found.value_range == (0.0, 255.0)
    assert found.warnings[0].startswith("input range 0:255 is assumed, as the model's first layer is made for it: 0:1 gives ")


@pytest.mark.parametrize(
    ("layer", "wanted"),
    [
        (keras.layers.Rescaling(1 / 255), (0.0, 255.0)),
        (keras.layers.Rescaling(1 / 127.5, offset=-1.0), (0.0, 255.0)),
        (keras.layers.Rescaling(2.0, offset=-1.0), (0.0, 1.0)),
        (keras.layers.Rescaling(0.2), None),
        (keras.layers.Normalization(mean=60.0, variance=70.0**2), (0.0, 255.0)),
        (keras.layers.Normalization(mean=0.25, variance=0.3**2), (0.0, 1.0)),
        (keras.layers.BatchNormalization(), None),
    ],
)
def test_what_a_first_layer_is_made_for(layer: Any, wanted: tuple[float, float] | None, tiny_dataset: Dataset) -> None:
    layer = type(layer).from_config(layer.get_config())
    model = keras.Sequential([keras.Input((12, 12, 1)), layer, keras.layers.Flatten(), keras.layers.Dense(4)])
    assert declared_range(model, tiny_dataset.x_train) == wanted
    assert declared_range(model, tiny_dataset.x_train.astype(np.float32)) is None


def test_pretraining_goes_on_with_the_range_of_the_first_layer(tiny_model: Any, tmp_path: Path) -> None:
    from tinytl.training.pretraining import pretrain

    dataset = tiny_task("few", seed=2, train=60, test=20)
    rescaled(tiny_model).save(tmp_path / "mine.keras")
    run = pretrain(tmp_path / "mine.keras", dataset, tmp_path / "run", epochs=1, learning_rate=1e-6, augment=False)
    assert (run.value_range, run.accuracy > 0.9) == ((0.0, 255.0), True)


def data_file(folder: Path, dataset: Dataset) -> Path:
    splits = {f"{which}_{split}": getattr(dataset, f"{which}_{split}") for which in ("x", "y") for split in ("train", "test")}
    np.savez(folder / "tiny.npz", classes=np.array(dataset.classes), **splits)
    return folder / "tiny.npz"


def command(*arguments: str | Path) -> Result:
    return CliRunner().invoke(cli, list(map(str, arguments)), env={"COLUMNS": "200"})


def test_on_the_command_line(tiny_model: Any, tiny_dataset: Dataset, tmp_path: Path) -> None:
    tiny_model.save(tmp_path / "mine.keras")
    data, out = data_file(tmp_path, tiny_dataset), tmp_path / "mine.tinytl"
    facts = json.loads(command("export", tmp_path / "mine.keras", "--data", data, "-o", out, "--plan", "fc", "--json").stdout)
    assert (facts["input_range"], facts["plan"]) == ("0:1", "fc")
    told = command("export", tmp_path / "mine.keras", "--data", data, "-o", out, "--input-range", "-1:1")
    assert "warning: --input-range -1:1 gives " in told.output and " of 500 samples right, 0:1 gives " in told.output
    assert read_bundle(out).manifest["preprocessing"]["range"] == [-1.0, 1.0]
    rows = {row["plan"] for row in json.loads(command("plans", tmp_path / "mine.keras", "--json").stdout)}
    assert {"last-dense", "fc", "fc+conv1", "all"} <= rows


def test_the_data_is_asked_for(tiny_model: Any, tmp_path: Path) -> None:
    tiny_model.save(tmp_path / "mine.keras")
    refused = command("export", tmp_path / "mine.keras", "-o", tmp_path / "x.tinytl").exception
    assert str(refused) == (
        f"mine.keras names no dataset; expected samples of the source task\nhint: tinytl export {tmp_path / 'mine.keras'} --data NAME|PATH"
    )


@pytest.mark.parametrize("text", ["1:0", "0-1", "0:nan", "-inf:1", "1", "0:1:2"])
def test_what_is_no_range(text: str) -> None:
    refused = command("export", "x.keras", "-o", "x.tinytl", f"--input-range={text}")
    assert refused.exit_code == 2
    assert f"{text!r} is no range; expected LOW:HIGH, e.g. 0:1, -1:1 or 0:255" in refused.output


def test_a_cut_that_is_not_the_model_is_refused(tiny_model: Any, tiny_dataset: Dataset) -> None:
    from tinytl.cutting.cut_check import expect_same_answers
    from tinytl.cutting.keras_cut import cut

    x = fit_samples(tiny_dataset.x_test[:32], shape=(12, 12, 1), value_range=(0.0, 1.0))
    parts = cut(tiny_model, "fc")
    expect_same_answers(tiny_model, parts, x)
    with pytest.raises(
        ModelError, match=r"^extractor and head answer \d+ of 32 samples otherwise than model 'sequential.*'; expected the same"
    ) as refused:
        expect_same_answers(rescaled(tiny_model), parts, x)
    assert "\nhint: replace layers with a state of their own by Rescaling or BatchNormalization" in str(refused.value)
