# SPDX-License-Identifier: Apache-2.0
"""Bundles that ship with the package, found by name: a device can be taught at once, without TensorFlow."""

from pathlib import Path

from tinytl.errors import BundleError
from tinytl_models import BUNDLES


def list_bundles() -> tuple[str, ...]:
    """Return the names of the shipped bundles."""
    return tuple(sorted(path.stem for path in BUNDLES.glob("*.tinytl")))


def find_bundle(name_or_path: str | Path) -> Path:
    """Return the path of a model: an existing file, or a shipped bundle's name.

    Raises:
        BundleError: neither; lists the shipped ones.
    """
    path = Path(name_or_path)
    if path.exists():
        return path
    if str(name_or_path) in list_bundles():
        return BUNDLES / f"{name_or_path}.tinytl"
    raise BundleError(
        f"there is no file {str(name_or_path)!r}",
        expected=f"a bundle or .tflite file, or a bundle that ships with tinytl: {', '.join(list_bundles())}",
        hint="tinytl export makes a bundle from a run",
    )
