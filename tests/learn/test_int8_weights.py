# SPDX-License-Identifier: Apache-2.0
"""Layers whose weights are int8 and stay so: against the float64 reference on the same weights, forward and, over many chances, backward."""

from dataclasses import dataclass, replace

import numpy as np
import pytest
from graph_heads import HEADS, INT8_HEADS, head, with_int8_weights
from head_image import (
    Feature,
    class_count_of,
    classifier,
    convolution,
    dequantized,
    features_of,
    head_image,
    head_of,
    random_features,
    random_head,
    with_crc,
)  # fmt: skip
from head_reference import ReferenceHead

from tinytl.compiler import records
from tinytl.compiler.head.int8_weights import int8_layers, quantized_rows, row_bytes
from tinytl.errors import DeviceError, ModelError, TinytlError
from tinytl.head.layer_rates import rate_factors
from tinytl.head.layers import Head, HeadLayer, dense_layer
from tinytl.head.learning import Learning
from tinytl_bridge.twin import TwinModel

EXACT = [name for name in INT8_HEADS if "dropout" not in name]
CHANCES = 300


@dataclass(frozen=True)
class Lesson:
    """A twin, the float64 reference with the same weights, and a sample in both worlds."""

    head: Head
    twin: TwinModel
    reference: ReferenceHead
    sample: np.ndarray
    real: np.ndarray
    label: int

    def step(self, random: int) -> np.ndarray:
        """Learn the sample from the factory head with this chance; return what trains, as floats, before minus after."""
        self.twin.reset()
        before = parameters(self.head, self.twin)
        fresh = self.twin.state()
        self.twin.restore(fresh[:12] + random.to_bytes(4, "little") + fresh[16:])
        learn(self.head, self.twin, self.sample, self.label)
        return before - parameters(self.head, self.twin)


def lesson(wanted: Head, rate: float, seed: int = 3) -> Lesson:
    """Make a twin and a reference that starts with what the bytes stand for."""
    wanted = replace(wanted, learning=replace(wanted.learning, learning_rate=rate))
    outputs = features_of(wanted)
    features, labels = random_features(wanted.feature_count, 1, class_count_of(wanted), seed)
    return Lesson(
        wanted, TwinModel(head_image(wanted, outputs=outputs)), ReferenceHead(rounded(wanted)), features[0], dequantized(features, outputs)[0],
        int(labels[0]),
    )  # fmt: skip


def rounded(wanted: Head) -> Head:
    """Return the float head that the bytes of an int8 head stand for."""
    chosen = int8_layers(wanted, grows=False)
    return replace(wanted, layers=tuple(_rounded(layer) if number in chosen else layer for number, layer in enumerate(wanted.layers)))


def _rounded(layer: HeadLayer) -> HeadLayer:
    found, scales = quantized_rows(layer)
    weights = layer.weights
    assert weights is not None
    return replace(layer, weights=(found[:, : weights[0].size] * scales[:, None]).reshape(weights.shape))


def learn(wanted: Head, twin: TwinModel, sample: np.ndarray, label: int) -> float:
    cuts = np.cumsum([each.count for each in features_of(wanted)])[:-1]
    twin.invoke(*(part[None] for part in np.split(sample, cuts)))
    result = twin.step(label)
    assert result.status == "ok"
    return result.loss


def parameters(wanted: Head, twin: TwinModel) -> np.ndarray:
    """Return what trains as floats, layer by layer, weights then bias: as `ReferenceHead.parameters`."""
    words, found, at = twin.parameters.tobytes(), [], 0
    chosen = int8_layers(wanted, grows=False)
    for number, layer in enumerate(wanted.layers):
        if number in chosen:
            weights, scales = quantized_rows(layer)
            read = np.frombuffer(words, np.int8, weights.size, at).reshape(weights.shape)
            assert not read[:, layer.weights[0].size :].any(), "what fills up a row stays 0"  # type: ignore[index]
            found.append((read[:, : layer.weights[0].size] * scales[:, None]).ravel())  # type: ignore[index]
            at += weights.size
        elif layer.trains == "all" and layer.weights is not None:
            found.append(np.frombuffer(words, "<f4", layer.weights.size, at))
            at += 4 * layer.weights.size
        if layer.trains != "none" and layer.bias is not None:
            found.append(np.frombuffer(words, "<f4", layer.bias.size, at))
            at += 4 * layer.bias.size
    assert at == len(words)
    return np.concatenate(found).astype(np.float64)


