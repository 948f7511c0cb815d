# SPDX-License-Identifier: Apache-2.0
"""From samples as datasets hold them to the numbers a model takes: real ones (`fit_samples`), then int8 (`quantize_samples`).

The same two calls prepare samples for training, calibration, the host's twin and every device, so that all see the same bytes;
`prepare_samples` is both, as a manifest says. The rule: uint8 are pixels, resized and brought into the model's range; everything else is
what the model takes, as it is, unless a manifest says that floats are pixels in 0 … 1. An axis of 1 at the end may be there or not.
Rounding is TFLite's (SPEC.md section 1, `input` and `preprocessing`): half away from zero, then saturate.
"""

from collections.abc import Iterator, Mapping, Sequence
from math import prod
from typing import Any

import numpy as np

from tinytl.data.pillow import pillow
from tinytl.errors import DataError

_BLOCK = 2**18
"""Numbers at a time: what lies between samples and their int8 takes up to 36 bytes a number."""


def fit_samples(x: np.ndarray, *, shape: Sequence[int], value_range: tuple[float, float], resize: str | None = "bilinear") -> np.ndarray:
    """Bring samples to a model's input shape and range: value = low + pixel / 255 × (high − low).

    Args:
        x: images (N, H, W, C) or (N, H, W) uint8 with C in {1, 3}, of any size, or of the input's own shape whatever that is; or real
            numbers (N, *shape) of another dtype, int8 among them, which pass unscaled.
        shape: of the model's input: (H, W, C), (T, F) or (D,).
        value_range: (low, high) that pixels 0 and 255 become.
        resize: "bilinear", or None to refuse images of another size.

    Returns:
        (N, *shape) float32.

    Raises:
        DataError: samples that cannot become that shape.
    """
    shape = tuple(int(side) for side in shape)
    if resize not in ("bilinear", None):
        raise DataError(f"resize {resize!r}", expected="'bilinear' or None")
    if x.dtype != np.uint8:
        return _checked(x, shape).astype(np.float32)
    if _agree(x.shape[1:], shape):
        images = x.reshape(len(x), *shape)
    elif len(shape) != 3 or shape[2] not in (1, 3):
        same = f"images of {_times(shape)}, or " if len(shape) == 2 else ""
        raise DataError(
            f"images of shape {_times(x.shape[1:])} cannot become model input of shape {_times(shape)}",
            expected=f"{same}a model that takes H×W×1 or H×W×3, which is resized to",
        )
    else:
        images = _resized(_with_channels(x, shape[2]), shape, resize)
    low, high = value_range
    return np.float32(low) + images.astype(np.float32) * np.float32((high - low) / 255.0)


def quantize_samples(x_f32: np.ndarray, *, scale: float, zero_point: int) -> np.ndarray:
    """Quantize real numbers: q = round(x / scale) + zero_point, saturated to −128 … 127.

    Args:
        x_f32: float32, any shape.
        scale: > 0, of the model's int8 input. zero_point: −128 … 127.

    Returns:
        int8, the same shape.

    Raises:
        DataError: a number that is not finite, or a scale that is not positive.
    """
    if not scale > 0:
        raise DataError(f"input scale {scale}", expected="a positive number")
    x_f32 = np.asarray(x_f32, np.float32)
    quantized = np.empty(x_f32.size, np.int8)
    numbers = x_f32.reshape(-1)
    for start in range(0, numbers.size, _BLOCK):
        block = slice(start, start + _BLOCK)
        if not np.isfinite(numbers[block]).all():
            raise DataError("samples to quantize hold NaN or infinity", expected="finite numbers")
        ratio = (numbers[block] / np.float32(scale)).astype(np.float64)
        rounded = np.trunc(ratio + np.copysign(0.5, ratio))
        quantized[block] = np.clip(rounded + zero_point, -128, 127).astype(np.int8)
    return quantized.reshape(x_f32.shape)


