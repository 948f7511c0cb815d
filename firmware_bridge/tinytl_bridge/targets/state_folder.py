# SPDX-License-Identifier: Apache-2.0
"""The folder that keeps the non-volatile memories of emulated devices and of the twin: its owner's alone, and no link to elsewhere."""

import os
from pathlib import Path

from platformdirs import user_state_path

from tinytl.errors import DeviceError

FOLDER_MODE = 0o700
"""Heads are learned from what a person's sensors saw: nobody else reads them."""
_ANOTHER = "give another folder with --state FOLDER or TINYTL_STATE_DIR"


def state_folder(chosen: Path | None) -> Path:
    """Return the folder that keeps non-volatile memories, made if missing: the chosen one, TINYTL_STATE_DIR, or the user's own.

    A folder that is made, and the user's own one, are for its owner alone (mode 0700); one that was chosen and is there keeps its mode.

    Raises:
        DeviceError: it is a file or a symbolic link, or cannot be made.
    """
    named = os.environ.get("TINYTL_STATE_DIR")
    own = user_state_path("tinytl")
    folder = chosen or (Path(named) if named else own)
    refuse_link(folder, "state folder")
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        folder.mkdir(FOLDER_MODE, exist_ok=True)
        if folder == own:
            folder.chmod(FOLDER_MODE)
    except (FileExistsError, NotADirectoryError) as error:
        raise DeviceError(f"state folder {folder}: {error.filename} is a file", expected="a folder", hint=_ANOTHER) from error
    except OSError as error:
        raise unusable(f"state folder {folder} cannot be made", error) from error
    return folder


def refuse_link(path: Path, what: str) -> None:
    """Refuse a symbolic link: who planted it would choose what is overwritten. what: how the error calls the path."""
    if path.is_symlink():
        target = os.readlink(path)
        hint = f"--state {target}, if that is the folder you mean" if what == "state folder" else f"remove it, or {_ANOTHER}"
        raise DeviceError(f"{what} {path} is a symbolic link to {target}", expected="no link", hint=hint)


def unusable(what: str, error: OSError) -> DeviceError:
    """Return the refusal of a place that the system does not let us use."""
    return DeviceError(f"{what}: {error.strerror or error}", expected="a disk with room that may be written", hint=_ANOTHER)
