# SPDX-License-Identifier: Apache-2.0
"""The engine `litert`: a bundle's extractor run by LiteRT with XNNPACK, on several threads.

In: samples (input_bytes,) int8. Out: features (feature_count,) int8, all outputs side by side, as an image of the bundle has them. XNNPACK
rounds otherwise than the runtime and LiteRT's own kernels: `compare_engines` tells by how much. That XNNPACK runs is asked of the
interpreter, never taken for granted: with none of the operators in it the extractor is refused.
"""

import os
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import numpy as np
import tflite

from tinytl import install_hint
from tinytl.bundle.bundle import Bundle
from tinytl.errors import DeviceError, ModelError
from tinytl.tflite.interpreter import interpreter_module
from tinytl.tflite.litert_compatibility import readable_by_litert
from tinytl_bridge.engines.delegation import Delegation, delegation_of

MOST_THREADS = 4
"""By default: a Raspberry Pi's cores. More gain nothing on extractors of this size."""
_PACKAGES = {"ai_edge_litert": "ai-edge-litert", "tflite_runtime": "tflite-runtime", "tensorflow": "tensorflow"}
_RUNTIME_HINT = "use the engine runtime"


def default_threads() -> int:
    """Return the cores that this process may use, at most `MOST_THREADS`."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(cores, MOST_THREADS)


class LitertExtractor:
    """An extractor in LiteRT with XNNPACK.

    Args:
        extractor: bytes of a .tflite file with one int8 input and int8 outputs. bundle_id: 16 bytes, of the bundle that it is from.
        num_threads: 1 or more; None: `default_threads`.

    Attributes:
        name: "litert". num_threads: as given or found. delegation: what XNNPACK took.
        version: package and version that run it. input_bytes, feature_count: sizes of a sample and of its features.

    Raises:
        DeviceError: LiteRT is missing, or XNNPACK took none of the operators. ModelError: LiteRT refuses the model, or its ends are not int8.
    """

    name = "litert"

    def __init__(self, extractor: bytes, *, bundle_id: bytes = b"", num_threads: int | None = None) -> None:
        self.bundle_id = bundle_id
        self.num_threads = default_threads() if num_threads is None else num_threads
        if self.num_threads < 1:
            raise DeviceError(f"{self.num_threads} threads", expected="1 or more")
        module = _module()
        self.version = _version_of(module.__name__.partition(".")[0])
        self._interpreter = _opened(module, extractor, self.num_threads)
        self.delegation: Delegation = delegation_of(self._interpreter)
        if not self.delegation.taken:
            operators = ", ".join(sorted(set(self.delegation.left)))
            raise DeviceError(f"XNNPACK takes no operator of the extractor: {operators}", expected="one or more", hint=_RUNTIME_HINT)
        (start,), outputs = self._interpreter.get_input_details(), self._interpreter.get_output_details()
        _expect_int8([start, *outputs])
        self._start, self._shape = int(start["index"]), tuple(start["shape"])
        self._outputs = [int(detail["index"]) for detail in outputs]
        self.input_bytes = int(np.prod(start["shape"]))
        self.feature_count = sum(int(np.prod(detail["shape"])) for detail in outputs)
        self._has_state = _has_variables(extractor)

    def extract(self, sample: np.ndarray) -> np.ndarray:
        """Return the features (feature_count,) int8 of a sample (input_bytes,) int8.

        Raises:
            DeviceError: a sample of another dtype or size.
        """
        if sample.dtype != np.int8 or sample.size != self.input_bytes:
            raise DeviceError(f"the sample is {sample.dtype} {sample.shape}", expected=f"int8 ({self.input_bytes},)")
        if self._has_state:
            self._interpreter.reset_all_variables()
        self._interpreter.set_tensor(self._start, sample.reshape(self._shape))
        self._interpreter.invoke()
        features = [self._interpreter.get_tensor(number).reshape(-1) for number in self._outputs]
        return features[0] if len(features) == 1 else np.concatenate(features)


def litert_extractor(bundle: Bundle, *, num_threads: int | None = None) -> LitertExtractor:
    """Return a bundle's extractor in LiteRT. num_threads, Raises: as in `LitertExtractor`."""
    return LitertExtractor(bundle.extractor, bundle_id=bundle.bundle_id, num_threads=num_threads)


def _module() -> Any:
    try:
        return interpreter_module()
    except ModelError as error:
        raise DeviceError(f"the engine litert: {error.what}", expected=error.expected, hint=install_hint.with_extra("pi")) from error


def _version_of(package: str) -> str:
    name = _PACKAGES[package]
    try:
        return f"{name} {version(name)}"
    except PackageNotFoundError:  # a package of another name brings the module, such as tensorflow-cpu
        return name


def _opened(module: Any, extractor: bytes, num_threads: int) -> Any:
    try:
        interpreter = module.Interpreter(
            model_content=readable_by_litert(extractor),
            num_threads=num_threads,
            experimental_op_resolver_type=module.OpResolverType.BUILTIN,
        )
        interpreter.allocate_tensors()
    except (RuntimeError, ValueError) as error:
        line = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise ModelError(f"LiteRT refuses the extractor: {line}", expected="a .tflite file that it runs", hint=_RUNTIME_HINT) from error
    return interpreter


def _expect_int8(ends: list[dict[str, Any]]) -> None:
    for detail in ends:
        if np.dtype(detail["dtype"]) != np.int8:
            raise ModelError(f"tensor {detail['name']!r} is {np.dtype(detail['dtype'])}", expected="an int8 input and int8 features")


def _has_variables(extractor: bytes) -> bool:
    """Say whether the graph keeps a state between samples, which each of ours begins without."""
    graph = tflite.Model.GetRootAs(extractor, 0).Subgraphs(0)
    return any(graph.Tensors(number).IsVariable() for number in range(graph.TensorsLength()))
