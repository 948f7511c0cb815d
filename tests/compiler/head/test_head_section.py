# SPDX-License-Identifier: Apache-2.0
"""The head in an image: parameters and replay set arrive unchanged, buffers have their sizes, and what does not fit is
refused.
"""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from tflite_writer import ModelWriter

from tinytl.bundle.bundle import Bundle
from tinytl.compiler import compile_bundle, read_image
from tinytl.compiler.head.section import sample_buffer_bytes, sample_capacity
from tinytl.compiler.records import NONE
from tinytl.errors import CompileError, ModelError
from tinytl.head.layers import Head, HeadLayer, dense_layer
from tinytl.head.learning import Learning

FEATURES, HIDDEN, CLASSES, CAPACITY, REPLAYS = 12, 5, 3, 4, 7


def extractor(dtype: str = "int8") -> bytes:
    """[1, 3, 4, 1] → RELU → flat features."""
    writer = ModelWriter()
    a, b, c = (writer.tensor(name, (1, 3, 4, 1)) for name in ("in", "relu", "out"))
    c = writer.tensor("features", (1, 3, 4, 1), dtype, 0.05, 0)
    writer.node("RELU", [a], b)
    writer.node("QUANTIZE", [b], c) if dtype == "uint8" else writer.node("RELU6", [b], c)
    return writer.bytes([a], [c])


def make_bundle(**changes: Any) -> Bundle:
    random = np.random.default_rng(5)

    def layer(name: str, out: int, width: int, activation: str) -> HeadLayer:
        weights = random.normal(size=(out, width)).astype(np.float32)
        return dense_layer(name, weights, random.normal(size=out).astype(np.float32), activation)

    head = Head((layer("hidden", HIDDEN, FEATURES, "relu"), layer("classes", CLASSES, HIDDEN, "none")), Learning())
    manifest = {
        **{"name": "tiny", "labels": ["a", "b", "c"], "class_capacity": CAPACITY},
        "input": {"shape": [3, 4, 1], "scale": 0.05, "zero_point": 0},
    }
    bundle = Bundle(
        manifest,
        extractor(),
        head,
        random.integers(-128, 128, (REPLAYS, FEATURES)).astype(np.int8),
        random.integers(0, CLASSES, REPLAYS).astype(np.uint16),
        np.zeros((0, FEATURES), np.int8),
        np.zeros((0, FEATURES), np.int8),
        bytes(range(16)),
    )
    return replace(bundle, **changes)


def with_learning(**settings: Any) -> Bundle:
    bundle = make_bundle()
    return replace(bundle, head=replace(bundle.head, learning=Learning(**settings)))


def with_layer(number: int, **changes: Any) -> Bundle:
    bundle = make_bundle()
    layers = list(bundle.head.layers)
    layers[number] = replace(layers[number], **changes)
    return replace(bundle, head=replace(bundle.head, layers=tuple(layers)))


def test_parameters_arrive_with_reserved_rows() -> None:
    bundle = make_bundle()
    contents = read_image(compile_bundle(bundle).data)
    head, (hidden, classes) = contents.head, contents.layers
    assert head is not None
    parameters = contents.initial_parameters()
    stored = parameters[hidden.weights : hidden.weights + HIDDEN * FEATURES].reshape(HIDDEN, FEATURES)
    np.testing.assert_array_equal(stored, bundle.head.layers[0].weights)
    np.testing.assert_array_equal(parameters[hidden.bias : hidden.bias + HIDDEN], bundle.head.layers[0].bias)
    last = parameters[classes.weights : classes.weights + CAPACITY * HIDDEN].reshape(CAPACITY, HIDDEN)
    np.testing.assert_array_equal(last[:CLASSES], bundle.head.layers[1].weights)
    assert not last[CLASSES:].any()
    assert (classes.in_count, classes.out_count, classes.activation) == (HIDDEN, CAPACITY, 0)
    assert (hidden.activation, head.class_count, head.class_capacity) == (1, CLASSES, CAPACITY)
    assert head.parameter_count == parameters.size == classes.bias + CAPACITY
    assert contents.header.bundle_id == bytes(range(16))


