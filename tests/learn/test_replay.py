# SPDX-License-Identifier: Apache-2.0
"""Replay: which samples are drawn, what the buffer keeps, and that a seed fixes both."""

from dataclasses import dataclass

import numpy as np
import pytest
from head_image import Feature, Replay, dequantized, head_image, head_of, random_features, random_head
from head_reference import ReferenceHead, ReferenceReplay
from teaching import relative_difference

from tinytl.head.layers import Learning
from tinytl_bridge.twin import TwinModel

FEATURES, CLASSES = 12, 4
OUTPUT = (Feature(FEATURES),)


@dataclass(frozen=True)
class Buffer:
    """The replay buffer of a twin: features (count, FEATURES) int8, labels (count,)."""

    features: np.ndarray
    labels: np.ndarray


def buffer_of(twin: TwinModel) -> Buffer:
    record = twin.image.head
    assert record is not None
    bytes_of_features = record.replay_capacity * record.feature_count
    start = record.replay_buffer
    features = twin.arena[start : start + bytes_of_features].view(np.int8).reshape(-1, record.feature_count)
    labels_at = start + -(-bytes_of_features // 4) * 4
    labels = twin.arena[labels_at : labels_at + 2 * record.replay_capacity].view("<u2")
    return Buffer(features[: twin.replay_count].copy(), labels[: twin.replay_count].copy())


def image_of(*, replays: int, replayed: int, capacity: int, seed: int = 1, rate: float = 0.02) -> bytes:
    head = random_head((FEATURES, CLASSES), learning=Learning(rate, replays_per_step=replays, seed=seed))
    old, labels = random_features(FEATURES, replayed, CLASSES, seed=9)
    return head_image(head, replay=Replay(old, labels, capacity))


def teach(twin: TwinModel, features: np.ndarray, labels: np.ndarray) -> None:
    for sample, label in zip(features, labels, strict=True):
        twin.invoke(sample[None])
        assert twin.step(int(label)).status == "ok"


def random_state(twin: TwinModel) -> int:
    return int.from_bytes(twin.state()[12:16], "little")


CASES = {"set and buffer": (4, 15, 9), "one in turn": (1, 15, 9), "set only": (3, 15, 0), "buffer only": (3, 0, 9), "nothing": (3, 0, 0)}


@pytest.mark.parametrize("name", CASES)
def test_draws_places_and_weights_are_those_of_the_specification(name: str) -> None:
    replays, replayed, capacity = CASES[name]
    twin = TwinModel(image_of(replays=replays, replayed=replayed, capacity=capacity, seed=12345))
    head = random_head((FEATURES, CLASSES), learning=Learning(0.02, replays_per_step=replays, seed=12345))
    old, old_labels = random_features(FEATURES, replayed, CLASSES, seed=9)
    new, labels = random_features(FEATURES, 150, CLASSES, seed=10)
    old_real, new_real = dequantized(old, OUTPUT), dequantized(new, OUTPUT)
    reference, replay = ReferenceHead(head), ReferenceReplay(old_labels, capacity, 12345)
    for number, label in enumerate(labels):
        reference.step(new_real[number], int(label))
        for draw in range(replays):
            store, place = replay.draw(number * replays + draw)
            if store == "set":
                reference.step(old_real[place], int(old_labels[place]))
            elif store == "buffer":
                reference.step(new_real[replay.samples[place]], replay.labels[place])
        if capacity:
            replay.offer(number, int(label))
    teach(twin, new, labels)
    assert random_state(twin) == replay.state
    assert relative_difference(twin.parameters, reference.parameters) < 1e-4
    if capacity:
        kept = buffer_of(twin)
        np.testing.assert_array_equal(kept.labels, replay.labels)
        np.testing.assert_array_equal(kept.features, new[replay.samples])


def test_draws_stay_in_turn_when_classes_are_added() -> None:
    replays, capacity, added = 8, 9, 3
    head = random_head((FEATURES, CLASSES + added), learning=Learning(0.002, replays_per_step=replays, seed=77))
    old, old_labels = random_features(FEATURES, 15, CLASSES, seed=9)
    new, labels = random_features(FEATURES, 120, CLASSES + added, seed=10)
    twin = TwinModel(head_image(head, class_count=CLASSES, replay=Replay(old, old_labels, capacity)))
    replay, numbers = ReferenceReplay(old_labels, capacity, 77), {each: each for each in range(CLASSES)}
    for number, label in enumerate(labels):
        twin.invoke(new[number][None])
        if label not in numbers:
            numbers[label] = len(numbers)
            twin.grow(f"bird {label}")
        assert twin.step(numbers[label]).status == "ok"
        for draw in range(replays):
            replay.draw(number * replays + draw)
        replay.offer(number, numbers[label])
        assert random_state(twin) == replay.state
    np.testing.assert_array_equal(buffer_of(twin).features, new[replay.samples])
    assert len(numbers) == CLASSES + added


def test_same_seed_same_bytes_other_seed_other_bytes() -> None:
    new, labels = random_features(FEATURES, 60, CLASSES)
    found = []
    for seed in (3, 3, 4):
        twin = TwinModel(image_of(replays=4, replayed=20, capacity=8, seed=seed))
        teach(twin, new, labels)
        found.append((twin.state(), buffer_of(twin).features.tobytes()))
    assert found[0] == found[1]
    assert found[0] != found[2]


@pytest.mark.parametrize("order", ["sorted", "shuffled", "rare"])
def test_buffer_balances_the_classes(order: str) -> None:
    capacity, count = 40, 600
    generator = np.random.default_rng(3)
    labels = generator.integers(0, CLASSES, count)
    if order == "sorted":
        labels = np.sort(labels)
    if order == "rare":  # 12 of the last class among hundreds of the others
        labels = generator.integers(0, CLASSES - 1, count)
        labels[::50] = CLASSES - 1
    features = generator.integers(-128, 128, (count, FEATURES)).astype(np.int8)
    twin = TwinModel(image_of(replays=0, replayed=0, capacity=capacity, rate=1e-4))
    teach(twin, features, labels)
    kept = np.bincount(buffer_of(twin).labels, minlength=CLASSES)
    assert kept.sum() == capacity
    assert kept.min() >= min(capacity // CLASSES - 1, int(np.bincount(labels).min()))
    assert kept.max() - kept.min() <= 2


def test_every_sample_enters_and_old_ones_go_at_random() -> None:
    count, capacity = 400, 40
    features = np.zeros((count, FEATURES), np.int8)
    features[:, :2] = np.arange(count, dtype="<i2").view(np.int8).reshape(count, 2)
    twin = TwinModel(image_of(replays=0, replayed=0, capacity=capacity, rate=1e-5))
    teach(twin, features, np.arange(count) % CLASSES)
    ages = buffer_of(twin).features[:, :2].copy().view("<i2").ravel()
    assert len(set(ages.tolist())) == capacity
    assert count - 1 in ages, "the last sample taught is there"
    assert (ages < count - capacity).sum() >= 5, "not just the last ones"
    assert (ages >= count - capacity).sum() > (ages < count - 2 * capacity).sum()


def test_replay_keeps_the_old_task() -> None:
    old, old_labels = random_features(FEATURES, 80, CLASSES, seed=9)
    new, labels = random_features(FEATURES, 300, CLASSES, seed=30)
    labels = (labels + 1) % CLASSES
    real = dequantized(old, OUTPUT)
    losses = []
    for replays in (0, 4):
        twin = TwinModel(image_of(replays=replays, replayed=80, capacity=16))
        teach(twin, new, labels)
        weights = twin.parameters[: FEATURES * CLASSES].reshape(CLASSES, FEATURES)
        answers = (real @ weights.T + twin.parameters[FEATURES * CLASSES :]).argmax(axis=1)
        losses.append(float((answers != old_labels).mean()))
    assert losses[1] < 0.5 * losses[0], "replay must halve what is forgotten"


def test_features_of_the_taught_sample_survive_the_replay() -> None:
    twin = TwinModel(image_of(replays=8, replayed=20, capacity=4))
    sample = np.arange(FEATURES, dtype=np.int8)
    twin.invoke(sample[None])
    assert twin.step(2).status == "ok"
    kept = buffer_of(twin)
    np.testing.assert_array_equal(kept.features, sample[None])
    assert kept.labels.tolist() == [2]
    assert head_of(twin.image.data).replay_capacity == 4
