# SPDX-License-Identifier: Apache-2.0
"""The agent's bench: both engines on this machine, beside its session: what is learned here is lost, and the session's head stays.

In: the bundle that came with the model, prepared samples with labels. Out: a document: what each engine takes, how they differ, which one
was chosen, and the state of the machine before and after.
"""

import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path
from typing import Any

import numpy as np

from tinytl.bundle.archive import pack_arrays, unpack_arrays
from tinytl.bundle.bundle import Bundle
from tinytl.errors import BenchError, BundleError, DeviceError, ModelError
from tinytl_bridge.agent.extractor_choice import ExtractorChoice
from tinytl_bridge.agent.kept_files import NAMES, KeptFiles
from tinytl_bridge.engines import EngineChoice, LitertExtractor, runtime_extractor
from tinytl_bridge.engines.choice import measured_choice
from tinytl_bridge.engines.runtime import RuntimeExtractor
from tinytl_bridge.machine.bench_here import measure_machine
from tinytl_bridge.targets.extraction import Extractor
from tinytl_bridge.twin import library

_MOST_SAMPLES = 20_000
_BUSY_S = 60.0
"""Most seconds of one call of `busy`."""
_CALLS, _MOST_CALLS = 200, 100_000
_MOST_THREADS = 64
_NAME_CHARACTERS = 100
log = logging.getLogger("tinytl.agent")


@dataclass(frozen=True)
class _Material:
    """What is measured on: samples (N, input_bytes) int8, labels (N,), what they are called, and their bundle."""

    bundle: Bundle
    samples: np.ndarray
    labels: np.ndarray
    data: str


class Measuring:
    """The calls `measure` and `busy`.

    Args:
        files: with the bundle and the samples. choice: takes what a measurement chose.
    """

    def __init__(self, files: KeptFiles, choice: ExtractorChoice) -> None:
        self._files, self._choice = files, choice
        self._ready: tuple[object, Callable[[], object]] | None = None  # for `busy`, whose time must hold inferences alone

    def calls(self) -> dict[str, Callable[[Mapping[str, Any]], Mapping[str, Any]]]:
        """Return the calls by name."""
        return {"measure": self._measure, "busy": self._busy}

    def _measure(self, request: Mapping[str, Any]) -> Mapping[str, Any]:
        """Measure each engine and choose. request: `data`, what the samples are called; `count`, calls to time; `threads` of litert."""
        count = _number(request, "count", _CALLS, _MOST_CALLS)
        threads = _number(request, "threads", 0, _MOST_THREADS, least=0) or None
        material = self._material("".join(filter(str.isprintable, str(request.get("data", "samples"))))[:_NAME_CHARACTERS])
        litert, choice = self._compared(material, threads)
        engines = {"runtime": _engine_figures(material, None, count)}
        if litert is not None:
            engines["litert"] = _engine_figures(material, litert, count)
        log.info("measured %s on %s: %s", " and ".join(engines), material.data, choice.reason)
        self._choice.take(choice, material.bundle)
        return {"engines": engines, "choice": choice.to_json(), "in_use": dict(self._choice.facts())}

    def _compared(self, material: _Material, threads: int | None) -> tuple[LitertExtractor | None, EngineChoice]:
        """Return LiteRT with the threads that are fastest, None where it cannot be had, and the choice."""
        bundle = material.bundle
        try:
            litert = self._choice.litert(bundle, threads)
        except (DeviceError, ModelError) as error:
            return None, EngineChoice("runtime", f"runtime, because litert cannot be had: {error.what}.")
        try:
            choice = measured_choice(bundle, material.samples, material.labels, data=material.data, num_threads=threads)
        except BenchError as error:
            return litert, EngineChoice("runtime", f"runtime, because the engines cannot be compared: {error.what}.")
        return self._choice.litert(bundle, choice.comparison.litert.num_threads) if choice.comparison else litert, choice

    def _busy(self, request: Mapping[str, Any]) -> Mapping[str, Any]:
        """Infer without pause, for a meter beside this machine. request: `seconds`, `engine`. Returns how many inferences it were."""
        seconds = request.get("seconds", 1.0)
        if not isinstance(seconds, int | float) or not 0 < seconds <= _BUSY_S:
            raise BenchError(f"inferences for {seconds!r} s", expected=f"more than 0, at most {_BUSY_S:g}")
        infer, calls, end = self._inferring(request.get("engine") == "litert"), 0, time.monotonic() + seconds
        while time.monotonic() < end:
            infer()
            calls += 1
        return {"inferences": calls}

    def _inferring(self, by_litert: bool) -> Callable[[], object]:
        """Return what infers the next sample; made once for an engine and its files."""
        files = [path.stat().st_mtime_ns for path in map(self._files.path, NAMES) if path is not None]
        if self._ready is None or self._ready[0] != (by_litert, files):
            material = self._material("samples")
            threads = self._choice.measured_threads(material.bundle)
            litert = self._choice.litert(material.bundle, threads) if by_litert else None
            pair, turns = _Pair(runtime_extractor(material.bundle), litert), cycle(material.samples)
            self._ready = (by_litert, files), lambda: pair.infer(next(turns))
        return self._ready[1]

    def _material(self, data: str) -> _Material:
        bundle, path = self._choice.bundle(), self._files.path("samples")
        if bundle is None or path is None:
            raise BenchError("the agent has no bundle or no samples to measure on", expected="both", hint="tinytl bench BUNDLE --target …")
        samples, labels = _arrays(path)
        _expect_fit(samples, labels, bundle)
        return _Material(bundle, samples, labels, data)


