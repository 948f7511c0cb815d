# SPDX-License-Identifier: Apache-2.0
"""Learning rates of layers: in proportion to the squares of their weights, so that scale may sit in any of them."""

from dataclasses import replace

import numpy as np
import pytest
from graph_heads import HEADS
from head_image import head_image, head_of, random_features, random_head, with_learning
from teaching import teach_both

from tinytl.compiler import records
from tinytl.head.layer_rates import rate_factors
from tinytl.head.layers import Head, HeadLayer, dense_layer
from tinytl.head.learning import Learning
from tinytl_bridge.twin import TwinModel


def constant(*shape: int, value: float) -> np.ndarray:
    return np.full(shape, value, np.float32)


def bias(count: int) -> np.ndarray:
    return np.zeros(count, np.float32)


def four_kinds() -> Head:
    layers = (
        HeadLayer("conv", "conv_2d", weights=constant(4, 3, 3, 2, value=0.5), bias=bias(4), window=(3, 3), padding=(1, 1, 1, 1)),
        HeadLayer("depthwise", "depthwise_conv_2d", weights=constant(3, 3, 4, value=-1.0), bias=bias(4), window=(3, 3)),
        HeadLayer("norm", "scale", weights=constant(4, value=3.0), bias=bias(4), trains="bias"),
        HeadLayer("pool", "average_pool", window=(4, 4)),
        dense_layer("last", constant(3, 4, value=2.0), bias(3)),
    )
    return Head(layers, Learning(), features=((6, 6, 2),))


def test_factors_are_squares_an_output_channel_by_those_of_the_last_layer() -> None:
    last = 4 * 2.0**2
    assert rate_factors(four_kinds()) == (18 * 0.25 / last, 9 * 1.0 / last, 9.0 / last, 1.0, 1.0)


@pytest.mark.parametrize("settings", [{"layer_rates": "equal"}, {"optimizer": "adam"}], ids=lambda each: next(iter(each)))
def test_equal_rates(settings: dict[str, str]) -> None:
    assert rate_factors(with_learning(four_kinds(), **settings)) == (1.0,) * 5


def test_channels_of_zeros_do_not_count_and_factors_have_limits() -> None:
    rows = constant(8, 4, value=2.0)
    rows[3:] = 0.0
    layers = (dense_layer("zeros", constant(4, 5, value=0.0), bias(4)), dense_layer("large", constant(4, 4, value=900.0), bias(4)),
              dense_layer("last", rows, bias(8)))  # fmt: skip
    assert rate_factors(Head(layers)) == (1 / 1024, 1024.0, 1.0)
    assert rate_factors(Head((layers[0], dense_layer("last", constant(3, 4, value=0.0), bias(3))))) == (1.0, 1.0)
    even = dense_layer("even", constant(4, 4, value=1.0), bias(4))
    fewer = Head((even, dense_layer("last", rows[:3], bias(3))))
    assert rate_factors(fewer) == rate_factors(Head((even, layers[2]))) == (0.25, 1.0), "rows that wait for classes change nothing"


def test_the_image_holds_them() -> None:
    image = head_image(four_kinds())
    found = [
        records.unpack(records.LayerRecord, image, head_of(image).layers + number * records.size(records.LayerRecord)).rate_factor
        for number in range(5)
    ]
    assert found == list(rate_factors(four_kinds()))


def test_scale_may_sit_in_any_layer() -> None:
    """The same function from two heads, one of them with all its scale in the second of three layers: only with balanced rates it learns."""
    even = random_head((16, 24, 24, 4), learning=Learning(0.02, replays_per_step=0))
    first, second, last = even.layers
    lopsided = replace(even, layers=(scaled(first, 1 / 16), replace(second, weights=16 * second.weights), last))
    features, _ = random_features(16, 1, 4)
    twins = [TwinModel(head_image(head)) for head in (even, lopsided)]
    for twin in twins:
        twin.invoke(features)
    np.testing.assert_allclose(twins[0].infer()[1], twins[1].infer()[1], rtol=1e-4, atol=1e-4)
    losses = {rates: teach_both(with_learning(lopsided, layer_rates=rates), 300).losses[-50:].mean() for rates in ("balanced", "equal")}
    assert losses["balanced"] < 0.5 * losses["equal"]


def scaled(layer: HeadLayer, factor: float) -> HeadLayer:
    assert layer.weights is not None and layer.bias is not None
    return replace(layer, weights=np.float32(factor) * layer.weights, bias=np.float32(factor) * layer.bias)


@pytest.mark.parametrize(
    "settings", [{"momentum": 0.9, "learning_rate": 0.002}, {"clip_norm": 0.5}, {"accumulation": 4}], ids=lambda each: next(iter(each))
)
def test_every_kind_of_sgd_takes_them(settings: dict[str, float]) -> None:
    head = with_learning(HEADS["conv, conv, dense, dense"], **settings)
    assert len(set(rate_factors(head))) > 2
    taught = teach_both(head, 100)
    np.testing.assert_allclose(taught.twin.parameters, taught.reference.parameters, rtol=1e-3, atol=1e-4)