def prepare_samples(x: np.ndarray, given: Mapping[str, Any], preprocessing: Mapping[str, Any]) -> np.ndarray:
    """Turn samples into a model's int8 input.

    Args:
        x: as `fit_samples` takes them; or int8 (N, *shape), which pass unchanged where preprocessing says `"int8": "input"`; or floats in
            0 … 1, which are pixels where it says `"floats": "unit"`.
        given, preprocessing: the records `input` and `preprocessing` of a manifest (SPEC.md section 1).

    Returns:
        (N, *shape) int8.

    Raises:
        DataError: samples that cannot become that shape.
    """
    shape = tuple(int(side) for side in given["shape"])
    if x.dtype == np.int8 and preprocessing.get("int8") == "input":
        return _checked(x, shape)
    if preprocessing.get("floats") == "unit":
        x = as_pixels(x)
    low, high = preprocessing["range"]
    prepared = np.empty((len(x), *shape), np.int8)
    for block in _blocks(x, shape):
        real = fit_samples(x[block], shape=shape, value_range=(low, high), resize=preprocessing["resize"])
        prepared[block] = quantize_samples(real, scale=given["scale"], zero_point=given["zero_point"])
    return prepared


def as_pixels(x: np.ndarray) -> np.ndarray:
    """Return floats in 0 … 1 as uint8 pixels, round(255 · x); samples of other types as they are.

    Raises:
        DataError: a float below 0 or above 1.
    """
    if x.dtype.kind != "f":
        return x
    low, high = (float(end) for end in (x.min(initial=0.0), x.max(initial=0.0)))
    if low < 0.0 or high > 1.0:
        raise DataError(
            f"float samples hold {low if low < 0.0 else high:g}, and the model's range was given for floats in 0 … 1",
            expected="0 to 1",
            hint="leave --input-range out, of export too, where floats are the model's input as they are",
        )
    return np.rint(x * np.float32(255)).astype(np.uint8)


def _blocks(x: np.ndarray, shape: tuple[int, ...]) -> Iterator[slice]:
    """Cut samples into blocks, one empty block if there are none, so that what cannot become the shape is refused all the same."""
    at_once = max(1, _BLOCK // max(1, prod(shape), prod(x.shape[1:])))
    yield from (slice(start, start + at_once) for start in range(0, max(1, len(x)), at_once))


def _checked(x: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    if not _agree(x.shape[1:], shape):
        raise DataError(f"samples have shape {_times(x.shape[1:])}", expected=f"{_times(shape)}, the model's input")
    return x if x.shape[1:] == shape else x.reshape(len(x), *shape)


def _agree(one: tuple[int, ...], other: tuple[int, ...]) -> bool:
    """Tell whether two shapes are one, but for an axis of 1 at the end."""
    return other in (one, (*one, 1)) or one == (*other, 1)


def _with_channels(x: np.ndarray, channels: int) -> np.ndarray:
    x = x[..., None] if x.ndim == 3 else x
    if x.ndim != 4 or x.shape[3] not in (1, 3):
        raise DataError(f"images have shape {x.shape}", expected="(N, H, W, 1) or (N, H, W, 3)")
    if x.shape[3] == channels:
        return x
    if channels == 3:
        return np.repeat(x, 3, axis=3)
    from_array = pillow().fromarray
    grey = [np.asarray(from_array(image).convert("L")) for image in x]
    return np.array(grey, np.uint8).reshape(*x.shape[:3], 1)


def _resized(x: np.ndarray, shape: tuple[int, ...], resize: str | None) -> np.ndarray:
    height, width, channels = shape
    if x.shape[1:3] == (height, width):
        return x
    if resize is None:
        raise DataError(f"images of {_times(x.shape[1:3])}", expected=f"{_times(shape[:2])}", hint="allow resizing with resize='bilinear'")
    library = pillow()
    out = np.empty((len(x), *shape), np.uint8)
    for number, image in enumerate(x):
        picture = library.fromarray(image[:, :, 0] if channels == 1 else image)
        out[number] = np.asarray(picture.resize((width, height), library.Resampling.BILINEAR)).reshape(shape)
    return out


def _times(shape: Sequence[int]) -> str:
    return "×".join(str(side) for side in shape)
