# SPDX-License-Identifier: Apache-2.0
"""Both engines compared on real samples, and the choice between them."""

import json
from dataclasses import replace

import numpy as np
import pytest
from digit_samples import digits, prepared

from tinytl.compiler import compile_bundle
from tinytl.errors import BenchError
from tinytl.tflite import interpreter
from tinytl_bridge.engines import (
    UNMEASURED,
    EngineComparison,
    choose_engine,
    compare_engines,
    litert_extractor,
    measured_choice,
    runtime_extractor,
)  # fmt: skip
from tinytl_bridge.engines.choice import LEAST_HELD_OUT, default_margin
from tinytl_bridge.engines.comparison import extract_all
from tinytl_bridge.engines.feature_differences import differences_of
from tinytl_bridge.engines.judging import held_out_mask
from tinytl_bridge.engines.litert import default_threads
from tinytl_bridge.twin import TwinModel

COUNT = 240


@pytest.fixture(scope="module")
def comparison() -> EngineComparison:
    return compare_engines(digits(), *prepared(COUNT), data="uci-digits", num_threads=1, timed_calls=120)


def judged(comparison: EngineComparison, *, right: tuple[int, int], p50_ms: tuple[float, float], held_out: int = 100) -> EngineComparison:
    """A comparison with other figures of (runtime, litert)."""
    runtime, litert = (
        replace(figures, head=replace(figures.head, right_after=count), latency=replace(figures.latency, p50_ms=time))
        for figures, count, time in zip((comparison.runtime, comparison.litert), right, p50_ms, strict=True)
    )
    return replace(comparison, runtime=runtime, litert=litert, held_out=held_out)


def test_figures_are_those_of_the_engines(comparison: EngineComparison) -> None:
    samples, labels = prepared(COUNT)
    held_out = held_out_mask(labels)
    assert (comparison.taught, comparison.held_out) == (int((~held_out).sum()), int(held_out.sum()))
    for figures, engine in ((comparison.runtime, runtime_extractor(digits())), (comparison.litert, litert_extractor(digits()))):
        twin = TwinModel(compile_bundle(digits()).data)
        for sample, label in zip(samples[~held_out], labels[~held_out], strict=True):
            twin.put_features(engine.extract(sample))
            assert twin.step(int(label)).status == "ok"
        right = 0
        for sample, label in zip(samples[held_out], labels[held_out], strict=True):
            twin.put_features(engine.extract(sample))
            right += twin.infer()[0] == label
        assert figures.head.head_crc32 == f"{twin.head_crc32():08x}"
        assert (figures.head.right_after, figures.head.diverged) == (right, 0)
        assert figures.head.right_before < figures.head.right_after <= comparison.held_out
        assert (figures.engine, figures.num_threads) == (engine.name, 1)
        assert figures.latency.count == 120 and figures.latency.p50_ms > 0
    assert (comparison.runtime.kernels, comparison.litert.kernels) == ("portable C", "XNNPACK")
    assert comparison.xnnpack_operators == 7 and comparison.other_operators == ("AVERAGE_POOL_2D",)


def test_differences_are_counted(comparison: EngineComparison) -> None:
    samples, _ = prepared(COUNT)
    runtime, litert = (extract_all(engine, samples).astype(int) for engine in (runtime_extractor(digits()), litert_extractor(digits())))
    found, distances = comparison.features, np.abs(runtime - litert)
    assert (found.samples, found.features) == (COUNT, COUNT * 288)
    assert found.features_differing == np.count_nonzero(distances) == sum(found.histogram[1:])
    assert found.largest == distances.max() == len(found.histogram) - 1
    assert sum(found.histogram) == found.features
    assert found.samples_differing == np.count_nonzero(distances.max(axis=1))


def test_differences_of_the_whole_range() -> None:
    found = differences_of(np.array([[-128, 0], [5, 5]], np.int8), np.array([[127, 0], [5, 5]], np.int8))
    assert (found.samples_differing, found.features_differing, found.largest, found.histogram[255]) == (1, 1, 255, 1)
    with pytest.raises(BenchError, match=r"^features of shape \(2, 3\) and \(2, 4\); expected two of \(N, feature_count\), N 1 or more$"):
        differences_of(np.zeros((2, 3), np.int8), np.zeros((2, 4), np.int8))


def test_every_fourth_of_each_class_is_held_out() -> None:
    labels = np.array([0, 1, 0, 0, 1, 0, 1, 1, 0, 2])
    assert np.flatnonzero(held_out_mask(labels)).tolist() == [5, 7]
    assert not held_out_mask(np.array([0, 1, 2])).any()


