# SPDX-License-Identifier: Apache-2.0
"""Any model on any target, arrays in and arrays out: no head, no labels, no preprocessing.

In: a model file, and for each graph input N samples stacked on axis 0, in the model's own type. Out: for each output its N answers,
stacked alike, byte for byte what the target computed. Everything that can be refused is refused before a target is touched.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from math import prod
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from tinytl.compiler import Image
from tinytl.compiler.records import HEADER_BYTES
from tinytl.errors import DataError
from tinytl.model_file import LOGITS, Ends, ModelFile, compile_model, ends_of
from tinytl.progress import Progress, silent
from tinytl.tflite.signature import TensorSpec
from tinytl_bridge.device import Device, connect
from tinytl_bridge.wire.protocol import Readable


@dataclass(frozen=True)
class Ran:
    """What a model answered.

    Attributes:
        inputs, outputs: the model's ends, shapes with batch.
        answers: output's name → (N, …) in the output's own type; of a bundle `logits` first, then the features.
    """

    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]
    answers: dict[str, np.ndarray]


def run_model(
    model: ModelFile, inputs: Mapping[str, np.ndarray], *, target: str, state_dir: Path | None = None, optimize: str = "speed",
    ram_bytes: int | None = None, flash_bytes: int | None = None, progress: Progress | None = None,
) -> Ran:  # fmt: skip
    """Run a model on samples.

    Args:
        model: a .tflite, or a bundle: its extractor and, in float32, its head.
        inputs: graph input's name → (N, *shape without batch), N the same for all and at least 1, of the input's own dtype. What is float32
            is finite; it is quantized by the graph's own QUANTIZE operator.
        target: as for `connect`. optimize, ram_bytes, flash_bytes: as for `Device.compile`.
        state_dir: of an emulated target or of the twin, to run on the device it keeps; by default a new one, so that no device of the
            user's changes. Where the device holds this very model already it is not flashed again, and a head answers as it was taught.
        progress: of the flashing, then told after each sample; None: nobody.

    Raises:
        DataError: missing or other inputs, a wrong type, shape or count, NaN or infinity. DeviceError: the target cannot be had.
        Refusal: the model does not fit it.
    """
    ends, report = ends_of(model, compile_model(model)), progress or silent
    samples = samples_of(ends, inputs)
    head = head_of(model)
    specs = (*((head,) if head else ()), *ends.outputs)
    answers = {spec.name: np.empty((len(samples), *sample_shape(spec)), spec.dtype) for spec in specs}
    with _connected(target, state_dir) as device:
        image = device.compile(model, optimize=optimize, ram_bytes=ram_bytes, flash_bytes=flash_bytes)
        flash_once(device, image, progress=report)
        for number, sample in enumerate(samples):
            for spec, answer in zip(specs, answer_of(device, sample, ends.outputs, head), strict=True):
                answers[spec.name][number] = answer
            report("run", number + 1, len(samples))
    return Ran(ends.inputs, specs, answers)


def head_of(model: ModelFile) -> TensorSpec | None:
    """Return what a bundle's head answers, as if it were a graph output; None for a .tflite."""
    return TensorSpec(LOGITS, (1, len(model.bundle.manifest["labels"])), "float32", 0.0, 0) if model.bundle else None


def sample_shape(spec: TensorSpec) -> tuple[int, ...]:
    """Return the shape of one sample of a tensor: without its batch of 1, where it has one."""
    return spec.shape[1:] if spec.shape[:1] == (1,) else spec.shape


