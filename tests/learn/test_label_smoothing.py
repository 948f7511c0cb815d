# SPDX-License-Identifier: Apache-2.0
"""Label smoothing (Szegedy et al. 2016): the C code against the formula, finite differences and Keras; over the classes in use; refused with
other losses; from the command line to the image; nothing changes without it."""

import os
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from graph_heads import INT8_HEADS
from head_image import Feature, dequantized, features_of, head_image, head_of, random_features, random_head, with_head, with_learning
from head_reference import ReferenceHead
from teaching import relative_difference, teach_both
from test_gradients import RATE, finite_differences
from test_training_parity import LIMIT, keras_model

from tinytl.bundle.bundle import read_bundle
from tinytl.compiler import compile_bundle, records
from tinytl.errors import CompileError, ModelError
from tinytl.head.layers import Head, Learning, dense_layer
from tinytl.training.run_folder import Run
from tinytl_bridge.twin import TwinModel
from tinytl_cli import cli

CASES = {
    "last-dense": ((64, 10), "none", Learning(0.02, replays_per_step=0, label_smoothing=0.1)),
    "hidden": ((48, 20, 10), "relu", Learning(0.01, replays_per_step=0, label_smoothing=0.3)),
    "adam": ((48, 20, 10), "relu", Learning(0.002, 0.9, replays_per_step=0, optimizer="adam", label_smoothing=0.1)),
    "nearly-all": ((30, 6), "none", Learning(0.02, replays_per_step=0, label_smoothing=0.99)),
}


@pytest.mark.parametrize("name", CASES)
def test_300_steps_agree_with_float64(name: str) -> None:
    widths, activation, learning = CASES[name]
    taught = teach_both(random_head(widths, activation=activation, learning=learning), 300)
    assert relative_difference(taught.twin.parameters, taught.reference.parameters) < LIMIT
    np.testing.assert_allclose(taught.losses, taught.reference_losses, rtol=1e-3, atol=1e-5)
    plain = teach_both(with_learning(taught.reference.head, label_smoothing=0.0), 300)
    assert relative_difference(plain.twin.parameters, taught.reference.parameters) > 100 * LIMIT, "it must make a difference"


@pytest.mark.parametrize("smoothing", [1e-3, 0.1, 0.9])
def test_step_follows_the_gradient_of_the_loss(smoothing: float) -> None:
    head = random_head((11, 9, 5), learning=Learning(RATE, replays_per_step=0, layer_rates="equal", label_smoothing=smoothing), seed=8)
    features, labels = random_features(11, 3, 5, seed=4)
    for sample, label in zip(features, labels, strict=True):
        twin, reference = TwinModel(head_image(head, outputs=(Feature(11, 0.08, 5),))), ReferenceHead(head)
        before = twin.parameters.astype(np.float64)
        twin.invoke(sample[None])
        result = twin.step(int(label))
        x = dequantized(sample, (Feature(11, 0.08, 5),))
        rounding = 2 * np.spacing(np.float32(np.abs(before).max())) / RATE
        np.testing.assert_allclose(
            (before - twin.parameters) / RATE, finite_differences(reference, x, int(label)), rtol=1e-4, atol=rounding
        )
        assert result.loss == pytest.approx(reference.loss(x, int(label)), rel=1e-5, abs=1e-6)


def test_agrees_with_keras() -> None:
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    keras = pytest.importorskip("keras", reason="needs tinytl[host]")
    head = random_head((30, 12, 6), learning=Learning(0.01, replays_per_step=0, layer_rates="equal", label_smoothing=0.1), seed=21)
    features, labels = random_features(30, 300, 6, seed=22)
    twin, model = TwinModel(head_image(head)), keras_model(head)
    x, targets = dequantized(features, features_of(head)).astype(np.float32), np.eye(6, dtype=np.float32)[labels]
    model.compile(optimizer=model.optimizer, loss=keras.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=0.1))
    first = model.evaluate(x[:1], targets[:1], verbose=0)
    model.fit(x, targets, batch_size=1, epochs=1, shuffle=False, verbose=0)
    losses = []
    for sample, label in zip(features, labels, strict=True):
        twin.invoke(sample[None])
        losses.append(twin.step(int(label)).loss)
    weights = model.get_weights()
    found = np.concatenate([part.ravel() for kernel, bias in zip(weights[::2], weights[1::2], strict=True) for part in (kernel.T, bias)])
    assert relative_difference(twin.parameters, found) < LIMIT
    assert losses[0] == pytest.approx(first, rel=1e-5)


def test_probabilities_end_at_the_target() -> None:
    """One sample taught over and over: softmax becomes (1 - s) of its class, and s / K of every class."""
    twin = TwinModel(head_image(random_head((20, 5), learning=Learning(0.01, replays_per_step=0, label_smoothing=0.2))))
    sample = random_features(20, 1, 5)[0]
    for _ in range(500):
        twin.invoke(sample)
        loss = twin.step(3).loss
    twin.invoke(sample)
    powers = np.exp(twin.infer()[1])
    target = np.full(5, 0.04) + 0.8 * np.eye(5)[3]
    np.testing.assert_allclose(powers / powers.sum(), target, atol=1e-3)
    assert loss == pytest.approx(-(target * np.log(target)).sum(), abs=1e-3), "no loss is below the target's entropy"


