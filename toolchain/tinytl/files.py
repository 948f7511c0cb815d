# SPDX-License-Identifier: Apache-2.0
"""Files that are there whole or not at all: written beside their place under another name, and renamed.

In: a path and bytes. Out: the file, with the rights of any other one unless fewer are asked for; or the file that was there before, and
a refusal with the system's reason. Nothing else is left in the folder.
"""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from tinytl.errors import BundleError

_MODE = 0o644


@contextmanager
def whole_file(path: Path, *, mode: int = _MODE) -> Iterator[IO[bytes]]:
    """Open a file that takes its name when the block ends; a block that raises leaves what was there.

    Args:
        path: of the file; its folder exists. mode: its rights; at no moment are there more.

    Raises:
        OSError: the folder does not exist or cannot be written.
    """
    with tempfile.NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}.", delete=False) as stream:
        temporary = Path(stream.name)
        try:
            yield stream
            stream.flush()
            os.fsync(stream.fileno())
            temporary.chmod(mode)
            temporary.replace(path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise


def write_whole(path: Path, data: bytes, *, mode: int = _MODE) -> None:
    """Write a file so that it is there whole or not at all.

    Args:
        path: of the file; its folder exists. data: all of its bytes. mode: its rights.

    Raises:
        BundleError: the folder does not exist or cannot be written.
    """
    try:
        with whole_file(path, mode=mode) as stream:
            stream.write(data)
    except OSError as error:
        raise BundleError(
            f"{path} cannot be written: {error.strerror or error}", expected="a folder that exists and may be written"
        ) from error
