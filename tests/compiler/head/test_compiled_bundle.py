# SPDX-License-Identifier: Apache-2.0
"""A real bundle, compiled: the twin answers its check vectors, learns from the factory head, and the image is a
function of the bundle.
"""

from pathlib import Path

import numpy as np
import pytest

from tinytl.bundle.bundle import Bundle, read_bundle
from tinytl.compiler import compile_bundle, read_image
from tinytl_bridge.twin import TwinModel, check_image


@pytest.fixture(scope="module")
def bundle(tiny_bundle: Path) -> Bundle:
    return read_bundle(tiny_bundle)


def test_twin_answers_the_check_vectors(bundle: Bundle) -> None:
    twin = TwinModel(compile_bundle(bundle).data)
    for sample, features in zip(bundle.check_inputs, bundle.check_features, strict=True):
        answer = np.concatenate([output.reshape(-1) for output in twin.invoke(sample)])
        np.testing.assert_array_equal(answer, features.reshape(-1))


def test_factory_head_is_the_bundle_s(bundle: Bundle) -> None:
    image = compile_bundle(bundle)
    twin, contents = TwinModel(image.data), read_image(image.data)
    np.testing.assert_array_equal(twin.parameters, contents.initial_parameters())
    twin.invoke(bundle.check_inputs[0])
    _, logits = twin.infer()
    assert contents.head is not None
    assert len(logits) == contents.head.class_count == len(bundle.manifest["labels"])


def test_steps_leave_the_features_readable(bundle: Bundle) -> None:
    """Inference, steps with replay, inference again on the same features: nothing that the head uses lies on them."""
    twin = TwinModel(compile_bundle(bundle).data)
    outputs = twin.invoke(bundle.check_inputs[0])
    before = twin.infer()[1]
    losses = [twin.step(1).loss for _ in range(5)]
    for found, expected in zip([twin.tensor(number) for number in twin.image.outputs], outputs, strict=True):
        np.testing.assert_array_equal(found, expected)
    assert losses[-1] < losses[0]
    assert not np.array_equal(twin.infer()[1], before)


def test_image_is_a_function_of_the_bundle(bundle: Bundle, tiny_bundle: Path) -> None:
    image = compile_bundle(bundle)
    check_image(image.data)
    assert compile_bundle(read_bundle(tiny_bundle)).data == image.data
    assert read_image(image.data).header.bundle_id == bundle.bundle_id
    assert image.metadata["name"] == bundle.manifest["name"]


def test_sizes_add_up(bundle: Bundle) -> None:
    image = compile_bundle(bundle)
    assert image.constant_bytes + image.head_bytes + image.replay_set_bytes < len(image.data)
    assert image.replay_set_bytes >= bundle.replay_features.size + 2 * len(bundle.replay_labels)
    assert image.arena_bytes == max(-(-(each.offset + each.bytes) // 16) * 16 for each in image.arena_map)
    assert sum(operator.macs for operator in image.operators) == bundle.manifest["macs"]["frozen"]
