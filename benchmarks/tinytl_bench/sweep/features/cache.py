# SPDX-License-Identifier: Apache-2.0
"""Features by content: what the same extractor made of the same samples is computed once, and mapped into memory by whoever needs it.

In: a key, the digest of all that the features depend on, and how they are made, block by block. Out: a read-only array that lies in a
file. `KEY.npy` is there whole or not at all; `KEY.json` beside it has its length and its checksum. A file that does not agree with them is
made again. Blocks are written as a stream and not through the map: a full disk is an error then, and not the end of the process.
"""

import hashlib
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from zlib import crc32

import numpy as np
from filelock import FileLock

from tinytl.errors import BenchError
from tinytl.files import whole_file, write_whole

_CHUNK = 1 << 24
_HINT = "free some space, or --cache FOLDER on another disk"


def content_key(*parts: object) -> str:
    """Return the digest of bytes, arrays (content, shape, type) and of what JSON can hold, in order: 64 hex digits."""
    digest = hashlib.sha256()
    for part in parts:
        if isinstance(part, np.ndarray):
            digest.update(f"{part.dtype.str} {part.shape} ".encode())
            digest.update(np.ascontiguousarray(part).tobytes())
        else:
            data = part if isinstance(part, bytes) else json.dumps(part, sort_keys=True).encode()
            digest.update(f"{len(data)} ".encode() + data)
    return digest.hexdigest()


class FeatureCache:
    """Arrays in a folder, by key.

    Args:
        folder: made where it is not there.

    Attributes:
        made: keys whose features this object had made, because they were not there or not whole.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._checked: set[str] = set()
        self.made: list[str] = []

    def path(self, key: str) -> Path:
        """Return where the features of a key lie, once they were asked for."""
        return self._folder / f"{key}.npy"

    def rows(self, key: str, width: int, count: int, dtype: str, make: Callable[[], Iterator[np.ndarray]]) -> np.ndarray:
        """Return features, made now where they are not there whole.

        Args:
            key: as `content_key` returns it. width: features of a sample. count: samples. dtype: "int8" or "float32".
            make: gives blocks (n, width) of that type, `count` rows in all.

        Returns:
            (count, width), read-only, mapped from the file.

        Raises:
            BenchError: the folder cannot be written, the disk is full, or what was made has another shape; nothing is left of it then.
        """
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            with FileLock(self._folder / f".{key[:32]}.lock"):
                if key not in self._checked and not self._is_whole(key):
                    self._write(key, (count, width), dtype, make)
                    self.made.append(key)
            self._checked.add(key)
            found = np.load(self.path(key), mmap_mode="r")
        except OSError as error:
            raise BenchError(f"features cannot be kept in {self._folder}: {error.strerror or error}", hint=_HINT) from error
        if found.shape != (count, width) or found.dtype != np.dtype(dtype):
            raise BenchError(f"{self.path(key)} holds {found.dtype} {found.shape}", expected=f"{dtype} {(count, width)}", hint="delete it")
        return found

    def _write(self, key: str, shape: tuple[int, int], dtype: str, make: Callable[[], Iterator[np.ndarray]]) -> None:
        record = self._record(key)
        record.unlink(missing_ok=True)
        done = 0
        with whole_file(self.path(key)) as stream:
            header = {"descr": np.lib.format.dtype_to_descr(np.dtype(dtype)), "fortran_order": False, "shape": shape}
            np.lib.format.write_array_header_1_0(stream, header)
            for block in make():
                if block.dtype != np.dtype(dtype) or block.shape[1:] != shape[1:]:
                    raise BenchError(f"a block of features is {block.dtype} {block.shape}", expected=f"{dtype} (n, {shape[1]})")
                stream.write(np.ascontiguousarray(block).tobytes())
                done += len(block)
            if done != shape[0]:
                raise BenchError(f"{done} rows of features were made", expected=str(shape[0]))
        write_whole(record, json.dumps(self._facts(self.path(key))).encode())

    def _is_whole(self, key: str) -> bool:
        try:
            return bool(json.loads(self._record(key).read_bytes()) == self._facts(self.path(key)))
        except (OSError, ValueError):
            return False

    def _record(self, key: str) -> Path:
        return self._folder / f"{key}.json"

    @staticmethod
    def _facts(path: Path) -> dict[str, int]:
        """Return length and CRC-32 of a file."""
        checksum = 0
        with path.open("rb") as stream:
            while chunk := stream.read(_CHUNK):
                checksum = crc32(chunk, checksum)
        return {"bytes": path.stat().st_size, "crc32": checksum}
