# SPDX-License-Identifier: Apache-2.0
"""Both engines on the same samples: features, classes before teaching, accuracy after it, latency.

In: a bundle and prepared samples of a training split. Out: an `EngineComparison`. A fourth of each class is held out: both heads begin as
the factory's, learn the others in the same order, and are judged on that fourth; a test split is never touched. The head is the twin's
with either engine; only the features that it is given differ.
"""

from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any, Protocol

import numpy as np

from tinytl.bundle.bundle import Bundle
from tinytl.errors import BenchError
from tinytl_bridge.engines.feature_differences import FeatureDifferences, differences_of
from tinytl_bridge.engines.judging import HELD_OUT, TaughtHead, classes_of, held_out_mask, taught_head
from tinytl_bridge.engines.runtime import runtime_extractor
from tinytl_bridge.engines.timing import extraction_latency, fastest_litert
from tinytl_bridge.machine.latency import Latency
from tinytl_bridge.targets.extraction import Extractor

TIMED_CALLS = 200


class Engine(Extractor, Protocol):
    """An extractor that says what it is: `RuntimeExtractor`, `LitertExtractor`."""

    name: str
    version: str
    kernels: str
    num_threads: int


@dataclass(frozen=True)
class EngineFigures:
    """What one engine did.

    Attributes:
        engine: "runtime" or "litert". version, kernels: what ran. num_threads: it had.
        head: taught on its features. latency: of one sample: put into the model's input, its features written.
    """

    engine: str
    version: str
    kernels: str
    num_threads: int
    head: TaughtHead
    latency: Latency


@dataclass(frozen=True)
class EngineComparison:
    """Both engines on the same samples.

    Attributes:
        bundle: its name. bundle_id: 32 hex digits. data: what the samples are called. measured_at: UTC, ISO 8601.
        taught, held_out: samples that were learned and judged by.
        features: how they differ, of all samples.
        classes_differing: of all samples those that the factory head puts into another class.
        runtime, litert: each engine's figures.
        xnnpack_operators: that XNNPACK runs. other_operators: names of those that it left to LiteRT.
    """

    bundle: str
    bundle_id: str
    data: str
    measured_at: str
    taught: int
    held_out: int
    features: FeatureDifferences
    classes_differing: int
    runtime: EngineFigures
    litert: EngineFigures
    xnnpack_operators: int
    other_operators: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """Return the object for `json.dump`."""
        return asdict(self)


def compare_engines(
    bundle: Bundle,
    samples: np.ndarray,
    labels: np.ndarray,
    *,
    data: str,
    num_threads: int | None = None,
    timed_calls: int = TIMED_CALLS,
    most_seconds: float = 30.0,
) -> EngineComparison:
    """Measure both engines.

    Args:
        bundle: as `read_bundle` returns it.
        samples: (N, input_bytes) int8, prepared, of a training split, in the order in which they are taught.
        labels: (N,) numbers of the bundle's classes.
        data: what the samples are called, for who reads the figures.
        num_threads: of LiteRT; None: as many as are fastest, up to `default_threads`.
        timed_calls: of each engine, after a tenth as many of warm-up. most_seconds: bound on timing one engine, in s.

    Raises:
        BenchError: samples or labels that do not fit, or too few of every class to hold one out.
        DeviceError, ModelError: as `LitertExtractor`. CompileError: as `compile_bundle`.
    """
    runtime = runtime_extractor(bundle)
    _check(bundle, samples, labels, runtime.input_bytes)
    litert = fastest_litert(bundle, runtime, samples, num_threads=num_threads)
    held_out = held_out_mask(labels)
    engines: tuple[Engine, Engine] = (runtime, litert)
    features = [extract_all(engine, samples) for engine in engines]
    classes = [classes_of(runtime.model, each) for each in features]
    heads = [taught_head(runtime.model, each, labels, held_out) for each in features]
    latencies = [extraction_latency(runtime, other, samples, count=timed_calls, most_seconds=most_seconds) for other in (None, litert)]
    figures = [
        EngineFigures(engine.name, engine.version, engine.kernels, engine.num_threads, head, latency)
        for engine, head, latency in zip(engines, heads, latencies, strict=True)
    ]
    return EngineComparison(
        bundle=bundle.manifest["name"],
        bundle_id=bundle.bundle_id.hex(),
        data=data,
        measured_at=datetime.now(UTC).isoformat(timespec="seconds"),
        taught=int((~held_out).sum()),
        held_out=int(held_out.sum()),
        features=differences_of(*features),
        classes_differing=int((classes[0] != classes[1]).sum()),
        runtime=figures[0],
        litert=figures[1],
        xnnpack_operators=litert.delegation.taken,
        other_operators=litert.delegation.left,
    )


def extract_all(extractor: Extractor, samples: np.ndarray) -> np.ndarray:
    """Return features (N, feature_count) int8 of samples (N, input_bytes) int8."""
    return np.stack([extractor.extract(sample) for sample in samples])


def _check(bundle: Bundle, samples: np.ndarray, labels: np.ndarray, input_bytes: int) -> None:
    if samples.dtype != np.int8 or samples.ndim != 2 or samples.shape[1] != input_bytes:
        raise BenchError(f"samples are {samples.dtype} {samples.shape}", expected=f"prepared ones, int8 (N, {input_bytes})")
    if len(labels) != len(samples):
        raise BenchError(f"{len(samples)} samples and {len(labels)} labels", expected="as many of both")
    classes = len(bundle.manifest["labels"])
    if len(labels) and not 0 <= labels.min() <= labels.max() < classes:
        raise BenchError(f"labels from {labels.min()} to {labels.max()}", expected=f"0 to {classes - 1}, the bundle's classes")
    if not held_out_mask(labels).any():
        expected = f"{HELD_OUT} or more of a class: every fourth is held out to judge by"
        raise BenchError(f"{len(samples)} samples are too few to compare engines", expected=expected)
