# SPDX-License-Identifier: Apache-2.0
"""Files beside a model that the C session does not know: the bundle, for an engine that runs its .tflite; samples to measure on.

In: a name and bytes. Out: the file, whole or not at all, through power loss too.
"""

from pathlib import Path

from tinytl.errors import DeviceError
from tinytl.files import write_whole
from tinytl_bridge.targets.state_folder import FOLDER_MODE, refuse_link

NAMES = ("model", "samples")


class KeptFiles:
    """A folder of such files.

    Args:
        folder: made if missing. What a power cut left half written in it is removed.
    """

    def __init__(self, folder: Path) -> None:
        refuse_link(folder, "folder of the agent's files")
        folder.mkdir(FOLDER_MODE, exist_ok=True)
        self._folder = folder
        for name in NAMES:
            for half in folder.glob(f".{name}.*"):
                half.unlink()

    def keep(self, name: str, data: bytes) -> None:
        """Write a file. name: one of `NAMES`. data: all of it. Raises: DeviceError: another name. BundleError: no room."""
        write_whole(self._path(name), data)

    def path(self, name: str) -> Path | None:
        """Return where a file is, None where it never came."""
        path = self._path(name)
        return path if path.is_file() else None

    def _path(self, name: str) -> Path:
        if name not in NAMES:
            raise DeviceError(f"file {name!r} is none that the agent keeps", expected=", ".join(NAMES))
        return self._folder / name
