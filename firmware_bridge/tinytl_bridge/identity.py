# SPDX-License-Identifier: Apache-2.0
"""Which model a device holds, and whether it is the one that is meant.

In: a session with a device; what a person expects there, as a model file, a shipped bundle's name, or the beginning of a hash. Out: an
`Identity`, or a refusal. A bundle's id travels in the image, so an image that was changed still has it; the image's own checksum tells.
"""

import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tinytl.bundle.bundle import Bundle
from tinytl.bundle.shipped import find_bundle, list_bundles
from tinytl.compiler import Image
from tinytl.compiler.kernels.selection import POLICIES
from tinytl.compiler.records import HEADER_BYTES
from tinytl.errors import BundleError, CompileError, DeviceError
from tinytl.model_file import ModelFile, compile_model, read_model
from tinytl_bridge.firmware.compile_options import options_for
from tinytl_bridge.wire.protocol import Readable
from tinytl_bridge.wire.session import Session

_SHORT = 8
_CRC_AT, _ID_AT, _ID_BYTES = 12, 16, 16
_HASH = re.compile(r"[0-9a-f]{6,32}")
Expected = Path | str | Bundle | ModelFile | Image


@dataclass(frozen=True)
class Identity:
    """Which model it is.

    Attributes:
        name: of the bundle, "" for a plain .tflite. bundle_id: 32 hex digits, "" for a plain .tflite.
        image_crc32: 8 hex digits, the checksum of the whole image, which the device has verified.
    """

    name: str
    bundle_id: str
    image_crc32: str

    @property
    def short_id(self) -> str | None:
        """The first 8 digits of the bundle's id; None for a plain .tflite."""
        return self.bundle_id[:_SHORT] or None

    @property
    def text(self) -> str:
        """Name and hashes in a few words."""
        if not self.bundle_id:
            return f"a plain .tflite (image {self.image_crc32})"
        return f"{self.name!r} (bundle {self.short_id}, image {self.image_crc32})"

    @property
    def facts(self) -> dict[str, str | None]:
        """The same as names and values."""
        return {"model": self.name or None, "bundle": self.short_id, "image": self.image_crc32}


def identity_of(session: Session) -> Identity:
    """Ask a device which model it holds.

    Raises:
        Refusal: no model is loaded.
    """
    header = session.read(Readable.HEADER, count=HEADER_BYTES)
    bundle_id, crc32 = _hashes(header)
    return Identity(str(session.metadata().get("name", "")) if bundle_id else "", bundle_id, crc32)


def _hashes(header: bytes) -> tuple[str, str]:
    """Return the bundle's id and the image's checksum, as `Identity` has them, of an image's header."""
    bundle_id = header[_ID_AT : _ID_AT + _ID_BYTES]
    return bundle_id.hex() if any(bundle_id) else "", f"{struct.unpack_from('<I', header, _CRC_AT)[0]:08x}"


def expect_model(session: Session, expected: Expected) -> Identity:
    """Refuse a device that holds another model than the one expected.

    Args:
        expected: a bundle, a model or an image, or the path of one; a shipped bundle's name; or the first 6 hex digits or more of a
            bundle's id or of an image's checksum.

    Raises:
        DeviceError: it holds another model, or an image of the right bundle that is not what the bundle compiles to: a changed one.
        BundleError: there is neither a file nor a hash.
    """
    held, reference = identity_of(session), _read(expected)
    if isinstance(reference, str):
        if not (held.bundle_id.startswith(reference) or held.image_crc32.startswith(reference)):
            raise _another(held, reference, "tinytl flash BUNDLE, with the same --target")
        return held
    if isinstance(reference, Image):
        if _hashes(reference.data) != (held.bundle_id, held.image_crc32):
            raise _another(held, f"image {_hashes(reference.data)[1]}", "flash that image first")
        return held
    bundle, name = (reference, reference.manifest["name"]) if isinstance(reference, Bundle) else (reference.bundle, reference.name)
    bundle_id = bundle.bundle_id.hex() if bundle else ""
    description = f"{name!r} (bundle {bundle_id[:_SHORT]})" if bundle else f"the plain .tflite {name!r}"
    if bundle_id != held.bundle_id:
        raise _another(held, description, f"tinytl flash {name}, with the same --target; see why it was refused, if it was")
    checksums = list(_checksums(session, reference, held.image_crc32))
    if checksums[-1:] != [held.image_crc32]:
        raise DeviceError(
            f"image changed: the device holds image {held.image_crc32} of {description}, which this bundle is not compiled to here",
            expected=" or ".join(dict.fromkeys(checksums)) or "a bundle that fits the device",
            hint=f"tinytl flash puts it there again; --expect {held.short_id or held.image_crc32} takes it as it is, "
            "where it was compiled by another version of tinytl",
        )
    return held


def _another(held: Identity, wanted: str, hint: str) -> DeviceError:
    return DeviceError(f"the device holds another model: {held.text}", expected=wanted, hint=hint)


def _read(expected: Expected) -> str | Image | Bundle | ModelFile:
    """Return the model, or the beginning of a hash in small letters."""
    if isinstance(expected, (Image, Bundle, ModelFile)):
        return expected
    if not Path(expected).exists() and str(expected) not in list_bundles():
        if _HASH.fullmatch(str(expected).lower()):
            return str(expected).lower()
        raise BundleError(
            f"--expect {str(expected)!r} is neither a file nor a hash",
            expected=f"a bundle or .tflite file, a bundle that ships with tinytl ({', '.join(list_bundles())}), or 6 hex digits or more of "
            "a bundle's id or an image's checksum",
            hint="tinytl info shows those of the model on the device",
        )
    path = find_bundle(expected)
    with path.open("rb") as stream:
        header = stream.read(HEADER_BYTES)
    return _hashes(header)[1] if header.startswith(b"TLIM") and len(header) == HEADER_BYTES else read_model(path)


def _checksums(session: Session, model: Bundle | ModelFile, until: str) -> Iterator[str]:
    """Yield checksums of what `flash` makes of a model for this device, up to the one looked for: every policy, then within less memory."""
    status = session.status()
    for limits in ({}, {"ram_bytes": status.arena_used, "flash_bytes": status.image_bytes}):
        for policy in POLICIES:
            try:
                image = compile_model(model, options_for(session.info, optimize=policy, **limits))
            except CompileError:
                continue
            checksum = _hashes(image.data)[1]
            yield checksum
            if checksum == until:
                return
