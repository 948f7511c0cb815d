# SPDX-License-Identifier: Apache-2.0
"""Downloads with a checksum, each file whole or not at all, into the user's cache folder."""

import hashlib
import http.client
import urllib.error
import urllib.request
from pathlib import Path
from typing import IO

import platformdirs

from tinytl.errors import DataError
from tinytl.files import whole_file
from tinytl.progress import Progress, silent

CHUNK_BYTES = 1 << 16
TIMEOUT_S = 60.0


def cache_folder() -> Path:
    """Return where downloads are kept, e.g. ~/.cache/tinytl/datasets."""
    return platformdirs.user_cache_path("tinytl") / "datasets"


def fetch(url: str, *, checksum: str, path: Path, hint: str = "", progress: Progress | None = None) -> Path:
    """Return `path`, downloading it first unless it is there with the right checksum.

    Args:
        url: http or https address of the file.
        checksum: "md5:…" or "sha256:…", hex.
        path: where the file goes; its folder is made.
        hint: shown where the download fails.
        progress: called with bytes done and in total (0 if the server does not say).

    Raises:
        DataError: the server refused or is not reached, or the bytes have another checksum. Nothing is left behind then.
    """
    if path.is_file() and file_checksum(path, checksum) == checksum:
        return path
    path.parent.mkdir(parents=True, exist_ok=True)
    with whole_file(path) as file:
        _download(url, file, hint, progress or silent)
        file.flush()
        got = file_checksum(Path(file.name), checksum)
        if got != checksum:
            raise DataError(f"download of {url} has checksum {got}", expected=checksum, hint=hint)
    return path


def file_checksum(path: Path, like: str) -> str:
    """Return the checksum of a file as "algorithm:hex", with the algorithm of `like`."""
    algorithm = like.partition(":")[0]
    with path.open("rb") as file:
        return f"{algorithm}:{hashlib.file_digest(file, algorithm).hexdigest()}"


def _download(url: str, file: IO[bytes], hint: str, progress: Progress) -> None:
    name = url.rpartition("/")[2]
    try:
        with urllib.request.urlopen(url, timeout=TIMEOUT_S) as answer:
            total, done = int(answer.headers.get("Content-Length") or 0), 0
            while chunk := answer.read(CHUNK_BYTES):
                file.write(chunk)
                done += len(chunk)
                progress(f"download {name}", done, total)
    except urllib.error.HTTPError as error:
        raise DataError(f"download of {url} failed: the server answered {error.code}", hint=hint) from error
    except (OSError, http.client.HTTPException) as error:
        reason = getattr(error, "reason", None) or error
        raise DataError(f"download of {url} failed: {reason}", hint=hint) from error
