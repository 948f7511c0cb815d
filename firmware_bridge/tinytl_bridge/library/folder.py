# SPDX-License-Identifier: Apache-2.0
"""A folder of files that is there whole or not at all, and that never takes the place of what somebody else wrote."""

import hashlib
import json
import tempfile
from collections.abc import Mapping
from pathlib import Path

from tinytl.errors import BuildError

LIST = "tinytl_library.json"
"""In the folder: path → sha256 of every other file."""


def check_folder(folder: Path) -> None:
    """Refuse a folder that holds anything but an unaltered library.

    Raises:
        BuildError: with the first file that is in the way.
    """
    if not folder.parent.is_dir():
        raise BuildError(f"the folder {folder.parent} does not exist", expected="an existing folder to write the library into")
    if not folder.exists():
        return
    if not folder.is_dir():
        raise BuildError(f"{folder} is a file", expected="a folder, or a path that is free", hint="name another folder with -o")
    try:
        known = json.loads((folder / LIST).read_text(encoding="utf-8"))["files"]
    except (OSError, ValueError, KeyError, TypeError):
        known = {}
    for path in sorted(path for path in folder.rglob("*") if not path.is_dir()):
        name = path.relative_to(folder).as_posix()
        if name != LIST or not known:
            _compare(folder, name, path, known)


def _compare(folder: Path, name: str, path: Path, known: Mapping[str, str]) -> None:
    hint = "name another folder with -o, or empty this one"
    if name not in known:
        raise BuildError(f"{folder} holds {name}, which is no part of a library", expected="an empty folder or a library", hint=hint)
    if _digest(path.read_bytes()) != known[name]:
        raise BuildError(f"{folder} holds {name}, which was changed since it was written", expected="an unchanged library", hint=hint)


def write_folder(folder: Path, files: Mapping[str, bytes], facts: Mapping[str, object]) -> None:
    """Write all files beside the folder, then put it in place.

    Args:
        folder: as `check_folder` takes it. files: path in the folder → content. facts: what the list of files tells beside, as JSON.

    Raises:
        BuildError: as `check_folder`, or the disk does not take it.
    """
    check_folder(folder)
    listing = {**facts, "files": {name: _digest(data) for name, data in sorted(files.items())}}
    try:
        with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{folder.name}.") as scratch:
            replacement, old = Path(scratch) / "new", Path(scratch) / "old"
            for name, data in {**files, LIST: (json.dumps(listing, indent=2) + "\n").encode()}.items():
                path = replacement / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(data)
            if folder.exists():
                folder.rename(old)
            try:
                replacement.rename(folder)
            except OSError:
                if old.exists():
                    old.rename(folder)
                raise
    except OSError as error:
        reason = error.strerror or error
        raise BuildError(f"{folder} cannot be written: {reason}", expected="a folder that may be written, with room") from error


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
