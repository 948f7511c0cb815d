# SPDX-License-Identifier: Apache-2.0
"""The pairings that a side remembers: one JSON file, its owner's alone (mode 0600), written whole or not at all.

In: a folder. Out: pairings by their id, or by the address under which a host reaches an agent. The file is read at every look, so that
what another process forgets is forgotten here. A damaged file is an error and stays as it is: an empty list would look like no pairing.
"""

import json
import os
import stat
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from filelock import FileLock

from tinytl.errors import TinytlError
from tinytl.files import write_whole
from tinytl_bridge.pairing.errors import PairingError, Reason

FILE_NAME = "pairings.json"
ID_BYTES = 16
KEY_BYTES = 32
_FORMAT = "tinytl-pairings"
_VERSION = 1
_FILE_MODE, _FOLDER_MODE = 0o600, 0o700
_OTHERS = stat.S_IRWXG | stat.S_IRWXO
_LOCK_PATIENCE_S = 10


@dataclass(frozen=True)
class Pairing:
    """What both sides remember of each other.

    Attributes:
        id: 16 random bytes, told in the clear. key: 32 random bytes, never shown by `repr`. name: what the other side calls itself.
        address: on a host, under which it reaches the agent («raspberrypi.local:7707»); empty on an agent.
    """

    id: bytes
    key: bytes = field(repr=False)
    name: str
    address: str = ""

    def to_json(self) -> dict[str, str]:
        """Return it as the file has it."""
        return {"id": self.id.hex(), "key": self.key.hex(), "name": self.name, "address": self.address}

    @classmethod
    def of_json(cls, entry: Any) -> "Pairing":
        """Return the pairing of an entry of the file.

        Raises:
            ValueError: it is none; the text says what is wrong, never the key.
        """
        fields = ("id", "key", "name", "address")
        if not isinstance(entry, dict) or sorted(entry) != sorted(fields) or not all(isinstance(entry[each], str) for each in fields):
            raise ValueError(f"not four texts: {', '.join(fields)}")
        id, key = _hexadecimal(entry, "id", ID_BYTES), _hexadecimal(entry, "key", KEY_BYTES)
        return cls(id, key, entry["name"], entry["address"])


class Pairings:
    """The remembered pairings in a folder.

    Args:
        folder: made, for its owner alone, when the first pairing is added.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / FILE_NAME

    def all(self) -> list[Pairing]:
        """Return the pairings, oldest first; none without a file.

        Raises:
            PairingError: the file is damaged, cannot be read, or others may read it.
        """
        try:
            if os.name == "posix" and self._path.stat().st_mode & _OTHERS:
                raise self._bad("may be read or written by others", f"chmod 600 {self._path}; if others were on this machine, pair again")
            text = self._path.read_text(encoding="utf-8")
        except FileNotFoundError:
            return []
        except (OSError, UnicodeDecodeError) as error:
            raise self._bad(f"cannot be read: {getattr(error, 'strerror', None) or error}") from error
        try:
            return _entries(json.loads(text))
        except ValueError as error:
            raise self._bad(f"is damaged: {error}") from error
        except RecursionError as error:
            raise self._bad("is damaged: nested too deeply") from error

    def find(self, id: bytes) -> Pairing | None:
        """Return the pairing of an id (16 bytes), None if there is none. Raises: as for `all`."""
        return next((each for each in self.all() if each.id == id), None)

    def find_address(self, address: str) -> Pairing | None:
        """Return the pairing with the agent at an address, None if there is none. Raises: as for `all`."""
        return next((each for each in self.all() if address and each.address == address), None)

    def add(self, pairing: Pairing) -> None:
        """Remember a pairing; one of the same id, and one with an agent at the same address, gives way.

        Raises:
            PairingError: as for `all`, or the file cannot be written; what was remembered before stays.
        """
        self._change(lambda kept: [each for each in kept if not _same_place(each, pairing)] + [pairing])

    def forget(self, id: bytes) -> bool:
        """Forget the pairing of an id; returns whether there was one. Raises: as for `add`."""
        found = self.find(id) is not None
        if found:
            self._change(lambda kept: [each for each in kept if each.id != id])
        return found

    def _change(self, change: Callable[[list[Pairing]], list[Pairing]]) -> None:
        try:
            self._path.parent.mkdir(_FOLDER_MODE, parents=True, exist_ok=True)
            with FileLock(self._path.with_suffix(".lock"), timeout=_LOCK_PATIENCE_S):
                entries = [each.to_json() for each in change(self.all())]
                document = {"format": _FORMAT, "format_version": _VERSION, "pairings": entries}
                write_whole(self._path, (json.dumps(document, indent=1) + "\n").encode(), mode=_FILE_MODE)
        except PairingError:
            raise
        except (OSError, TinytlError) as error:  # the lock's Timeout is an OSError
            raise PairingError(
                f"pairings in {self._path} cannot be written: {getattr(error, 'strerror', None) or error}",
                expected="a folder on a disk with room that may be written",
                reason=Reason.BAD_FILE,
            ) from error

    def _bad(self, what: str, hint: str = "") -> PairingError:
        hint = hint or f"put back a copy of it, or move it away (mv {self._path} {self._path}.bad) and pair again"
        return PairingError(f"pairings in {self._path}: the file {what}", expected="as tinytl wrote it", hint=hint, reason=Reason.BAD_FILE)


def _hexadecimal(entry: dict[str, str], name: str, size: int) -> bytes:
    try:
        data = bytes.fromhex(entry[name])
    except ValueError:
        raise ValueError(f"its {name} is not hexadecimal") from None
    if len(data) != size:
        raise ValueError(f"its {name} has {len(data)} bytes, not {size}")
    return data


def _same_place(kept: Pairing, added: Pairing) -> bool:
    return kept.id == added.id or bool(added.address and kept.address == added.address)


def _entries(document: Any) -> list[Pairing]:
    if not isinstance(document, dict) or document.get("format") != _FORMAT:
        raise ValueError(f"not of format {_FORMAT!r}")
    if document.get("format_version") != _VERSION:
        raise ValueError(f"of version {document.get('format_version')!r}, not {_VERSION}")
    entries = document.get("pairings")
    if not isinstance(entries, list):
        raise ValueError("no list of pairings")
    pairings = []
    for number, entry in enumerate(entries, 1):
        try:
            pairings.append(Pairing.of_json(entry))
        except ValueError as error:
            raise ValueError(f"pairing {number}: {error}") from None
    return pairings
