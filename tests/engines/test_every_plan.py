# SPDX-License-Identifier: Apache-2.0
"""`litert` on bundles of every freeze plan and on published models: which feature is which, and how far rounding takes them."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from parity import samples_for

from published import published_file
from tinytl.bundle.bundle import Bundle, read_bundle
from tinytl.compiler import compile_tflite
from tinytl.cutting.tflite_cut import cut_tflite
from tinytl.data.dataset import Dataset
from tinytl.errors import DeviceError
from tinytl.exporting.export import export_model
from tinytl_bridge.engines import LitertExtractor, litert_extractor, measured_choice, runtime_extractor
from tinytl_bridge.engines.comparison import extract_all
from tinytl_bridge.engines.feature_differences import FeatureDifferences, differences_of
from tinytl_bridge.twin import TwinModel

MODELS = ("pretrainedResnet_quant", "kws_ref_model", "vww_96_int8", "ad01_int8")


def differences(bundle: Bundle) -> FeatureDifferences:
    return differences_of(*(extract_all(engine, bundle.check_inputs) for engine in (runtime_extractor(bundle), litert_extractor(bundle))))


def is_rounding(found: FeatureDifferences) -> bool:
    """Of features that stood in another order, most would differ, by tens."""
    return sum(found.histogram[:2]) > 0.99 * found.features and found.largest < 10


@pytest.mark.long
@pytest.mark.parametrize("plan", ["last-dense", "fc", "fc+conv1", "fc+conv2", "fc+conv1:25%", "bias-only", "bias+last-dense:1"])
def test_every_plan_has_its_features(tiny_model: Any, tiny_dataset: Dataset, tmp_path: Path, plan: str) -> None:
    path = tmp_path / "x.tinytl"
    export_model(tiny_model, tiny_dataset, plan=plan, out=path, model_name="own", value_range=(0.0, 1.0), replay_samples=20)
    found = differences(read_bundle(path))
    assert is_rounding(found)


@pytest.mark.long
def test_two_features_lie_side_by_side(woven_bundle: Path) -> None:
    found = differences(read_bundle(woven_bundle))
    assert is_rounding(found)


@pytest.mark.long
def test_a_head_that_is_the_whole_model_leaves_litert_nothing(tiny_model: Any, tiny_dataset: Dataset, tmp_path: Path) -> None:
    path = tmp_path / "x.tinytl"
    export_model(tiny_model, tiny_dataset, plan="all", out=path, model_name="own", value_range=(0.0, 1.0), replay_samples=20)
    bundle = read_bundle(path)
    with pytest.raises(DeviceError, match="the extractor has no operators"):
        litert_extractor(bundle)
    choice = measured_choice(bundle, bundle.check_inputs, np.zeros(len(bundle.check_inputs), int), data="check vectors")
    assert choice.reason == "runtime, because litert cannot be had: the extractor has no operators."


@pytest.mark.long
@pytest.mark.parametrize("name", MODELS)
def test_published_models_differ_by_rounding(name: str) -> None:
    data = published_file(f"mlperf_tiny/{name}.tflite").read_bytes()
    extractor = cut_tflite(data).extractor
    samples = samples_for(extractor, 24, seed=1)
    twin, litert = TwinModel(compile_tflite(extractor).data), LitertExtractor(extractor)
    found = differences_of(
        np.stack([twin.invoke(sample)[0].reshape(-1) for sample in samples]), extract_all(litert, samples.reshape(24, -1))
    )
    assert is_rounding(found)
