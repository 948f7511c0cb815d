# SPDX-License-Identifier: Apache-2.0
"""How far features have drifted: the image's statistics and the device's score against plain arithmetic, to the bit."""

import ctypes

import numpy as np
import pytest
from head_image import Feature, Replay, head_image, head_of, random_features, random_head

from tinytl.compiler.head.drift import drift_statistics, folded_to
from tinytl_bridge.twin import TwinModel, library

SHAPES = ((3, 3, 5), (1, 1, 20))
CLASSES = 4


def added_up(sample: np.ndarray, numbers: int) -> list[int]:
    """Add up a sample's features in sixteenths, element by element."""
    sums, start = [0] * numbers, 0
    for shape in SHAPES:
        for place in range(int(np.prod(shape))):
            sums[place % numbers] += 16 * int(sample[start + place])
        start += int(np.prod(shape))
    return sums


def squared(one: list[float], other: list[float]) -> float:
    return sum((a - b) ** 2 for a, b in zip(one, other, strict=True))


def test_statistics_are_each_classs_mean_and_the_distance_of_samples_left_out() -> None:
    features, labels = random_features(65, 23, CLASSES, seed=3)
    found = drift_statistics(features, labels, CLASSES, SHAPES)
    assert found is not None
    assert found.numbers == 30, "a multiple of the first feature's channels"
    sums = [added_up(sample, 30) for sample in features]
    members = [[sums[number] for number in np.flatnonzero(labels == label)] for label in range(CLASSES)]
    means = [[sum(column) / len(rows) for column in zip(*rows, strict=True)] for rows in members]
    assert np.abs(found.means - np.array(means)).max() <= 0.5
    nearest = []
    for number, label in enumerate(labels):
        own = [row for other, row in enumerate(sums) if labels[other] == label and other != number]
        without = [sum(column) / len(own) for column in zip(*own, strict=True)]
        nearest.append(min(squared(sums[number], without if other == label else found.means[other].tolist()) for other in range(CLASSES)))
    assert found.spread == pytest.approx(np.mean(nearest), rel=1e-6)


@pytest.mark.parametrize(
    ("shapes", "numbers"),
    [
        (((3, 3, 32),), 32),
        (((4, 4, 12),), 24),
        (((6, 6, 48),), 48),
        (((1, 1, 256),), 64),
        (((12, 12, 1),), 32),
        (((1, 1, 6),), 6),
        (((1, 1, 10), (3, 3, 2)), 18),
    ],
)
def test_features_are_added_up_so_that_channels_stay_apart(shapes: tuple[tuple[int, int, int], ...], numbers: int) -> None:
    assert folded_to(shapes) == numbers


def test_samples_that_say_too_little_give_no_statistics() -> None:
    features, labels = random_features(65, 12, CLASSES)
    labels = np.arange(12) % CLASSES
    assert drift_statistics(features, labels, CLASSES, SHAPES) is not None
    assert drift_statistics(features, labels, CLASSES + 1, SHAPES) is None, "a class without samples"
    assert drift_statistics(features[:7], labels[:7], CLASSES, SHAPES) is None, "a class with one"
    assert drift_statistics(features[labels], labels, CLASSES, SHAPES) is None, "all samples of a class alike"
    assert drift_statistics(features[:0], labels[:0], CLASSES, SHAPES) is None


HEAD = random_head((65, 7, CLASSES), parts=(45, 20))
OUTPUTS = (Feature(45), Feature(20, 0.2, 7))
FEATURES, LABELS = random_features(65, 40, CLASSES, seed=5)


def score(sample: np.ndarray, image: bytes) -> np.float32:
    """Return the score as SPEC.md 2.6 says it."""
    head = head_of(image)
    means = np.frombuffer(image, "<i4", CLASSES * head.drift_numbers, head.drift_means).reshape(CLASSES, -1)
    sums = [0] * head.drift_numbers
    for start, count in ((0, 45), (45, 20)):
        for place in range(count):
            sums[place % head.drift_numbers] += 16 * int(sample[start + place])
    nearest = min(sum((a - int(b)) ** 2 for a, b in zip(sums, row, strict=True)) for row in means)
    root = library().tinytl_sqrt_f32
    root.restype, root.argtypes = ctypes.c_float, [ctypes.c_float]
    return np.float32(root(float(np.float32(nearest) / np.float32(head.drift_spread))))


def test_score_is_the_specs_to_the_bit() -> None:
    """Of two features, on samples like the replay set's, on noise, and at the ends of int8; a step before changes nothing."""
    image = head_image(HEAD, outputs=OUTPUTS, replay=Replay(FEATURES, LABELS, 8))
    twin, generator = TwinModel(image), np.random.default_rng(1)
    noise = generator.integers(-128, 128, (20, 65)).astype(np.int8)
    ends = np.array([[-128] * 65, [127] * 65], np.int8)
    scores = []
    for sample in np.concatenate([random_features(65, 60, CLASSES, seed=5)[0][40:], noise, ends]):
        twin.invoke(sample[None, :45], sample[None, 45:])
        scores.append(twin.drift())
        assert np.float32(scores[-1]) == score(sample, image)
        assert twin.step(1).status == "ok"
        assert twin.drift() == scores[-1]
    assert 0.8 < np.mean(scores[:20]) < 1.25
    assert min(scores[20:]) > 1.5


def test_an_image_without_statistics_says_so() -> None:
    twin = TwinModel(head_image(HEAD, outputs=OUTPUTS))
    twin.invoke(np.zeros((1, 45), np.int8), np.zeros((1, 20), np.int8))
    assert twin.drift() == -1.0