def quanta(wanted: Head) -> np.ndarray:
    """Return for each number that trains what one step of its byte is worth; 0 for floats."""
    chosen = int8_layers(wanted, grows=False)
    found = []
    for number, layer in enumerate(wanted.layers):
        weights = layer.weights
        if layer.trains == "all" and weights is not None:
            found.append(np.repeat(quantized_rows(layer)[1], weights[0].size) if number in chosen else np.zeros(weights.size))
        if layer.trains != "none" and layer.bias is not None:
            found.append(np.zeros(layer.bias.size))
    return np.concatenate(found)


@pytest.mark.parametrize("name", EXACT)
def test_forward_is_that_of_the_rounded_weights(name: str) -> None:
    taught = lesson(INT8_HEADS[name], 1e-6)
    loss = learn(taught.head, taught.twin, taught.sample, taught.label)
    assert loss == pytest.approx(taught.reference.loss(taught.real, taught.label), rel=1e-3)
    logits = taught.reference.forward(taught.real)[-1]
    taught.twin.reset()
    assert np.abs(taught.twin.infer()[1] - logits).max() < 1e-3 * np.abs(logits).max()


@pytest.mark.parametrize("name", EXACT)
def test_steps_are_the_gradient_on_average(name: str) -> None:
    """Each step rounds by chance; the mean over many chances is the layer's rate × gradient, within five standard deviations of such a mean."""
    rate = 0.02
    taught = lesson(INT8_HEADS[name], rate)
    generator = np.random.default_rng(8)
    mean = np.mean([taught.step(int(random)) for random in generator.integers(1, 2**32, CHANCES)], axis=0)
    trained = [(layer.trains != "none", layer.trains == "all") for layer in taught.head.layers]
    gradients = [
        factor * part
        for pair, factor, (bias, weights) in zip(
            taught.reference.gradients(taught.real, taught.label), rate_factors(taught.head), trained, strict=True
        )
        if pair is not None
        for part, wanted in zip(pair, (weights, bias), strict=True)
        if wanted
    ]
    expected = rate * np.concatenate([part.ravel() for part in gradients])
    by_chance = 5 * 0.5 * quanta(taught.head) / np.sqrt(CHANCES)
    numbers_of_16_bits = 2e-3 * np.abs(expected).max()
    assert (np.abs(mean - expected) <= by_chance + numbers_of_16_bits).all()
    in_bytes = by_chance > 0
    assert (np.abs(expected) > 2 * (by_chance + numbers_of_16_bits))[in_bytes].any(), "the test must be able to see the gradient of a byte"


@pytest.mark.parametrize("name", ["conv, pool", "one dimension", "residual", "some channels train", "average pool, overlapping"])
def test_learns_as_floats_do(name: str) -> None:
    features, labels = random_features(HEADS[name].feature_count, 400, class_count_of(HEADS[name]))
    losses = {}
    for weights in ("float32", "int8"):
        wanted = replace(HEADS[name], learning=replace(HEADS[name].learning, weights=weights, learning_rate=0.02))
        twin = TwinModel(head_image(wanted))
        losses[weights] = np.mean([learn(wanted, twin, sample, int(label)) for sample, label in zip(features, labels, strict=True)][-100:])
    assert losses["int8"] < losses["float32"] + 0.1


def test_a_word_of_four_bytes_may_look_like_no_number() -> None:
    """State and image are checked for finite floats, bytes of weights are not."""
    wanted = with_int8_weights(random_head((16, 8, 4)))
    twin = TwinModel(head_image(wanted))
    state = bytearray(twin.state())
    state[16:20] = b"\x7f\x7f\x80\x7f"
    twin.restore(bytes(state))
    assert twin.parameters.tobytes()[:4] == b"\x7f\x7f\x80\x7f"
    bias = 16 + 16 * 8
    state[bias : bias + 4] = b"\x00\x00\xc0\x7f"
    with pytest.raises(DeviceError, match="word 36 of the stored head is 2,143,289,344, which is out of its range"):
        twin.restore(bytes(state))


def test_bytes_end_where_they_end() -> None:
    """A rate beyond all reason drives every weight to an end of its range; nothing wraps."""
    wanted = with_int8_weights(random_head((16, 4), learning=Learning(1e6, replays_per_step=0)))
    twin = TwinModel(head_image(wanted))
    learn(wanted, twin, np.arange(16).astype(np.int8), 1)
    moved = np.frombuffer(twin.parameters.tobytes(), np.int8, 64).reshape(4, 16)
    assert set(np.unique(moved[1])) == {127}
    assert set(np.unique(moved[[0, 2, 3]])) == {-128}


