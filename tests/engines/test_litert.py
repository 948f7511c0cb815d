# SPDX-License-Identifier: Apache-2.0
"""The engine `litert`: XNNPACK runs, threads do not change a byte, what it cannot run is refused in words."""

import re

import numpy as np
import pytest
from digit_samples import digits, prepared
from random_graphs import random_graph
from tflite_writer import ModelWriter

from tinytl.errors import DeviceError, ModelError
from tinytl.tflite import interpreter
from tinytl.tflite.identity_model import identity_tflite
from tinytl_bridge.engines import LitertExtractor, litert_extractor
from tinytl_bridge.engines.delegation import Delegation, delegation_of
from tinytl_bridge.engines.litert import MOST_THREADS, default_threads, expect_delegated
from two_ended_model import two_ended


def depthwise(*, bias: bool) -> bytes:
    """One 3×3 depthwise convolution of 4 channels over 6×6."""
    random, writer = np.random.default_rng(1), ModelWriter()
    start, end = writer.tensor("in", (1, 6, 6, 4)), writer.tensor("out", (1, 6, 6, 4))
    weights = writer.tensor("weights", (1, 3, 3, 4), "int8", 0.01, 0, random.integers(-127, 128, (1, 3, 3, 4)))
    numbers = [start, weights]
    if bias:
        numbers.append(writer.tensor("bias", (4,), "int32", 0.0005, 0, np.zeros(4, np.int32)))
    writer.node("DEPTHWISE_CONV_2D", numbers, end, 1, "DepthwiseConv2DOptions", StrideH=1, StrideW=1, DepthMultiplier=1)
    return writer.bytes([start], [end])


def test_xnnpack_runs_the_extractor() -> None:
    extractor = litert_extractor(digits(), num_threads=1)
    assert extractor.delegation == Delegation(partitions=1, taken=7, left=("AVERAGE_POOL_2D",))
    assert extractor.kernels == "XNNPACK"
    assert re.fullmatch(r"(ai-edge-litert|tflite-runtime|tensorflow) \d+\..*", extractor.version)
    module = interpreter.interpreter_module()
    kernels = module.OpResolverType.BUILTIN_REF
    plain = module.Interpreter(model_content=digits().extractor, experimental_op_resolver_type=kernels)
    plain.allocate_tensors()
    assert delegation_of(plain).taken == 0 and len(delegation_of(plain).left) == 8


def test_features_are_those_of_the_reference_kernels_but_for_rounding() -> None:
    extractor, bundle = litert_extractor(digits()), digits()
    assert (extractor.input_bytes, extractor.feature_count) == (784, 288)
    found = np.stack([extractor.extract(sample) for sample in bundle.check_inputs])
    assert found.dtype == np.int8 and found.shape == bundle.check_features.shape
    assert np.abs(found.astype(int) - bundle.check_features).mean() < 0.2


def test_threads_change_no_byte() -> None:
    samples, _ = prepared(40)
    one, two = [litert_extractor(digits(), num_threads=threads) for threads in (1, 2)]
    for sample in samples:
        assert one.extract(sample).tobytes() == two.extract(sample).tobytes()


def test_threads_are_the_cores_up_to_four() -> None:
    assert 1 <= default_threads() <= MOST_THREADS == 4
    assert litert_extractor(digits()).num_threads == default_threads()
    with pytest.raises(DeviceError, match=r"^0 threads; expected 1 or more$"):
        litert_extractor(digits(), num_threads=0)


def test_without_litert_the_refusal_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(interpreter, "_PROVIDERS", ())
    with pytest.raises(
        DeviceError, match=r"^the engine litert: no LiteRT interpreter is installed; expected .*\nhint: pip install .*\[pi\]"
    ):
        litert_extractor(digits())


def test_a_graph_that_xnnpack_takes_nothing_of_is_refused() -> None:
    with pytest.raises(DeviceError, match=r"^the extractor has no operators; expected one or more\nhint: use the engine runtime$"):
        LitertExtractor(identity_tflite((4, 4, 1), low=0.0, high=1.0))
    text = r"^XNNPACK takes no operator of the extractor: AVERAGE_POOL_2D, CONV_2D; expected one or more\nhint: use the engine runtime$"
    left = Delegation(partitions=0, taken=0, left=("CONV_2D", "CONV_2D", "AVERAGE_POOL_2D"))
    with pytest.raises(DeviceError, match=text):
        expect_delegated(left, needs_xnnpack=True)
    expect_delegated(left, needs_xnnpack=False)  # tflite_runtime has no XNNPACK for int8


def test_a_depthwise_convolution_needs_a_bias() -> None:
    """Without one LiteRT's kernel ends the process."""
    assert LitertExtractor(depthwise(bias=True)).extract(np.zeros(144, np.int8)).shape == (144,)
    text = (
        "^the extractor has a DEPTHWISE_CONV_2D without bias, which LiteRT crashes on; expected a bias, zeros will do\nhint: use the engine"
    )
    with pytest.raises(DeviceError, match=text):
        LitertExtractor(depthwise(bias=False))


def test_other_ends_and_samples_are_refused() -> None:
    with pytest.raises(ModelError, match=r"^the model is no \.tflite file"):
        LitertExtractor(b"no model at all, but long enough")
    with pytest.raises(
        ModelError, match=r"^LiteRT refuses the extractor: .*scale.*; expected a \.tflite file that it runs\nhint: use the engine"
    ):
        LitertExtractor(random_graph(2))
    with pytest.raises(ModelError, match=r"^the extractor has 2 inputs; expected one$"):
        LitertExtractor(two_ended())
    with pytest.raises(DeviceError, match=r"^the sample is int8 \(783,\); expected int8 \(784,\)$"):
        litert_extractor(digits()).extract(np.zeros(783, np.int8))
    with pytest.raises(DeviceError, match=r"^the sample is float32 \(784,\); expected int8 \(784,\)$"):
        litert_extractor(digits()).extract(np.zeros(784, np.float32))
