# SPDX-License-Identifier: Apache-2.0
"""Classes that the head did not have: the imprinted row is that of the formula, names are kept, and what cannot be is refused whole."""

import numpy as np
import pytest
from head_image import Replay, dequantized, features_of, head_image, random_features, random_head

from tinytl.errors import DeviceError
from tinytl.head.layers import Head, HeadLayer, Learning
from tinytl_bridge.twin import TwinModel
from tinytl_bridge.wire.class_names import pack_name, parse_names

FEATURES, HIDDEN, CLASSES, CAPACITY = 14, 8, 4, 7


def new_head(**learning: float) -> Head:
    return random_head((FEATURES, HIDDEN, CAPACITY), learning=Learning(**{"learning_rate": 0.01, "replays_per_step": 2} | learning))


def new_twin(head: Head, *, replayed: int = 100, buffer: int = 6) -> TwinModel:
    old, labels = random_features(FEATURES, replayed, CLASSES)
    return TwinModel(head_image(head, class_count=CLASSES, replay=Replay(old, labels, buffer)))


def hidden(twin: TwinModel, head: Head, features: np.ndarray) -> np.ndarray:
    """Return what the last layer takes (N, HIDDEN), in float64, of the parameters as they are now."""
    weights, bias = np.split(twin.parameters[: HIDDEN * (FEATURES + 1)].astype(np.float64), [HIDDEN * FEATURES])
    real = dequantized(features, features_of(head))
    return np.maximum(real @ weights.reshape(HIDDEN, FEATURES).T + bias, 0)


def last_layer(twin: TwinModel) -> tuple[np.ndarray, np.ndarray]:
    """Return weights (CAPACITY, HIDDEN) and bias (CAPACITY,) of the last layer, in place."""
    last = twin.parameters[HIDDEN * (FEATURES + 1) :]
    return last[: CAPACITY * HIDDEN].reshape(CAPACITY, HIDDEN), last[CAPACITY * HIDDEN :]


def imprinted(x: np.ndarray, centre: np.ndarray, weights: np.ndarray, bias: np.ndarray) -> tuple[np.ndarray, float]:
    """Return row and bias of a new class, in float64."""
    rows, d = weights.astype(np.float64), x - centre
    mean = rows.mean(axis=0)
    spread = np.sqrt(((rows - mean) ** 2).sum(axis=1).mean())
    factor = spread / np.linalg.norm(d)
    return mean + factor * d, bias.astype(np.float64).mean() - factor * (d @ centre)