def test_decay_shrinks_on_average() -> None:
    wanted = random_head((64, 4), learning=Learning(0.01, weight_decay=1.0, replays_per_step=0, weights="int8"))
    features = np.full(64, -3, np.int8)
    twin = TwinModel(head_image(wanted))
    before = np.frombuffer(twin.parameters.tobytes(), np.int8, 256).astype(float)
    for _ in range(50):
        learn(wanted, twin, features, 0)
    after = np.frombuffer(twin.parameters.tobytes(), np.int8, 256).astype(float)
    assert np.polyfit(before, after, 1)[0] == pytest.approx(0.99**50, abs=0.03)


def test_a_quarter_of_the_bytes() -> None:
    layers = [convolution("conv", 32, 16, activation="relu"), classifier("c", 5, 32 * 36)]
    images = {weights: head_image(head(layers, (6, 6, 16), weights=weights)) for weights in ("float32", "int8")}
    sizes = {weights: head_of(image).parameter_count * 4 for weights, image in images.items()}
    assert sizes["float32"] == 4 * (32 * 144 + 32 + 5 * 1152 + 5)
    assert sizes["int8"] == 32 * 144 + 4 * 32 + 5 * 1152 + 4 * 5


def test_rows_and_scales() -> None:
    weights = np.array([[1.0, -2.0, 0.5], [0.0, 0.0, 0.0]], np.float32)
    found, scales = quantized_rows(dense_layer("d", weights, np.zeros(2, np.float32)))
    assert found.shape == (2, row_bytes(3)) == (2, 8)
    np.testing.assert_allclose(scales, np.float32(2 * 1.25 / 127))
    np.testing.assert_array_equal(found[0], [51, -102, 25, 0, 0, 0, 0, 0])
    assert not found[1].any()


def test_the_last_layer_stays_float_where_classes_can_be_added() -> None:
    wanted = with_int8_weights(random_head((16, 8, 5)))
    assert int8_layers(wanted, grows=True) == {0}
    image = head_image(wanted, class_count=4)
    twin = TwinModel(image)
    twin.invoke(np.zeros((1, 16), np.int8))
    twin.grow("new")
    assert twin.step(4).status == "ok"
    assert refusal_of_storage(image, 1) == "malformed"
    assert int8_layers(wanted, grows=False) == {0, 1}


def refusal_of_storage(image: bytes, number: int) -> str:
    """Claim int8 weights for a layer that has floats."""
    section = head_of(image)
    place = section.layers + number * records.size(records.LayerRecord)
    record = records.unpack(records.LayerRecord, image, place)._replace(weight_storage=1, rows_at_once=1)
    changed = image[:place] + records.pack(record) + image[place + records.size(records.LayerRecord) :]
    with pytest.raises(TinytlError) as raised:
        TwinModel(with_crc(changed))
    return "malformed" if "malformed" in str(raised.value) else str(raised.value)


@pytest.mark.parametrize(
    "settings", [{"momentum": 0.9}, {"optimizer": "adam"}, {"clip_norm": 1.0}, {"accumulation": 2}], ids=lambda each: next(iter(each))
)
def test_plain_sgd_alone(settings: dict[str, float]) -> None:
    with pytest.raises(ModelError) as raised:
        Learning(weights="int8", **settings)
    assert str(raised.value) == (
        "int8 weights with momentum, Adam, clip_norm or accumulation; expected plain SGD, which keeps nothing beside a weight\n"
        "hint: set momentum 0, optimizer sgd, clip_norm 0, accumulation 1, or keep float32 weights"
    )


def test_weights_of_no_kind() -> None:
    with pytest.raises(ModelError, match="the head's weights is 'int4'; expected float32, int8"):
        Learning(weights="int4")


def test_a_gradient_beyond_the_floats_is_said_and_changes_nothing() -> None:
    """A scale so small that a step would be infinite."""
    tiny = np.full((4, 16), 1e-37, np.float32)
    wanted = Head((dense_layer("d", tiny, np.zeros(4, np.float32)),), Learning(1.0, replays_per_step=0, weights="int8"))
    twin = TwinModel(head_image(wanted, outputs=(Feature(16, 1e30),)))
    before = twin.parameters.tobytes()[:64]
    twin.invoke(np.full((1, 16), 100, np.int8))
    assert twin.step(0).status == "diverged"
    assert twin.parameters.tobytes()[:64] == before