def test_replay_set_arrives() -> None:
    bundle = make_bundle()
    contents = read_image(compile_bundle(bundle).data)
    head = contents.head
    assert head is not None
    assert head.replay_set_count == REPLAYS
    features = np.frombuffer(contents.data, np.int8, REPLAYS * FEATURES, head.replay_set_features)
    labels = np.frombuffer(contents.data, "<u2", REPLAYS, head.replay_set_labels)
    np.testing.assert_array_equal(features.reshape(REPLAYS, FEATURES), bundle.replay_features)
    np.testing.assert_array_equal(labels, bundle.replay_labels)


def test_empty_replay_set_has_no_offsets() -> None:
    bundle = make_bundle(replay_features=np.zeros((0, FEATURES), np.int8), replay_labels=np.zeros(0, np.uint16))
    head = read_image(compile_bundle(bundle).data).head
    assert head is not None
    assert (head.replay_set_count, head.replay_set_features, head.replay_set_labels) == (0, 0, 0)


def test_settings_arrive() -> None:
    settings = Learning(learning_rate=0.5, momentum=0.25, weight_decay=0.125, replays_per_step=9, seed=77)
    bundle = with_learning(**vars(settings))
    head = read_image(compile_bundle(bundle).data).head
    assert head is not None
    assert (head.learning_rate, head.momentum, head.weight_decay) == (0.5, 0.25, 0.125)
    assert (head.replays_per_step, head.seed, head.loss) == (9, 77, 1)


OPTIMIZERS = [
    ({"momentum": 0.9}, ("moments",)),
    ({"accumulation": 4}, ("gradients",)),
    ({"clip_norm": 1.0, "momentum": 0.5}, ("moments", "gradients")),
    ({"optimizer": "adam"}, ("moments", "second_moments", "gradients")),
]


