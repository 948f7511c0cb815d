# SPDX-License-Identifier: Apache-2.0
"""How the tests of bundles damage one: take its members, change something, seal it again, see what is said."""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tinytl.bundle.archive import pack
from tinytl.bundle.bundle import MEMBERS, read_bundle
from tinytl.errors import BundleError


def refusal(data: bytes, folder: Path) -> str:
    """Return the text with which these bytes are refused as a bundle."""
    path = folder / "bad.tinytl"
    path.write_bytes(data)
    with pytest.raises(BundleError) as caught:
        read_bundle(path)
    return str(caught.value)


def resealed(members: dict[str, bytes], edit: Callable[[dict[str, Any]], Any]) -> bytes:
    """Return the file with an edited manifest whose checksums are right."""
    manifest = json.loads(members["manifest.json"])
    edit(manifest)
    if "sha256" in manifest:
        manifest["sha256"] = {name: hashlib.sha256(members[name]).hexdigest() for name in MEMBERS[1:]}
    return pack(members | {"manifest.json": json.dumps(manifest).encode()})
