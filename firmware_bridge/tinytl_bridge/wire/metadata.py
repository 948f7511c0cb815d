# SPDX-License-Identifier: Apache-2.0
"""What a device tells of its model, checked before anything leans on it: an image's header and its metadata.

In: bytes that a device answered, which may be any. Out: a range to read, or the metadata as a dict whose used parts have their types and
ranges. What is out of range is refused with text: no endless read, no traceback.
"""

import json
import math
import struct
from typing import Any

from tinytl.errors import DeviceError

MOST_IMAGE_BYTES = 256 << 20
MOST_METADATA_BYTES = 2 << 20
_MOST_NUMBERS = 1 << 24
_IMAGE_BYTES_AT, _METADATA_BYTES_AT = 8, 80
_VERSION = "is the firmware tinytl's, and of this version? tinytl flash BUNDLE puts a good model there"


def metadata_bytes(header: bytes) -> int:
    """Return how many bytes of metadata an image has, by its header of 128 bytes.

    Raises:
        DeviceError: more than any image has.
    """
    (image_bytes,) = struct.unpack_from("<I", header, _IMAGE_BYTES_AT)
    (size,) = struct.unpack_from("<I", header, _METADATA_BYTES_AT)
    if image_bytes > MOST_IMAGE_BYTES or size > min(image_bytes, MOST_METADATA_BYTES):
        raise DeviceError(
            f"the device tells of {size:,} bytes of metadata in an image of {image_bytes:,}",
            expected=f"at most {MOST_METADATA_BYTES:,} in {MOST_IMAGE_BYTES:,}", hint=_VERSION,
        )  # fmt: skip
    return int(size)


def parse_metadata(data: bytes, *, image_bytes: int) -> dict[str, Any]:
    """Return a model's metadata.

    Args:
        data: UTF-8 JSON. image_bytes: of the whole image, which holds what the metadata counts.

    Raises:
        DeviceError: no JSON, or something that is used has another type or range.
    """
    try:
        metadata = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise _broken(f"cannot be read: {error}", "JSON") from error
    if not isinstance(metadata, dict):
        raise _broken(f"is a {type(metadata).__name__}", "an object")
    for name in ("name", "model", "plan"):
        _expect(isinstance(metadata.get(name, ""), str), name, metadata.get(name), "text")
    if "head" in metadata:
        _check_learnable(metadata, image_bytes)
    return metadata


def _check_learnable(told: dict[str, Any], image_bytes: int) -> None:
    labels, head = told.get("labels"), told["head"]
    _expect(isinstance(labels, list) and all(isinstance(label, str) for label in labels), "labels", labels, "a list of names")
    count = head.get("parameter_count") if isinstance(head, dict) else None
    _expect(_is_count(count, image_bytes // 4), "head.parameter_count", count, f"0 to {image_bytes // 4:,}, which the image can hold")
    input_spec, preprocessing = _object(told, "input"), _object(told, "preprocessing")
    shape, scale, zero = input_spec.get("shape"), input_spec.get("scale"), input_spec.get("zero_point")
    sides = isinstance(shape, list) and len(shape) <= 4 and all(_is_count(side, _MOST_NUMBERS) for side in shape)
    _expect(sides and math.prod(shape or ()) <= _MOST_NUMBERS, "input.shape", shape, f"sides of at most {_MOST_NUMBERS:,} numbers")
    _expect(_is_real(scale) and float(scale or 0) > 0, "input.scale", scale, "a number above 0")
    _expect(_is_real(zero) and zero in range(-128, 128), "input.zero_point", zero, "-128 to 127")
    span = preprocessing.get("range")
    _expect(isinstance(span, list) and len(span) == 2 and all(map(_is_real, span)), "preprocessing.range", span, "two numbers")
    resize = preprocessing.get("resize", "")
    _expect(resize in ("bilinear", None), "preprocessing.resize", resize, "'bilinear' or null")


def _object(told: dict[str, Any], name: str) -> dict[str, Any]:
    entry = told.get(name)
    if not isinstance(entry, dict):
        raise _broken(f"has {name} {entry!r:.60}", "an object")
    return entry


def _is_count(value: Any, most: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= most


def _is_real(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def _expect(holds: bool, name: str, value: Any, expected: str) -> None:
    if not holds:
        shown = repr(value)
        raise _broken(f"has {name} {shown if len(shown) < 60 else shown[:60] + ' …'}", expected)


def _broken(what: str, expected: str) -> DeviceError:
    return DeviceError(f"the metadata of the model on the device {what}", expected=expected, hint=_VERSION)
