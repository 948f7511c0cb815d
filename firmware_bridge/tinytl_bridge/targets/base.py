# SPDX-License-Identifier: Apache-2.0
"""The interface of a target: where the runtime runs, and the stream to it."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any

from tinytl.progress import Progress
from tinytl_bridge.wire.link import Stream


class Target(ABC):
    """A place where the runtime runs.

    Attributes:
        name: as the user gave it.
        timeout_s: until a command is repeated.
    """

    name: str
    timeout_s: float = 1.0

    @abstractmethod
    def start(self) -> Stream:
        """Start or connect; returns the stream to the device."""

    @abstractmethod
    def stop(self) -> None:
        """Stop or disconnect; what the device's non-volatile memory holds stays."""

    def mailbox(self) -> memoryview | None:
        """Return the memory shared with the device, None where there is none. Valid while started."""
        return None

    def keep_model(self, data: bytes, *, progress: Progress) -> None:  # noqa: B027
        """Have the target keep the file of the model that was flashed, where it can use one; most cannot, and nothing happens.

        Args:
            data: a bundle's or a .tflite's bytes. progress: told of bytes sent.
        """

    def facts(self) -> Mapping[str, Any]:
        """Return what a target tells of itself beside its session; most tell nothing. Valid while started."""
        return {}