@pytest.mark.parametrize("replayed", [100, 20, 0])
def test_the_new_row_points_where_its_first_sample_lies(replayed: int) -> None:
    """The centre is that of 64 samples of the replay set at most; without one, of the buffer."""
    head = new_head()
    twin = new_twin(head, replayed=replayed, buffer=6)
    taught, labels = random_features(FEATURES, 12, CLASSES, seed=4)
    for sample, label in zip(taught, labels, strict=True):
        twin.invoke(sample[None])
        twin.step(int(label))
    old = random_features(FEATURES, replayed, CLASSES)[0][:64]
    if replayed == 0:
        start = twin.image.head.replay_buffer  # type: ignore[union-attr]
        old = twin.arena[start : start + 6 * FEATURES].view(np.int8).reshape(6, FEATURES)
    sample = random_features(FEATURES, 1, 1, seed=9)[0]
    weights, bias = last_layer(twin)
    row, offset = imprinted(hidden(twin, head, sample)[0], hidden(twin, head, old).mean(axis=0), weights[:CLASSES], bias[:CLASSES])
    twin.invoke(sample)
    twin.grow("heron")
    np.testing.assert_allclose(weights[CLASSES], row, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(bias[CLASSES], offset, rtol=1e-4, atol=1e-5)
    assert (weights[CLASSES + 1 :] == head.layers[-1].weights[CLASSES + 1 :]).all()  # type: ignore[index]
    assert twin.class_count == CLASSES + 1


def test_without_any_replayed_sample_the_centre_is_0() -> None:
    head = new_head()
    twin = new_twin(head, replayed=0, buffer=0)
    sample = random_features(FEATURES, 1, 1, seed=9)[0]
    weights, bias = last_layer(twin)
    row, offset = imprinted(hidden(twin, head, sample)[0], np.zeros(HIDDEN), weights[:CLASSES], bias[:CLASSES])
    twin.invoke(sample)
    twin.grow("heron")
    np.testing.assert_allclose(weights[CLASSES], row, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(bias[CLASSES], offset, rtol=1e-5)


def test_one_sample_is_enough_to_be_recognised_and_the_others_stay() -> None:
    """Well separated classes of one dense layer: after one sample most of the new class are right, and of the others as many as before."""
    features, labels = random_features(FEATURES, 400, CLASSES + 1, seed=11)
    known = labels < CLASSES
    head = random_head((FEATURES, CAPACITY), learning=Learning(0.02, replays_per_step=4))
    twin = TwinModel(head_image(head, class_count=CLASSES, replay=Replay(features[known][:80], labels[known][:80], 20)))
    for sample, label in zip(features[known][80:200], labels[known][80:200], strict=True):
        twin.invoke(sample[None])
        twin.step(int(label))

    def right(which: np.ndarray) -> float:
        answers = [(twin.invoke(sample[None]), twin.infer()[0])[1] for sample in features[which]]
        return float(np.mean(np.array(answers) == labels[which]))

    before, new = right(known), features[~known]
    twin.invoke(new[:1])
    twin.grow("heron")
    assert right(~known) > 0.8
    assert right(known) > before - 0.05


def test_growing_goes_on_to_the_capacity_and_no_further() -> None:
    twin = new_twin(new_head())
    samples = random_features(FEATURES, 4, 4, seed=9)[0]
    for number, sample in enumerate(samples[: CAPACITY - CLASSES]):
        twin.invoke(sample[None])
        twin.grow(f"bird {number}")
        assert twin.step(CLASSES + number).status == "ok"
    assert twin.class_names == ("bird 0", "bird 1", "bird 2")
    assert twin.infer()[1].shape == (CAPACITY,)
    before = twin.state()
    with pytest.raises(DeviceError, match="class 'bird 3' cannot be added: the head has 7 classes and room for 7"):
        twin.grow("bird 3")
    assert twin.state() == before


def test_a_name_twice_is_refused_and_changes_nothing() -> None:
    twin = new_twin(new_head())
    twin.invoke(random_features(FEATURES, 1, 1, seed=9)[0])
    twin.grow("heron")
    before = twin.state()
    with pytest.raises(DeviceError, match="class 'heron' cannot be added: class 4 has this name"):
        twin.grow("heron")
    assert twin.state() == before


def test_rows_that_do_not_train_take_no_class() -> None:
    head = new_head()
    frozen = Head((head.layers[0], HeadLayer(**vars(head.layers[1]) | {"trains": "bias"})), head.learning)
    twin = new_twin(frozen)
    twin.invoke(random_features(FEATURES, 1, 1, seed=9)[0])
    with pytest.raises(DeviceError, match="the last layer's weights do not train"):
        twin.grow("heron")
    assert twin.class_count == CLASSES


def test_a_row_that_would_not_be_finite_is_refused() -> None:
    twin = new_twin(new_head())
    twin.parameters[:] = 3e38
    twin.invoke(np.full((1, FEATURES), 127, np.int8))
    with pytest.raises(DeviceError, match="the loss is not finite"):
        twin.grow("heron")
    assert twin.class_count == CLASSES
    assert np.isfinite(twin.parameters).all()


@pytest.mark.parametrize("momentum", [0.0, 0.9])
def test_names_and_rows_outlast_a_restore_and_go_with_a_reset(momentum: float) -> None:
    twin = new_twin(new_head(momentum=momentum))
    twin.invoke(random_features(FEATURES, 1, 1, seed=9)[0])
    twin.grow("Höckerschwan")
    assert twin.step(CLASSES).status == "ok"
    state = twin.state()
    other = new_twin(new_head(momentum=momentum))
    other.restore(state)
    assert other.state() == state
    assert other.class_names == ("Höckerschwan",)
    other.reset()
    assert (other.class_count, other.class_names) == (CLASSES, ())
    assert other.state() == new_twin(new_head(momentum=momentum)).state()


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("", "class name '' takes 0 bytes; expected 1 to 31, none of them zero"),
        ("x" * 32, "takes 32 bytes; expected 1 to 31"),
        ("ü" * 16, "takes 32 bytes; expected 1 to 31"),
        ("a\0b", "takes 3 bytes; expected 1 to 31, none of them zero"),
    ],
)
def test_names_that_the_device_cannot_keep(name: str, text: str) -> None:
    with pytest.raises(DeviceError, match=text):
        pack_name(name)


def test_names_as_bytes_and_back() -> None:
    names = ("a", "Höckerschwan", "x" * 31)
    assert parse_names(b"".join(map(pack_name, names))) == names