def samples_of(ends: Ends, inputs: Mapping[str, np.ndarray]) -> list[bytes]:
    """Check inputs and return the bytes of each sample: all graph inputs, one after another.

    Raises:
        DataError: as `run_model`.
    """
    names = [spec.name for spec in ends.inputs]
    if set(inputs) != set(names):
        raise DataError(f"inputs {_listed(inputs)}", expected=_listed(names), hint="tinytl inspect MODEL names the inputs")
    counts = {name: len(_checked(spec, inputs[spec.name])) for spec, name in zip(ends.inputs, names, strict=True)}
    if len(set(counts.values())) > 1:
        listing = ", ".join(f"{count} of {name!r}" for name, count in counts.items())
        raise DataError(f"the inputs hold different numbers of samples: {listing}", expected="as many of each")
    return [b"".join(inputs[name][number].tobytes() for name in names) for number in range(counts[names[0]])]


def _checked(spec: TensorSpec, x: np.ndarray) -> np.ndarray:
    expected = f"(N, {', '.join(map(str, sample_shape(spec)))}) {spec.dtype}".replace("(N, )", "(N,)")
    where = f"input {spec.name!r}"
    if x.dtype != np.dtype(spec.dtype):
        raise DataError(f"{where}: samples are {x.dtype}", expected=expected, hint=_dtype_hint(spec, x.dtype))
    if x.ndim < 1 or x.shape[1:] != sample_shape(spec):
        missing_axis = x.shape == sample_shape(spec)
        raise DataError(f"{where}: samples of shape {x.shape}", expected=expected, hint="one sample alone: x[None]" if missing_axis else "")
    if len(x) == 0:
        raise DataError(f"{where}: no samples (shape {x.shape})", expected="at least one")
    if spec.dtype == "float32" and not np.isfinite(x).all():
        first = tuple(int(index) for index in np.argwhere(~np.isfinite(x))[0])
        raise DataError(f"{where}: sample {first[0]} holds {x[first]} at {first[1:]}", expected="finite numbers")
    return x


def _dtype_hint(spec: TensorSpec, given: np.dtype) -> str:
    if given.kind == "f" and spec.scale:
        return f"quantize them first: round(x / {spec.scale:g}) + {spec.zero_point}, clipped to {spec.dtype}"
    return f"x.astype('{spec.dtype}'), where that changes no value"


def _listed(names: object) -> str:
    return ", ".join(repr(name) for name in names) or "none"  # type: ignore[attr-defined]


@contextmanager
def _connected(target: str, state_dir: Path | None) -> Iterator[Device]:
    if state_dir is not None:
        with connect(target, state_dir=state_dir) as device:
            yield device
        return
    with TemporaryDirectory() as scratch, connect(target, state_dir=Path(scratch)) as device:
        yield device


def flash_once(device: Device, image: Image, *, progress: Progress | None = None) -> None:
    """Put an image onto a device, unless it runs this very image: its header holds the checksum of the rest.

    Args:
        device: connected. image: compiled for it. progress: told while it is sent; None: nobody.
    """
    loaded = device.status().model_status == "ok"
    if not loaded or device.read(Readable.HEADER, count=HEADER_BYTES) != image.data[:HEADER_BYTES]:
        device.flash(image, progress=progress)


def answer_of(device: Device, sample: bytes, outputs: tuple[TensorSpec, ...], head: TensorSpec | None = None) -> list[np.ndarray]:
    """Run one inference on a device; return the logits of its head, if any, then each graph output, of `sample_shape`.

    Args:
        device: with the image. sample: all graph inputs, one after another. outputs: of the graph, in order.
        head: its logits; None: no head.
    """
    logits = device.infer_prepared(np.frombuffer(sample, np.uint8)).logits
    answers = []
    if head is not None:
        whole = logits.size == prod(head.shape)  # one frame holds 255 of them
        answers.append(logits if whole else np.frombuffer(device.read(Readable.LOGITS, count=4 * prod(head.shape)), "<f4"))
    for index, spec in enumerate(outputs):
        dtype = np.dtype(spec.dtype).newbyteorder("<")
        data = device.read(Readable.OUTPUT, index=index, count=prod(spec.shape) * dtype.itemsize)
        answers.append(np.frombuffer(data, dtype).reshape(sample_shape(spec)))
    return answers
