# SPDX-License-Identifier: Apache-2.0
"""The agent's folder: its owner's alone, a room of its own in the user's state folder."""

from pathlib import Path

from tinytl_bridge.targets.state_folder import FOLDER_MODE, refuse_link, state_folder

NAME = "agent"


def agent_folder(chosen: Path | None) -> Path:
    """Return the folder of an agent's store, files and pairings, made if missing.

    Args:
        chosen: state folder that is given; None: TINYTL_STATE_DIR, or the user's own.

    Raises:
        DeviceError: it is a link or a file, or cannot be made.
    """
    folder = state_folder(chosen) / NAME
    refuse_link(folder, "agent's folder")
    folder.mkdir(FOLDER_MODE, exist_ok=True)
    return folder
