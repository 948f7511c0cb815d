# SPDX-License-Identifier: Apache-2.0
"""Folders that are whole or absent: made once for every content, by one process at a time, kept in the user's cache.

In: a folder's name, which holds the key of its content, and a function that fills one. Out: the folder. Who is cut in the middle leaves
a part behind that nobody takes for the whole; folders that nobody used for a month go.
"""

import hashlib
import os
import shutil
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from tempfile import mkdtemp

from filelock import FileLock, Timeout
from platformdirs import user_cache_path

from tinytl.errors import BuildError

_PART = ".part-"
_LOCK_TIMEOUT_S = 900
_FORGOTTEN_S = 30 * 86400
_ABANDONED_S = 86400
_KEY_DIGITS = 16


def cache_folder() -> Path:
    """Return the folder of everything that emulated Pis are made of; TINYTL_CACHE_DIR moves it."""
    named = os.environ.get("TINYTL_CACHE_DIR")
    return (Path(named) if named else user_cache_path("tinytl")) / "emulated-pi"


def key_of(parts: Iterable[str | bytes]) -> str:
    """Return the key of a content: 16 hex digits of SHA-256 over its parts in their order, each with its length."""
    digest = hashlib.sha256()
    for part in parts:
        data = part.encode() if isinstance(part, str) else part
        digest.update(len(data).to_bytes(8, "little") + data)
    return digest.hexdigest()[:_KEY_DIGITS]


def made_once(folder: Path, fill: Callable[[Path], None]) -> Path:
    """Return a folder of the cache, filled if it is not there yet.

    Args:
        folder: takes its name only when it is whole. fill: called with an empty folder beside it.

    Raises:
        BuildError: another process has been filling it for a quarter of an hour, or the disk refuses. And what `fill` raises.
    """
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(folder.parent / f".{folder.name}.lock", timeout=_LOCK_TIMEOUT_S):
            if folder.is_dir():
                os.utime(folder)
            else:
                _fill(folder, fill)
            _forget(folder)
    except Timeout as error:
        raise BuildError(f"another process is still making {folder}", hint="wait for it, or end it, then try again") from error
    except OSError as error:
        raise BuildError(
            f"{folder} cannot be made: {error}", expected="a disk with 500 MB free", hint="TINYTL_CACHE_DIR=FOLDER chooses another place"
        ) from error
    return folder


def _fill(folder: Path, fill: Callable[[Path], None]) -> None:
    part = Path(mkdtemp(prefix=_PART, dir=folder.parent))
    try:
        part.chmod(0o755)
        fill(part)
        part.rename(folder)
    finally:
        shutil.rmtree(part, ignore_errors=True)


def _forget(kept: Path) -> None:
    """Remove neighbours that nobody used for a month, and parts that a process left behind a day ago."""
    now = time.time()
    for other in kept.parent.iterdir():
        age, limit = now - other.stat().st_mtime, _ABANDONED_S if other.name.startswith(_PART) else _FORGOTTEN_S
        if other != kept and other.is_dir() and age > limit:
            shutil.rmtree(other, ignore_errors=True)
