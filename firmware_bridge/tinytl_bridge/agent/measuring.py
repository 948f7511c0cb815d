# SPDX-License-Identifier: Apache-2.0
"""The agent's bench: both engines on this machine, beside its session: what is learned here is lost, and the session's head stays.

In: the bundle that came with the model, prepared samples with labels. Out: a document: what each engine takes, how they differ, which one
was chosen, and the state of the machine before and after.
"""

import io
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path
from typing import Any

import numpy as np

from tinytl.bundle.bundle import Bundle
from tinytl.errors import BenchError
from tinytl_bridge.agent.extractor_choice import ExtractorChoice
from tinytl_bridge.agent.kept_files import KeptFiles
from tinytl_bridge.engines import litert_extractor, runtime_extractor
from tinytl_bridge.engines.choice import measured_choice
from tinytl_bridge.engines.runtime import RuntimeExtractor
from tinytl_bridge.machine.bench_here import measure_machine
from tinytl_bridge.targets.extraction import Extractor
from tinytl_bridge.twin import library

_BUSY_S = 60.0
"""Most seconds of one call of `busy`."""


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

    def calls(self) -> dict[str, Callable[[Mapping[str, Any]], Mapping[str, Any]]]:
        """Return the calls by name."""
        return {"measure": self._measure, "busy": self._busy}

    def _measure(self, request: Mapping[str, Any]) -> Mapping[str, Any]:
        """Measure each engine and choose. request: `data`, what the samples are called; `count`, calls to time; `threads` of litert."""
        material = self._material(str(request.get("data", "samples")))
        threads, count = request.get("threads"), int(request.get("count", 200))
        choice = measured_choice(material.bundle, material.samples, material.labels, data=material.data, num_threads=threads)
        engines = {"runtime": _engine_figures(material, None, count)}
        if choice.comparison is not None:
            engines["litert"] = _engine_figures(material, litert_extractor(material.bundle, num_threads=threads), count)
        self._choice.take(choice, material.bundle)
        return {"engines": engines, "choice": choice.to_json(), "in_use": dict(self._choice.facts())}

    def _busy(self, request: Mapping[str, Any]) -> Mapping[str, Any]:
        """Infer without pause, for a meter beside this machine. request: `seconds`, `engine`. Returns how many inferences it were."""
        material = self._material("samples")
        seconds = min(float(request.get("seconds", 1.0)), _BUSY_S)
        extractor = litert_extractor(material.bundle) if request.get("engine") == "litert" else None
        infer = _Pair(runtime_extractor(material.bundle), extractor).infer
        turns, calls, end = cycle(material.samples), 0, time.monotonic() + seconds
        while time.monotonic() < end:
            infer(next(turns))
            calls += 1
        return {"inferences": calls}

    def _material(self, data: str) -> _Material:
        bundle, path = self._choice.bundle(), self._files.path("samples")
        if bundle is None or path is None:
            raise BenchError("the agent has no bundle or no samples to measure on", expected="both", hint="tinytl bench BUNDLE --target …")
        samples, labels = _arrays(path)
        return _Material(bundle, samples, labels, data)


def samples_file(samples: np.ndarray, labels: np.ndarray) -> bytes:
    """Return the file that `measure` reads.

    Args:
        samples: (N, input_bytes) int8, prepared. labels: (N,) numbers of the bundle's classes.
    """
    buffer = io.BytesIO()
    np.savez(buffer, samples=samples.astype(np.int8), labels=labels.astype(np.uint16))
    return buffer.getvalue()


def _arrays(path: Path) -> tuple[np.ndarray, np.ndarray]:
    try:
        with np.load(path, allow_pickle=False) as arrays:
            samples, labels = arrays["samples"], arrays["labels"].astype(int)
    except (OSError, ValueError, KeyError) as error:
        raise BenchError(f"the samples to measure on cannot be read: {error}", expected="an .npz of samples and labels") from error
    if samples.dtype != np.int8 or samples.ndim != 2 or labels.shape != samples.shape[:1] or not len(samples):
        raise BenchError(f"samples {samples.dtype} {samples.shape} with labels {labels.shape}", expected="int8 (N, input_bytes) and (N,)")
    return samples, labels


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