def samples_file(samples: np.ndarray, labels: np.ndarray) -> bytes:
    """Return the file that `measure` reads.

    Args:
        samples: (N, input_bytes) int8, prepared. labels: (N,) numbers of the bundle's classes.
    """
    return pack_arrays({"samples": samples.astype(np.int8), "labels": labels.astype(np.uint16)})


def _arrays(path: Path) -> tuple[np.ndarray, np.ndarray]:
    try:
        arrays = unpack_arrays(path.read_bytes(), label="the file")
        samples, labels = arrays["samples"], arrays["labels"]
    except (OSError, BundleError, KeyError) as error:
        raise BenchError(f"the samples to measure on cannot be read: {error}", expected="an .npz of samples and labels") from error
    is_fitting = samples.dtype == np.int8 and samples.ndim == 2 and labels.dtype.kind in "iu" and labels.shape == samples.shape[:1]
    if not is_fitting or not 0 < len(samples) <= _MOST_SAMPLES:
        expected = f"int8 (N, input_bytes) and (N,) whole numbers, N at most {_MOST_SAMPLES:,}"
        raise BenchError(f"samples {samples.dtype} {samples.shape} with labels {labels.dtype} {labels.shape}", expected=expected)
    return samples, labels.astype(int)


def _expect_fit(samples: np.ndarray, labels: np.ndarray, bundle: Bundle) -> None:
    input_bytes, classes = runtime_extractor(bundle).input_bytes, len(bundle.manifest["labels"])
    if samples.shape[1] != input_bytes or not 0 <= labels.min() <= labels.max() < classes:
        raise BenchError(
            f"samples of {samples.shape[1]} bytes with labels from {labels.min()} to {labels.max()}",
            expected=f"samples of {input_bytes} bytes with labels from 0 to {classes - 1}, as {bundle.manifest['name']} takes them",
        )


def _number(request: Mapping[str, Any], name: str, default: int, most: int, *, least: int = 1) -> int:
    number = default if request.get(name) is None else request[name]
    if not isinstance(number, int) or not least <= number <= most:
        raise BenchError(f"{name} {number!r}", expected=f"a whole number from {least} to {most:,}")
    return number


class _Pair:
    """A model whose features come from its own kernels, or from another engine."""

    def __init__(self, runtime: RuntimeExtractor, extractor: Extractor | None) -> None:
        self._model, self._extractor, self._run = runtime.model, extractor, library().tinytl_model_invoke

    def _extract(self, sample: np.ndarray) -> None:
        if self._extractor is None:
            self._model.set_input(sample)
            self._run(self._model.address)
        else:
            self._model.put_features(self._extractor.extract(sample))

    def infer(self, sample: np.ndarray) -> int:
        """Return the class of a sample."""
        self._extract(sample)
        return self._model.infer()[0]

    def teach(self, sample: np.ndarray, label: int) -> None:
        """Learn a sample, with its replays."""
        self._extract(sample)
        self._model.step(label)


def _engine_figures(material: _Material, extractor: Extractor | None, count: int) -> dict[str, Any]:
    pair = _Pair(runtime_extractor(material.bundle), extractor)
    return measure_machine(pair.infer, pair.teach, samples=list(material.samples), labels=material.labels.tolist(), count=count)
