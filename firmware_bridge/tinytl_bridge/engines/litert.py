# SPDX-License-Identifier: Apache-2.0
"""The engine `litert`: a bundle's extractor run by LiteRT with XNNPACK, on several threads.

In: samples (input_bytes,) int8. Out: features (feature_count,) int8, all outputs side by side, as an image of the bundle has them. XNNPACK
rounds otherwise than the runtime and LiteRT's reference kernels: `compare_engines` tells by how much. That XNNPACK runs is asked of the
interpreter, never taken for granted: with none of the operators in it the extractor is refused. The package for 32-bit systems is the
exception: `tflite_runtime` has no XNNPACK for int8, so there LiteRT's own optimized kernels run, and `kernels` says so.
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
from tinytl.tflite.signature import Signature, read_signature
from tinytl_bridge.engines.delegation import Delegation, delegation_of

MOST_THREADS = 4
"""By default: a Raspberry Pi's cores. More gain nothing on extractors of this size."""
_PACKAGES = {"ai_edge_litert": "ai-edge-litert", "tflite_runtime": "tflite-runtime", "tensorflow": "tensorflow"}
_WITHOUT_XNNPACK = "tflite_runtime"
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
        name: "litert". num_threads: as given or found. kernels: whose they are, in a word or two. delegation: what XNNPACK took.
        version: package and version that run it. input_bytes, feature_count: sizes of a sample and of its features.

    Raises:
        DeviceError: LiteRT is missing, XNNPACK took none of the operators, or LiteRT is known to crash on it.
        ModelError: a damaged file, one that LiteRT refuses, or ends that are not int8.
    """

    name = "litert"

    def __init__(self, extractor: bytes, *, bundle_id: bytes = b"", num_threads: int | None = None) -> None:
        self.bundle_id = bundle_id
        self.num_threads = default_threads() if num_threads is None else num_threads
        if self.num_threads < 1:
            raise DeviceError(f"{self.num_threads} threads", expected="1 or more")
        _expect_int8_ends(read_signature(extractor))
        module = _module()
        package = module.__name__.partition(".")[0]
        self.version = _version_of(package)
        self._interpreter = _opened(module, extractor, self.num_threads)
        self.delegation: Delegation = delegation_of(self._interpreter)
        expect_delegated(self.delegation, needs_xnnpack=package != _WITHOUT_XNNPACK)
        self.kernels = "XNNPACK" if self.delegation.taken else "LiteRT's own, without XNNPACK"
        start, outputs = self._interpreter.get_input_details()[0], self._interpreter.get_output_details()
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


def expect_delegated(delegation: Delegation, *, needs_xnnpack: bool) -> None:
    """Refuse an extractor that LiteRT would not run as it is meant to.

    Args:
        delegation: of its interpreter. needs_xnnpack: whether XNNPACK must have taken one operator or more.

    Raises:
        DeviceError: XNNPACK took none; there is no operator; or a convolution that LiteRT is known to crash on.
    """
    if "DEPTHWISE_CONV_2D" in delegation.without_bias:  # seen to end the process in ai-edge-litert 2.3.0; the reference kernels run it
        what = "the extractor has a DEPTHWISE_CONV_2D without bias, which LiteRT crashes on"
        raise DeviceError(what, expected="a bias, zeros will do", hint=_RUNTIME_HINT)
    if not delegation.taken and not delegation.left:
        raise DeviceError("the extractor has no operators", expected="one or more", hint=_RUNTIME_HINT)
    if not delegation.taken and needs_xnnpack:
        operators = ", ".join(sorted(set(delegation.left)))
        raise DeviceError(f"XNNPACK takes no operator of the extractor: {operators}", expected="one or more", hint=_RUNTIME_HINT)


def _expect_int8_ends(signature: Signature) -> None:
    if len(signature.inputs) != 1:
        raise ModelError(f"the extractor has {len(signature.inputs)} inputs", expected="one")
    for tensor in (*signature.inputs, *signature.outputs):
        if tensor.dtype != "int8":
            raise ModelError(f"tensor {tensor.name!r} of the extractor is {tensor.dtype}", expected="an int8 input and int8 features")


def _has_variables(extractor: bytes) -> bool:
    """Say whether the graph keeps a state between samples, which each of ours begins without."""
    graph = tflite.Model.GetRootAs(extractor, 0).Subgraphs(0)
    return any(graph.Tensors(number).IsVariable() for number in range(graph.TensorsLength()))
