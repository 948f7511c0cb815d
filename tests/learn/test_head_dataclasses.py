# SPDX-License-Identifier: Apache-2.0
"""A head that cannot be learned by a device cannot be made: every refusal, word by word."""

import math
from typing import Any

import numpy as np
import pytest
from head_image import head_image, random_head

from tinytl.errors import ModelError
from tinytl.head.layers import Head, HeadLayer, dense_layer
from tinytl.head.learning import Learning
from tinytl_bridge.twin import TwinModel


def layer(name: str = "classes", width: int = 6, out: int = 3, **changes: Any) -> HeadLayer:
    fields: dict[str, Any] = {
        "name": name,
        "weights": np.zeros((out, width), np.float32),
        "bias": np.zeros(out, np.float32),
    }
    return dense_layer(**fields | changes)


def test_whole_head() -> None:
    head = Head((layer("hidden", 10, 6, activation="relu6"), layer()))
    assert head.feature_count == 10
    assert head.macs == 60 + 18
    assert head.learning == Learning()


INFINITE = np.array([0, math.inf, 0], np.float32)
HEADS = [
    ((), "the head has 0 layers; expected 1 to 64"),
    (tuple(layer(str(i), 3, 3) for i in range(65)), "the head has 65 layers; expected 1 to 64"),
    ((layer("a", 3, 3), layer("a", 3, 3)), "head layers a, a; expected a different name for each"),
    ((layer(""),), "a head layer has no name; expected a name for each"),
    (
        (layer(weights=np.zeros((3, 6))),),
        "the weights of head layer 'classes' have shape (3, 6) and type float64; expected float32 of rank 2, not empty",
    ),
    (
        (layer(weights=np.zeros(6, np.float32)),),
        "the weights of head layer 'classes' have shape (6,) and type float32; expected float32 of rank 2, not empty",
    ),
    (
        (layer(weights=np.zeros((3, 0), np.float32)),),
        "the weights of head layer 'classes' have shape (3, 0) and type float32; expected float32 of rank 2, not empty",
    ),
    (
        (layer(bias=np.zeros((3, 1), np.float32)),),
        "the bias of head layer 'classes' have shape (3, 1) and type float32; expected float32 of rank 1, not empty",
    ),
    ((layer(bias=np.zeros(2, np.float32)),), "bias of head layer 'classes' is (2,); expected (3,)"),
    ((layer(bias=INFINITE),), "head layer 'classes' holds NaN or infinity; expected finite weights"),
    ((layer(weights=np.full((3, 6), np.nan, np.float32)),), "head layer 'classes' holds NaN or infinity; expected finite weights"),
    ((layer(activation="tanh"),), "head layer 'classes' has activation 'tanh'; expected none, relu, relu6"),
    ((layer("hidden", 10, 7), layer()), "head layer 'classes' takes 6 numbers; expected 7, what comes before it"),
    ((layer(trains="none"),), "no layer of the head trains; expected at least one that does"),
    ((layer(activation="relu"),), "the last head layer 'classes' has activation 'relu'; expected none: the loss takes logits"),
]


@pytest.mark.parametrize(("layers", "text"), HEADS, ids=[text[:50] for _, text in HEADS])
def test_head_is_refused(layers: tuple[HeadLayer, ...], text: str) -> None:
    with pytest.raises(ModelError) as refusal:
        Head(layers)
    assert str(refusal.value) == text


SETTINGS = [
    ({"learning_rate": 0.0}, "the head's learning_rate is 0.0; expected a number from 1.1754944e-38 to 1e+30"),
    ({"learning_rate": -0.1}, "the head's learning_rate is -0.1; expected a number from 1.1754944e-38 to 1e+30"),
    ({"learning_rate": 1e39}, "the head's learning_rate is 1e+39; expected a number from 1.1754944e-38 to 1e+30"),
    ({"learning_rate": math.nan}, "the head's learning_rate is nan; expected a number from 1.1754944e-38 to 1e+30"),
    ({"momentum": 1.0}, "the head's momentum is 1.0; expected a number from 0 to 0.99999994"),
    ({"momentum": 1 - 1e-12}, "the head's momentum is 0.999999999999; expected a number from 0 to 0.99999994"),
    ({"momentum": -0.5}, "the head's momentum is -0.5; expected a number from 0 to 0.99999994"),
    ({"weight_decay": -1.0}, "the head's weight_decay is -1.0; expected a number from 0 to 1e+30"),
    ({"weight_decay": 101.0}, "the head's weight_decay is 101.0; expected at most 100, which is 1 / learning_rate"),
    ({"weight_decay": math.inf}, "the head's weight_decay is inf; expected a number from 0 to 1e+30"),
    ({"replays_per_step": 65}, "the head's replays_per_step is 65; expected a whole number from 0 to 64"),
    ({"replays_per_step": -1}, "the head's replays_per_step is -1; expected a whole number from 0 to 64"),
    ({"replay_buffer_bytes": -1}, "the head's replay_buffer_bytes is -1; expected a whole number from 0 to 2,147,483,647"),
    ({"seed": 0}, "the head's seed is 0; expected a whole number from 1 to 4,294,967,295"),
    ({"seed": 2**32}, "the head's seed is 4294967296; expected a whole number from 1 to 4,294,967,295"),
    ({"optimizer": "rmsprop"}, "the head's optimizer is 'rmsprop'; expected sgd, adam"),
    ({"second_momentum": 1.0}, "the head's second_momentum is 1.0; expected a number from 0 to 0.99999994"),
    ({"epsilon": 0.0}, "the head's epsilon is 0.0; expected a number from 1.1754944e-38 to 1e+30"),
    ({"clip_norm": -1.0}, "the head's clip_norm is -1.0; expected a number from 0 to 1e+30"),
    ({"accumulation": 0}, "the head's accumulation is 0; expected a whole number from 1 to 65,536"),
    ({"schedule": "linear"}, "the head's schedule is 'linear'; expected constant, steps, cosine"),
    ({"layer_rates": "own"}, "the head's layer_rates is 'own'; expected balanced, equal"),
    ({"weights": "int4"}, "the head's weights is 'int4'; expected float32, int8"),
    ({"schedule": "cosine"}, "the head's schedule_steps is 0; expected 1 or more under schedule 'cosine'"),
    ({"schedule_factor": 1.5}, "the head's schedule_factor is 1.5; expected a number from 0 to 1"),
    ({"loss": "hinge"}, "the head's loss is 'hinge'; expected softmax_cross_entropy, sigmoid_cross_entropy, squared_error"),
]


@pytest.mark.parametrize(("settings", "text"), SETTINGS, ids=[text[11:50] for _, text in SETTINGS])
def test_setting_out_of_range_is_refused(settings: dict[str, Any], text: str) -> None:
    with pytest.raises(ModelError) as refusal:
        Learning(**settings)
    assert str(refusal.value).splitlines()[0] == text


@pytest.mark.parametrize(
    "settings",
    [
        {"learning_rate": 1e30},
        {"learning_rate": 1.2e-38},
        {"momentum": 0.99999},
        {"weight_decay": 100.0},
        {"learning_rate": 0.3, "weight_decay": 1 / 0.3},
        {"seed": 2**32 - 1},
        {"replays_per_step": 64},
    ],
)
def test_device_takes_every_setting_that_can_be_made(settings: dict[str, Any]) -> None:
    head = random_head((5, 3), learning=Learning(**settings))
    assert TwinModel(head_image(head)).image.head is not None