@pytest.mark.parametrize(("settings", "buffers"), OPTIMIZERS)
def test_an_optimizer_has_the_buffers_that_it_needs(settings: dict[str, Any], buffers: tuple[str, ...]) -> None:
    plain, heavy = compile_bundle(make_bundle()), compile_bundle(with_learning(**settings))
    found = read_image(heavy.data).head
    assert found is not None
    assert {name for name in ("moments", "second_moments", "gradients") if getattr(found, name) != NONE} == set(buffers)
    parameters = next(each.bytes for each in plain.arena_map if each.name == "parameters")
    assert heavy.arena_bytes - plain.arena_bytes == len(buffers) * -(-parameters // 16) * 16


def test_no_replay_buffer_where_none_fits() -> None:
    image = compile_bundle(with_learning(replay_buffer_bytes=FEATURES + 1))
    assert read_image(image.data).head.replay_capacity == 0  # type: ignore[union-attr]
    assert "replay buffer" not in {each.name for each in image.arena_map}


@pytest.mark.parametrize("available", [0, 13, 14, 16, 100, 4096, 4097])
def test_replay_buffer_fills_what_it_is_given(available: int) -> None:
    capacity = sample_capacity(available, FEATURES)
    assert sample_buffer_bytes(capacity, FEATURES) <= available or capacity == 0
    assert sample_buffer_bytes(capacity + 1, FEATURES) > available


def test_metadata_is_enough_to_teach() -> None:
    metadata = read_image(compile_bundle(make_bundle()).data).metadata
    assert metadata["labels"] == ["a", "b", "c"]
    assert metadata["input"] == {"shape": [3, 4, 1], "scale": 0.05, "zero_point": 0}
    assert metadata["operators"] == ["relu relu"]  # of two that only clamp
    assert metadata["head"]["parameter_count"] == HIDDEN * FEATURES + HIDDEN + CAPACITY * HIDDEN + CAPACITY
    assert metadata["head"]["layers"][1] == {
        **{"kind": "dense", "name": "classes", "shape": [1, 1, CAPACITY], "activation": "none", "trains": CAPACITY * (HIDDEN + 1)},
    }


NAN = np.full(HIDDEN, np.nan, np.float32)
CASES = [
    (
        lambda: make_bundle(extractor=extractor("uint8")),
        "the extractor's output 'features' is uint8; expected int8 features",
    ),
    (
        lambda: with_layer(0, weights=np.zeros((HIDDEN, 9), np.float32)),
        "the head takes 9 numbers and the extractor gives 12; expected as many of both",
    ),
    (
        lambda: with_layer(1, weights=np.zeros((CLASSES, 9), np.float32)),
        "head layer 'classes' takes 9 numbers; expected 5, what comes before it",
    ),
    (lambda: with_layer(0, bias=np.zeros(2, np.float32)), "bias of head layer 'hidden' is (2,); expected (5,)"),
    (lambda: with_layer(0, bias=NAN), "head layer 'hidden' holds NaN or infinity; expected finite weights"),
    (lambda: with_layer(0, activation="tanh"), "head layer 'hidden' has activation 'tanh'; expected none, relu, relu6"),
    (
        lambda: with_layer(1, activation="relu"),
        "the last head layer 'classes' has activation 'relu'; expected none: the loss takes logits",
    ),
    (
        lambda: with_layer(1, weights=np.zeros((9, HIDDEN), np.float32), bias=np.zeros(9, np.float32)),
        "the head's last layer 'classes' has 9 rows; expected 3 (one a label) to 4 (class_capacity)",
    ),
    (
        lambda: make_bundle(manifest={**make_bundle().manifest, "class_capacity": 5000}),
        "the head has 3 classes and room for 5000; expected 1 to 4,096 of both",
    ),
    (lambda: make_bundle(head=Head(())), "the head has 0 layers; expected 1 to 64"),
    (lambda: with_learning(learning_rate=0.0), "the head's learning_rate is 0.0; expected a number from 1.1754944e-38 to 1e+30"),
    (lambda: with_learning(momentum=1.0), "the head's momentum is 1.0; expected a number from 0 to 0.99999994"),
    (
        lambda: with_learning(weight_decay=-1.0),
        "the head's weight_decay is -1.0; expected a number from 0 to 1e+30",
    ),
    (lambda: with_learning(replays_per_step=65), "the head's replays_per_step is 65; expected a whole number from 0 to 64"),
    (lambda: with_learning(seed=0), "the head's seed is 0; expected a whole number from 1 to 4,294,967,295"),
    (
        lambda: with_learning(loss="hinge"),
        "the head's loss is 'hinge'; expected softmax_cross_entropy, sigmoid_cross_entropy, squared_error",
    ),
    (
        lambda: make_bundle(replay_features=np.zeros((2, FEATURES), np.int8)),
        "the replay set has [2, 12] int8 features for 7 labels; expected int8, 12 for each",
    ),
    (
        lambda: make_bundle(replay_labels=np.full(REPLAYS, 3, np.uint16)),
        "the replay set has label 3; expected 0 to 2",
    ),
]


@pytest.mark.parametrize(("make", "text"), CASES, ids=[text[:40] for _, text in CASES])
def test_refusal(make: Any, text: str) -> None:
    with pytest.raises((CompileError, ModelError)) as caught:
        compile_bundle(make())
    assert str(caught.value).splitlines()[0] == text


def test_arena_over_the_limit_is_refused() -> None:
    bundle = make_bundle()
    image = compile_bundle(bundle)
    assert compile_bundle(bundle, ram_bytes=image.arena_bytes).data == image.data
    with pytest.raises(CompileError) as caught:
        compile_bundle(bundle, ram_bytes=1000)
    assert str(caught.value) == (
        f"the arena needs {image.arena_bytes:,} bytes, {image.arena_bytes - 1000:,} more than there are: activations 144 (busiest in the head's step), "
        "parameters 356, replay buffer 8,190, class names 32; "
        f"expected at most 1,000\n"
        f"hint: replay_buffer_bytes less by {image.arena_bytes - 1000:,} or more; "
        "a smaller input, fewer channels, or an earlier freeze plan"
    )


def test_other_kernel_families_are_refused() -> None:
    with pytest.raises(CompileError) as caught:
        compile_bundle(make_bundle(), family="avr")
    assert str(caught.value) == "kernel family 'avr' is unknown; expected portable, dsp, mve"
