# SPDX-License-Identifier: Apache-2.0
"""A disk that loses what was not synced: what a real run did to a folder is written down, then played up to a cut.

In: the log of a `RecordedFolder`, which does everything in a real folder. Out: the files that a power cut leaves. A file's bytes are on the
disk once it is synced, until then any of their sectors may be there, and any of its lengths; a name is there once the folder is synced,
until then any of what it meant since, each name by itself.
"""

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tinytl_bridge.agent.durable_folder import DurableFolder

SECTOR_BYTES = 512
Log = list[tuple[Any, ...]]


class RecordedFolder(DurableFolder):
    """A real folder that writes down what is done in it, before it is done."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.log: Log = []
        self._numbers: dict[int, int] = {}
        self._files = 0

    def open(self) -> None:
        self._numbers.clear()  # descriptors of closed files come back
        super().open()

    def _create(self, name: str) -> int:
        descriptor = super()._create(name)
        self._files += 1
        self._numbers[descriptor] = self._files
        self.log.append(("create", name, self._files))
        return descriptor

    def _write(self, descriptor: int, data: bytes) -> None:
        self.log.append(("write", self._numbers[descriptor], bytes(data)))
        super()._write(descriptor, data)

    def _sync(self, descriptor: int) -> None:
        if descriptor == self._folder:
            self.log.append(("sync folder",))
        elif descriptor in self._numbers:
            self.log.append(("sync", self._numbers[descriptor]))
        super()._sync(descriptor)

    def _rename(self, name: str, new_name: str) -> None:
        self.log.append(("rename", name, new_name))
        super()._rename(name, new_name)

    def _unlink(self, name: str) -> None:
        super()._unlink(name)
        self.log.append(("unlink", name))


class HastyFolder(DurableFolder):
    """A real folder that waits for no disk: to look at what a cut left."""

    def _sync(self, descriptor: int) -> None:
        """Nothing is kept."""


@dataclass
class _File:
    """A file in the page cache and on the disk."""

    cached: bytes = b""
    kept: bytes = b""

    def after_a_cut(self, keeps: Callable[[], bool], rng: random.Random) -> bytes:
        """Return its bytes: sectors and length that were not synced may be there or not; what is not there reads as zeros."""
        if self.cached == self.kept:
            return self.kept
        size = len(self.cached) if keeps() else rng.choice((len(self.kept), rng.randint(len(self.kept), len(self.cached))))
        found = bytearray(self.kept[:size].ljust(size, b"\0"))
        for at in range(0, size, SECTOR_BYTES):
            if keeps():
                found[at : min(at + SECTOR_BYTES, size)] = self.cached[at : min(at + SECTOR_BYTES, size)]
        return bytes(found)


@dataclass
class _Name:
    """What a name has meant since the folder was synced, the latest last; None: nothing."""

    meanings: list[int | None] = field(default_factory=lambda: [None])

    def after_a_cut(self, keeps: Callable[[], bool], rng: random.Random) -> int | None:
        return self.meanings[-1] if keeps() else rng.choice(self.meanings[:-1] or self.meanings)


class LossyDisk:
    """The state of page cache and disk after the first operations of a log.

    Args:
        log: these operations. files: what was on the disk before.
    """

    def __init__(self, log: Log, files: dict[str, bytes] | None = None) -> None:
        self._files: dict[int, _File] = {}
        self._names: dict[str, _Name] = {}
        for number, (name, data) in enumerate((files or {}).items()):
            self._files[-number - 1] = _File(data, data)
            self._names[name] = _Name([-number - 1])
        for operation in log:
            self._do(*operation)

    def _name(self, name: str) -> _Name:
        return self._names.setdefault(name, _Name())

    def _do(self, kind: str, *given: Any) -> None:
        match kind, *given:
            case "create", name, number:
                self._files[number] = _File()
                self._name(name).meanings.append(number)
            case "write", number, data:
                self._files[number].cached += data
            case "sync", number:
                self._files[number].kept = self._files[number].cached
            case "rename", name, new_name:
                self._name(new_name).meanings.append(self._name(name).meanings[-1])
                self._name(name).meanings.append(None)
            case "unlink", name:
                self._name(name).meanings.append(None)
            case ("sync folder",):
                for name in self._names.values():
                    name.meanings = name.meanings[-1:]

    def after_a_cut(self, rng: random.Random, *, names: float, sectors: float) -> dict[str, bytes]:
        """Return the files that a cut leaves.

        Args:
            rng: decides. names, sectors: how likely a name and a sector that were not synced are on the disk, 0 to 1.
        """
        meanings = {name: each.after_a_cut(lambda: rng.random() < names, rng) for name, each in self._names.items()}
        return {
            name: self._files[number].after_a_cut(lambda: rng.random() < sectors, rng)
            for name, number in meanings.items()
            if number is not None
        }


def put_files(folder: Path, files: dict[str, bytes]) -> None:
    """Make a folder hold these files and no others."""
    folder.mkdir(exist_ok=True)
    for path in folder.iterdir():
        path.unlink()
    for name, data in files.items():
        (folder / name).write_bytes(data)
