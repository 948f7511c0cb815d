# SPDX-License-Identifier: Apache-2.0
"""How long features take, as a session has them: a sample is put into the model's input, its features stand in the outputs.

In: an engine and samples. Out: a `Latency`; or LiteRT with as many threads as are fastest. Threads change the time alone, no feature.
"""

import ctypes
from itertools import cycle

import numpy as np

from tinytl.bundle.bundle import Bundle
from tinytl_bridge.engines.litert import LitertExtractor, default_threads, litert_extractor
from tinytl_bridge.engines.runtime import RuntimeExtractor
from tinytl_bridge.machine.latency import Latency, measure_latency
from tinytl_bridge.targets.extraction import Extractor, put_features
from tinytl_bridge.twin import library

_TRIED_CALLS = 50
_TRIED_SECONDS = 5.0


def extraction_latency(
    runtime: RuntimeExtractor, other: Extractor | None, samples: np.ndarray, *, count: int, most_seconds: float
) -> Latency:
    """Time one sample after another.

    Args:
        runtime: whose model holds sample and features. other: what gives the features; None: the runtime's kernels.
        samples: (N, input_bytes) int8, taken in turn.
        count: calls that are timed, after a tenth as many of warm-up. most_seconds: bound on all of it, in s.
    """
    loaded, next_sample = library(), cycle([sample.tobytes() for sample in samples])
    model = runtime.model.address
    place = loaded.tinytl_model_input(model, 0)

    def call() -> None:
        ctypes.memmove(place, next(next_sample), runtime.input_bytes)
        if other is None:
            loaded.tinytl_model_invoke(model)
        else:
            put_features(model, other)

    return measure_latency(call, warmup=max(1, count // 10), count=count, max_seconds=most_seconds)


def fastest_litert(bundle: Bundle, runtime: RuntimeExtractor, samples: np.ndarray, *, num_threads: int | None) -> LitertExtractor:
    """Return a bundle's extractor in LiteRT with the threads that give the lowest median.

    Args:
        bundle: its extractor is run. runtime: of the same bundle. samples: (N, input_bytes) int8.
        num_threads: taken without trying others; None: 1, 2 and `default_threads` are tried.

    Raises:
        DeviceError, ModelError: as `LitertExtractor`.
    """
    if num_threads is not None:
        return litert_extractor(bundle, num_threads=num_threads)
    most = default_threads()
    tried = [litert_extractor(bundle, num_threads=threads) for threads in sorted({1, min(2, most), most})]
    times = [extraction_latency(runtime, each, samples, count=_TRIED_CALLS, most_seconds=_TRIED_SECONDS).p50_ms for each in tried]
    return tried[int(np.argmin(times))]