def test_a_comparison_becomes_json(comparison: EngineComparison) -> None:
    fields = json.loads(json.dumps(choose_engine(comparison).to_json()))
    measured = fields["comparison"]
    assert fields["engine"] in ("runtime", "litert") and fields["margin_samples"] == default_margin(comparison.held_out)
    assert (measured["data"], measured["bundle"], measured["bundle_id"]) == ("uci-digits", "digits", digits().bundle_id.hex())
    assert measured["measured_at"].endswith("+00:00")
    assert measured["runtime"]["version"].startswith("tinytl ") and measured["litert"]["version"].startswith("ai-edge-litert ")
    assert measured["litert"]["latency"]["how"].startswith("wall clock, 120 calls after 12 of warm-up")
    assert json.loads(json.dumps(UNMEASURED.to_json()))["engine"] == "runtime"


@pytest.mark.parametrize(
    ("right", "p50_ms", "held_out", "engine", "reason"),
    [
        ((95, 94), (0.2, 0.05), 100, "litert", "litert takes 50 µs a sample at the median and runtime 200 µs, and litert has 94 of 100"),
        ((95, 93), (0.2, 0.05), 100, "runtime", "litert has 93 of 100 held-out samples right after teaching, runtime 95, below the margin of 1"),
        ((95, 99), (2.0, 2.0), 100, "runtime", "litert takes 2 ms a sample at the median and runtime 2 ms, so litert is no faster"),
        ((900, 895), (2.0, 1.0), 1000, "litert", "litert has 895 of 1000 held-out samples right after teaching, runtime 900, within the margin of 5"),
        ((900, 894), (2.0, 1.0), 1000, "runtime", "below the margin of 5"),
        ((39, 39), (2.0, 1.0), 39, "runtime", "39 held-out samples are too few to tell whether litert keeps the accuracy (40 would do)"),
    ],
)  # fmt: skip
def test_the_faster_one_that_keeps_the_accuracy(
    comparison: EngineComparison, right: tuple[int, int], p50_ms: tuple[float, float], held_out: int, engine: str, reason: str
) -> None:
    choice = choose_engine(judged(comparison, right=right, p50_ms=p50_ms, held_out=held_out))
    assert choice.engine == engine
    assert choice.reason.startswith(f"{engine}, because ") and choice.reason.endswith(".")
    assert reason in choice.reason


def test_a_margin_of_ones_own(comparison: EngineComparison) -> None:
    close = judged(comparison, right=(95, 94), p50_ms=(0.2, 0.05))
    assert choose_engine(close, margin_samples=0).engine == "runtime"
    assert choose_engine(close, margin_samples=1).engine == "litert"
    with pytest.raises(BenchError, match=r"^a margin of -1 samples; expected 0 or more$"):
        choose_engine(close, margin_samples=-1)


def test_without_litert_the_choice_is_the_runtime(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(interpreter, "_PROVIDERS", ())
    choice = measured_choice(digits(), *prepared(COUNT), data="uci-digits")
    assert (choice.engine, choice.comparison) == ("runtime", None)
    assert choice.reason == "runtime, because litert cannot be had: the engine litert: no LiteRT interpreter is installed."


@pytest.mark.long  # test_bench_on_agent.py has such a choice every day
def test_a_measured_choice_holds_its_measurement() -> None:
    samples, labels = prepared(COUNT)
    choice = measured_choice(digits(), samples, labels, data="uci-digits", margin_samples=COUNT)
    assert choice.comparison is not None and choice.comparison.held_out >= LEAST_HELD_OUT
    assert 1 <= choice.comparison.litert.num_threads <= default_threads()
    assert choice.engine in choice.reason


def test_samples_that_do_not_fit_are_refused() -> None:
    samples, labels = prepared(COUNT)
    for given, numbers, text in (
        (samples.astype(np.float32), labels, r"^samples are float32 \(240, 784\); expected prepared ones, int8 \(N, 784\)$"),
        (samples[:, :7], labels, r"^samples are int8 \(240, 7\); expected prepared ones, int8 \(N, 784\)$"),
        (samples, labels[1:], r"^240 samples and 239 labels; expected as many of both$"),
        (samples, labels + 1, r"^labels from 1 to 10; expected 0 to 9, the bundle's classes$"),
        (samples[:2], labels[:2], r"^2 samples are too few to compare engines; expected 4 or more of a class: every fourth is held out"),
    ):
        with pytest.raises(BenchError, match=text):
            compare_engines(digits(), given, numbers, data="x")
