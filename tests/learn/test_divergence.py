# SPDX-License-Identifier: Apache-2.0
"""A step that would leave the finite numbers changes nothing and says `diverged`; a label that does not exist is refused."""

import math

import numpy as np
import pytest
from head_image import Feature, Replay, head_image, random_features, random_head

from tinytl.head.layers import Learning
from tinytl_bridge.twin import TwinModel
from tinytl_bridge.wire.statuses import status_text

FEATURES, CLASSES = 10, 4


def twin_with(*, rate: float = 0.01, scale: float = 0.05, momentum: float = 0.0, hidden: int = 6, activation: str = "relu") -> TwinModel:
    learning = Learning(rate, momentum, replays_per_step=2)
    head = random_head((FEATURES, hidden, CLASSES), activation=activation, learning=learning)
    old, labels = random_features(FEATURES, 8, CLASSES)
    return TwinModel(head_image(head, outputs=(Feature(FEATURES, scale),), replay=Replay(old, labels, 5)))


def everything(twin: TwinModel) -> tuple[bytes, int, int, bytes]:
    """State (parameters, steps, random state), replay count, and the moments and replay buffer in the arena."""
    record = twin.image.head
    assert record is not None
    kept = bytes(twin.arena[record.replay_buffer :])
    moments = b"" if record.momentum == 0 else bytes(twin.arena[record.moments :][: 4 * record.parameter_count])
    return twin.state(), twin.steps, twin.replay_count, moments + kept


SITUATIONS = {
    "huge learning rate": {"rate": 1e25},
    "largest learning rate": {"rate": 1e30},
    "huge features": {"scale": 1e30},
    "features that overflow": {"scale": 2e38},
    "largest learning rate with momentum": {"rate": 1e30, "momentum": 0.9},
}


@pytest.mark.parametrize("name", SITUATIONS)
def test_diverged_step_changes_nothing(name: str) -> None:
    twin = twin_with(**SITUATIONS[name])  # type: ignore[arg-type]
    before = everything(twin)
    twin.invoke(np.full((1, FEATURES), 100, np.int8))
    result = twin.step(1)
    assert result.status == "diverged"
    assert everything(twin) == before
    assert status_text(16) == "the loss is not finite: the step was undone"


@pytest.mark.parametrize("place", [0, 25, FEATURES * 6 + 6, -1])
@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_poisoned_parameter_is_noticed_and_spreads_nowhere(place: int, value: float) -> None:
    twin = twin_with(activation="none")
    twin.parameters[place] = value
    before = everything(twin)
    twin.invoke(np.full((1, FEATURES), 127, np.int8))
    assert twin.step(1).status == "diverged"
    assert everything(twin) == before


@pytest.mark.parametrize("momentum", [0.0, 0.99])
def test_parameters_stay_finite_whatever_is_taught(momentum: float) -> None:
    generator = np.random.default_rng(1)
    statuses = set()
    for rate, scale in ((1e3, 1e3), (1e8, 1.0), (1e12, 1e4), (1e-3, 1e15), (1.0, 1e-30)):
        twin = twin_with(rate=rate, scale=scale, momentum=momentum)
        for _ in range(60):
            twin.invoke(generator.integers(-128, 128, (1, FEATURES)).astype(np.int8))
            statuses.add(twin.step(int(generator.integers(0, CLASSES))).status)
            assert np.isfinite(twin.parameters).all()
    assert statuses == {"ok", "diverged"}


@pytest.mark.parametrize(("layer_rates", "moves"), [("balanced", False), ("equal", True)])
def test_a_layers_own_rate_counts_for_its_limit(layer_rates: str, moves: bool) -> None:
    """Gradients near 1 and inputs of at most 1: steps of 2^60 are let through, those of 2^70 are not."""
    learning = Learning(2.0**60, replays_per_step=0, layer_rates=layer_rates)
    head = random_head((FEATURES, 6, CLASSES), activation="none", learning=learning)
    head.layers[0].weights[:] *= 1000
    twin = TwinModel(head_image(head, outputs=(Feature(FEATURES, 1 / 255),)))
    before = twin.parameters[: 6 * FEATURES].copy()
    twin.invoke(np.full((1, FEATURES), 100, np.int8))
    assert twin.step(1).status == "diverged"
    assert (twin.parameters[: 6 * FEATURES] != before).all() == moves
    assert moves or (twin.parameters[: 6 * FEATURES] == before).all()


def test_parameters_at_the_edge_of_the_finite_numbers_stay_inside() -> None:
    largest = np.finfo(np.float32).max
    head = random_head((FEATURES, CLASSES), learning=Learning(1e10, replays_per_step=0))
    head.layers[0].weights[:, 0] = largest
    zero_feature = np.full((1, FEATURES), 100, np.int8)
    twin = TwinModel(head_image(head, outputs=(Feature(FEATURES, 1e-3),)))
    for label in range(CLASSES):
        twin.invoke(zero_feature)
        twin.step(label)
    assert np.isfinite(twin.parameters).all()
    assert (np.abs(twin.parameters) == largest).any()


def test_replayed_sample_that_diverges_is_passed_over() -> None:
    """The taught sample is all zeros and moves only the bias; the logits of the replayed one overflow."""
    learning = Learning(0.01, replays_per_step=4)
    head = random_head((FEATURES, CLASSES), learning=learning)
    head.layers[0].weights[:] = 1e22
    old = Replay(np.full((1, FEATURES), 127, np.int8), np.zeros(1, np.uint16))
    twin = TwinModel(head_image(head, outputs=(Feature(FEATURES, 1e18, 0),), replay=old))
    twin.invoke(np.zeros((1, FEATURES), np.int8))
    assert twin.step(0).status == "ok"
    assert twin.steps == 1
    np.testing.assert_array_equal(twin.parameters[: FEATURES * CLASSES], np.float32(1e22))
    assert twin.parameters[-CLASSES] > head.layers[0].bias[0], "the taught sample itself was learned"
    twin.invoke(np.full((1, FEATURES), 127, np.int8))
    assert twin.step(0).status == "diverged"


@pytest.mark.parametrize("label", [CLASSES, 65535, 2**32 - 1])
def test_label_beyond_the_classes_is_refused(label: int) -> None:
    twin = twin_with()
    before = everything(twin)
    twin.invoke(np.zeros((1, FEATURES), np.int8))
    assert twin.step(label).status == "bad_label"
    assert everything(twin) == before
    assert status_text(14, label, CLASSES) == f"label {label:,}; the head has {CLASSES} classes"
