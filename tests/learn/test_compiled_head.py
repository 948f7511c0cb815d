# SPDX-License-Identifier: Apache-2.0
"""The learner behind a real extractor: an image of a whole bundle, features from its own operators."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from head_image import Feature, dequantized, head_of, with_head
from head_reference import ReferenceHead
from teaching import relative_difference

from tinytl.bundle.bundle import Bundle, read_bundle
from tinytl.compiler import compile_bundle, records
from tinytl.data.dataset import Dataset
from tinytl.errors import CompileError
from tinytl.exporting.export import export
from tinytl.training.run_folder import Run
from tinytl_bridge.twin import TwinModel


@pytest.fixture(scope="module")
def bundle(tiny_bundle: Path) -> Bundle:
    return read_bundle(tiny_bundle)


def samples(bundle: Bundle, dataset: Dataset, count: int) -> tuple[np.ndarray, np.ndarray]:
    from tinytl.data.preprocess import fit_samples, quantize_samples

    given, low_high = bundle.manifest["input"], tuple(bundle.manifest["preprocessing"]["range"])
    real = fit_samples(dataset.x_train[:count], shape=tuple(given["shape"]), value_range=low_high)
    return quantize_samples(real, scale=given["scale"], zero_point=given["zero_point"]), dataset.y_train[:count]


def outputs_of(bundle: Bundle) -> tuple[Feature, ...]:
    return tuple(Feature(int(np.prod(each["shape"])), each["scale"], each["zero_point"]) for each in bundle.manifest["features"])


def test_bundle_learns_as_the_reference(bundle: Bundle, tiny_dataset: Dataset) -> None:
    assert_learns_as_the_reference(bundle, tiny_dataset)


def test_a_part_of_a_convolution_learns_as_the_reference(tiny_run: Run, tiny_dataset: Dataset, tmp_path: Path) -> None:
    """Of twelve channels three train; the others come pooled from the extractor and are joined with them."""
    part = export(tiny_run, dataset=tiny_dataset, plan="fc+conv1:25%", out=tmp_path / "part.tinytl")
    assert [layer.kind for layer in part.head.layers] == ["conv_2d", "max_pool", "concatenate", "dense", "dense"]
    assert_learns_as_the_reference(part, tiny_dataset)


def assert_learns_as_the_reference(bundle: Bundle, tiny_dataset: Dataset) -> None:
    quiet = replace(bundle.head, learning=replace(bundle.head.learning, replays_per_step=0, learning_rate=0.01))
    twin, reference = TwinModel(compile_bundle(replace(bundle, head=quiet)).data), ReferenceHead(quiet)
    for x, label in zip(*samples(bundle, tiny_dataset, 120), strict=True):
        features = np.concatenate([part.ravel() for part in twin.invoke(x[None])])
        assert twin.step(int(label)).status == "ok"
        reference.step(dequantized(features, outputs_of(bundle)), int(label))
    for layer, weights, bias in zip(twin.image.layers, reference.weights, reference.biases, strict=True):
        if weights is None:
            continue
        found = twin.parameters[layer.weights : layer.weights + weights.size].reshape(weights.shape)
        assert relative_difference(found, weights) < 1e-4
        assert relative_difference(twin.parameters[layer.bias : layer.bias + len(bias)], bias) < 1e-4


def test_step_leaves_the_graph_outputs_and_may_be_repeated(bundle: Bundle, tiny_dataset: Dataset) -> None:
    twin = TwinModel(compile_bundle(bundle).data)
    x, labels = samples(bundle, tiny_dataset, 3)
    before = twin.invoke(x[:1])
    losses = [twin.step(int(labels[0])).loss for _ in range(4)]
    after = [twin.tensor(number) for number in twin.image.outputs]
    np.testing.assert_array_equal(before, after)
    assert losses[3] < losses[0]
    assert twin.infer()[0] == int(labels[0])


@pytest.mark.parametrize(("name", "at"), [("parameters", 40), ("replay_buffer", 84)])
def test_what_stays_may_touch_no_tensor(bundle: Bundle, name: str, at: int) -> None:
    """Everything else is moved to the end of a larger arena; at 0 lie only tensors of the graph."""
    image = compile_bundle(bundle).data
    arena, head = records.unpack(records.Header, image, 0).arena_bytes, head_of(image)
    roomy = records.pack(records.unpack(records.Header, image, 0)._replace(arena_bytes=arena + 65536)) + image[records.HEADER_BYTES :]
    places, free = {}, arena
    buffer_bytes = head.replay_capacity * (head.feature_count + 2) + 3
    for each, size in (("parameters", 4 * head.parameter_count), ("replay_buffer", buffer_bytes)):
        places[each], free = free, free + -(-size // 16) * 16
    assert TwinModel(with_head(roomy, **places)).image.head is not None
    with pytest.raises(CompileError, match=rf"malformed \(its field at byte {at}\)$"):
        TwinModel(with_head(roomy, **places | {name: 0}))
