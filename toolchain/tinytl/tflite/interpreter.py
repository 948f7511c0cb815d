# SPDX-License-Identifier: Apache-2.0
"""LiteRT behind one class, whichever package provides it: the oracle that every kernel and device is compared with.

In: the bytes of a .tflite file with one input. Out: the arrays that its outputs hold for each sample, always computed
by the plain reference kernels (`BUILTIN_REF`): the default ones (XNNPACK) round differently. `ai_edge_litert`,
`tflite_runtime` (32-bit Raspberry Pis, NumPy 1) and `tensorflow` have the same interpreter under three names; the
smallest one that is installed is taken.
"""

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import numpy as np

from tinytl import install_hint
from tinytl.errors import ModelError

# Each has `Interpreter` and `OpResolverType`.
_PROVIDERS = ("ai_edge_litert.interpreter", "tflite_runtime.interpreter", "tensorflow.lite.python.interpreter")


@dataclass(frozen=True)
class Tensor:
    """One tensor of a .tflite graph.

    Attributes:
        index: in the file's tensor list. name: as the file says.
        shape: as allocated. dtype: NumPy's.
        scale, zero_point: of per-tensor quantization; scale 0.0 where there is none.
        value: a copy of the content, or None where only the description was asked for.
    """

    index: int
    name: str
    shape: tuple[int, ...]
    dtype: np.dtype
    scale: float
    zero_point: int
    value: np.ndarray | None = None

    @property
    def real(self) -> np.ndarray:
        """Content as float32: (q − zero_point) × scale where quantized. Raises ModelError without a content."""
        if self.value is None:
            raise ModelError(f"tensor {self.name!r} has no content", expected="a tensor of Interpreter.tensors()")
        if not self.scale:
            return self.value.astype(np.float32)
        return (self.value.astype(np.float32) - np.float32(self.zero_point)) * np.float32(self.scale)


class Interpreter:
    """Runs one .tflite graph with the reference kernels, sample by sample, each from the state zero (of an LSTM).

    Args:
        tflite: bytes of the file; one input, whose batch (first dimension) is 1 or left open.
        preserve_all: keep every intermediate tensor for `tensors()`; costs memory.

    Raises:
        ModelError: no interpreter is installed, or the bytes are no model that it can run.
    """

    def __init__(self, tflite: bytes, *, preserve_all: bool = False) -> None:
        make, resolver = _provider()
        try:
            self._interpreter = make(
                model_content=bytes(tflite),
                experimental_op_resolver_type=resolver,
                experimental_preserve_all_tensors=preserve_all,
            )
            self._interpreter.allocate_tensors()
        except (RuntimeError, ValueError) as error:
            raise ModelError(f"LiteRT refuses the model: {_first_line(error)}", expected="a .tflite file") from error
        details = self._interpreter.get_input_details()
        if len(details) != 1:
            raise ModelError(f"the model has {len(details)} inputs", expected="one")
        self._preserve_all = preserve_all
        self.input = _described(details[0])
        self.outputs = self._described_outputs()

    def run(self, x: np.ndarray) -> list[np.ndarray]:
        """Answer a batch.

        Args:
            x: (N, …) of the input's dtype; each sample holds as many elements as one input.

        Returns:
            For every output of the graph, (N, *shape without batch).

        Raises:
            ModelError: samples of another dtype or size.
        """
        samples = self._samples(x)
        answers = [np.empty((len(samples), *tensor.shape[1:]), tensor.dtype) for tensor in self.outputs]
        for number, sample in enumerate(samples):
            self._interpreter.reset_all_variables()
            self._interpreter.set_tensor(self.input.index, sample)
            self._interpreter.invoke()
            for answer, output in zip(answers, self.outputs, strict=True):
                answer[number] = self._interpreter.get_tensor(output.index)[0]
        return answers

    def tensors(self) -> tuple[Tensor, ...]:
        """Return every tensor that has a content after the last sample of the last `run` (`preserve_all` only)."""
        if not self._preserve_all:
            raise ModelError("intermediate tensors were not kept", expected="Interpreter(tflite, preserve_all=True)")
        tensors = []
        for detail in self._interpreter.get_tensor_details():
            try:
                value = self._interpreter.get_tensor(detail["index"])
            except ValueError:  # a kernel's private scratch, or a tensor that no operator writes
                continue
            tensors.append(_described(detail, np.array(value)))
        return tuple(tensors)

    def _described_outputs(self) -> tuple[Tensor, ...]:
        """Describe the outputs; a shape that the graph computes (of an open batch, for one) stands only once it has answered."""
        details = self._interpreter.get_output_details()
        if any(side < 0 for detail in details for side in detail["shape_signature"][1:]):
            self._interpreter.set_tensor(self.input.index, np.zeros(self.input.shape, self.input.dtype))
            self._interpreter.invoke()
            details = self._interpreter.get_output_details()
        return tuple(_described(detail) for detail in details)

    def _samples(self, x: np.ndarray) -> np.ndarray:
        expected = f"(N, {', '.join(str(side) for side in self.input.shape[1:])}) {self.input.dtype}"
        if x.dtype != self.input.dtype:
            raise ModelError(f"samples are {x.dtype}", expected=expected)
        if self.input.shape[:1] != (1,) or x.ndim < 2 or x[:1].size != np.prod(self.input.shape) * min(len(x), 1):
            raise ModelError(f"samples of shape {x.shape}", expected=expected)
        return x.reshape(len(x), *self.input.shape)


def _provider() -> tuple[Callable[..., Any], Any]:
    """Return an `Interpreter` class and its BUILTIN_REF resolver."""
    module = interpreter_module()
    return module.Interpreter, module.OpResolverType.BUILTIN_REF


def interpreter_module() -> Any:
    """Return the first installed module of those that have LiteRT's `Interpreter` and `OpResolverType`.

    Raises:
        ModelError: none is installed.
    """
    for module_name in _PROVIDERS:
        if module_name.startswith("tflite_runtime") and int(np.__version__.split(".")[0]) >= 2:
            continue  # built against NumPy 1: it imports, and fails at its first array
        try:
            return import_module(module_name)
        except ImportError:
            continue
    raise ModelError(
        "no LiteRT interpreter is installed",
        expected="one of ai_edge_litert, tflite_runtime (with numpy below 2), tensorflow",
        hint=f"pip install ai-edge-litert   (workstation: {install_hint.with_extra('host')})",
    )


def _described(detail: dict[str, Any], value: np.ndarray | None = None) -> Tensor:
    parameters = detail["quantization_parameters"]
    per_tensor = len(parameters["scales"]) == 1
    return Tensor(
        index=int(detail["index"]),
        name=str(detail["name"]),
        shape=tuple(int(side) for side in detail["shape"]),
        dtype=np.dtype(detail["dtype"]),
        scale=float(parameters["scales"][0]) if per_tensor else 0.0,
        zero_point=int(parameters["zero_points"][0]) if per_tensor else 0,
        value=value,
    )


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