def test_it_is_over_the_classes_in_use() -> None:
    """Four of seven rows, then five: rows without a class take no part, and the share of each is that of the classes there are."""
    head = random_head((14, 7), learning=Learning(0.01, replays_per_step=0, label_smoothing=0.3))
    twin = TwinModel(head_image(head, class_count=4))
    samples = random_features(14, 2, 4)[0]
    for sample, count, label in ((samples[:1], 4, 2), (samples[1:], 5, 4)):
        twin.invoke(sample)
        if count == 5:
            twin.grow("heron")
        weights, bias = twin.parameters[: 7 * 14].reshape(7, 14).copy(), twin.parameters[7 * 14 :].copy()
        reference = ReferenceHead(Head((dense_layer("dense0", weights, bias),), head.learning), class_count=count)
        expected = reference.step(dequantized(sample[0], features_of(head)), label)
        assert twin.step(label).loss == pytest.approx(expected, rel=1e-5)
        moved = twin.parameters[7 * 14 :]
        np.testing.assert_allclose(moved[:count], reference.biases[0], rtol=1e-5, atol=1e-7)
        np.testing.assert_allclose(twin.parameters[: count * 14].reshape(count, 14), reference.weights[0], rtol=1e-4, atol=1e-6)
        assert (moved[count:] == bias[count:]).all()


@pytest.mark.parametrize("name", [name for name in INT8_HEADS if "dropout" not in name])  # whose logits differ from pass to pass
def test_heads_with_int8_weights_take_it(name: str) -> None:
    """The last layer's bias moves by the rate times softmax minus the smoothed target; it is float32 in any head."""
    head = with_learning(INT8_HEADS[name], label_smoothing=0.25, learning_rate=0.01, layer_rates="equal")
    classes = head.shapes[-1][2]
    twin = TwinModel(head_image(head))
    sample = random_features(head.feature_count, 1, classes)[0][0]
    twin.invoke(*(part[None] for part in np.split(sample, np.cumsum([each.count for each in features_of(head)])[:-1])))
    logits = twin.infer()[1].astype(np.float64)
    before = twin.parameters[-classes:].astype(np.float64)
    result = twin.step(1)
    probability = np.exp(logits - logits.max()) / np.exp(logits - logits.max()).sum()
    target = 0.75 * np.eye(classes)[1] + 0.25 / classes
    np.testing.assert_allclose((before - twin.parameters[-classes:]) / 0.01, probability - target, atol=1e-4)
    assert result.loss == pytest.approx(-(target * np.log(probability)).sum(), rel=1e-4)


@pytest.mark.parametrize("loss", ["sigmoid_cross_entropy", "squared_error"])
def test_other_losses_do_not_take_it(loss: str) -> None:
    with pytest.raises(ModelError) as caught:
        Learning(loss=loss, label_smoothing=0.1)
    expected = f"the head's label_smoothing is 0.1; expected 0 under loss {loss!r}\nhint: set it 0, or loss softmax_cross_entropy"
    assert str(caught.value) == expected
    image = head_image(random_head((12, 5), learning=Learning(loss=loss)))
    with pytest.raises(CompileError, match=r"\(its field at byte 188\)"):
        TwinModel(with_head(image, label_smoothing=0.1))
    assert TwinModel(with_head(image, label_smoothing=0.0)).steps == 0


def test_without_it_the_word_is_0_and_with_it_nothing_else_changes() -> None:
    plain, smoothed = (head_image(random_head((12, 7, 5), learning=Learning(label_smoothing=share))) for share in (0.0, 0.5))
    place = records.unpack(records.Header, plain, 0).head + 188
    assert plain[place : place + 4] == bytes(4)
    assert with_head(smoothed, label_smoothing=0.0) == plain
    assert head_of(smoothed).label_smoothing == 0.5


def test_it_goes_from_the_command_line_to_the_image(tiny_run: Run, tmp_path: Path) -> None:
    from tiny_task import tiny_task

    task = tiny_task("tiny", seed=7)
    np.savez(tmp_path / "tiny.npz", x_train=task.x_train, y_train=task.y_train, x_test=task.x_test, y_test=task.y_test)
    words = [
        "export",
        str(tiny_run.path),
        "--data",
        str(tmp_path / "tiny.npz"),
        "-o",
        str(tmp_path / "x.tinytl"),
        "--label-smoothing",
        "0.1",
    ]
    result = CliRunner().invoke(cli, words, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    bundle = read_bundle(tmp_path / "x.tinytl")
    assert bundle.manifest["head"]["label_smoothing"] == bundle.head.learning.label_smoothing == 0.1
    assert head_of(compile_bundle(bundle).data).label_smoothing == np.float32(0.1)
