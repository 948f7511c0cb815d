# SPDX-License-Identifier: Apache-2.0
"""Which class of a device each class of some data is: one rule for `evaluate`, `teach`, `infer` and `bench`.

In: labels with the data's class names, and the device's names. Out: a `ClassMatch`. The rule: equal names are one class. A class whose
name is a whole number has no name, the number says which: it is the other side's class of that number, if that one has a name. So names
map where both sides have some, and numbers only where one side has none. What is left over is listed or refused.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tinytl.errors import DeviceError

UNKNOWN = -1
_SHOWN = 12


@dataclass(frozen=True)
class ClassMatch:
    """How the classes of some data map to a device's.

    Attributes:
        names: of the data's classes, by its own numbers. known: the device's class names, by number.
        numbers: (len(names),) int64, the device's number of each, or `UNKNOWN`. present: the data's numbers that have samples.
        adding: whether the data may bring new classes.
    """

    names: tuple[str, ...]
    known: tuple[str, ...]
    numbers: np.ndarray
    present: tuple[int, ...]
    adding: bool = False

    def numbers_of(self, y: np.ndarray) -> np.ndarray:
        """Return the device's numbers (N,) int64 of labels (N,) that count the data's classes, `UNKNOWN` for what it does not have."""
        return self.numbers[np.asarray(y, np.int64)]

    @property
    def missing(self) -> tuple[str, ...]:
        """Classes with samples that the device does not have."""
        return tuple(self.names[place] for place in self.present if self.numbers[place] == UNKNOWN)

    @property
    def text(self) -> str:
        """Say how the classes map, for a table."""
        named, counted = self._by_name(), self._by_number()
        parts = []
        if named:
            moved = any(self.numbers[place] != place for place in named)
            parts.append("by name, numbered otherwise in the data" if moved else "by name")
        if counted and named:
            pairs = [f"{self.names[place]!r} is {self.known[self.numbers[place]]!r}" for place in counted]
            parts.append(f"by number: {', '.join(pairs[:_SHOWN])}")
        elif counted:
            parts.append(f"by number: the {'data' if _is_number(self.names[counted[0]]) else 'device'} has no names for its classes")
        if self.missing:
            parts.append(f"{'new' if self.adding else 'not on the device, never right'}: {_quoted(self.missing)}")
        return "; ".join(parts) or "no samples"

    def expect_known(self) -> None:
        """Refuse to evaluate what cannot be right: no class in common, or numbers that the device does not have.

        Raises:
            DeviceError: with both sides' classes.
        """
        if not self.missing or self._by_name():
            return
        if self._by_number() or all(map(_is_number, self.missing)):
            self._refuse_numbers()
        raise DeviceError(
            f"none of the data's classes {_quoted(self.missing)} is the device's", expected=", ".join(self.known[:_SHOWN]),
            hint="name them as the device does, or leave the names out where the numbers agree",
        )  # fmt: skip

    def expect_teachable(self) -> None:
        """Refuse to teach what would mix classes up: some the device does not have, or some by name and others by number alone.

        Raises:
            DeviceError: with the classes that are meant. With `adding` none is refused.
        """
        if self.adding:
            return
        guessed = [self.names[place] for place in self._by_number() if not _is_number(self.names[place])]
        if guessed and self._by_name():
            raise DeviceError(
                f"the device has no class {_quoted(guessed)}, though it has others of the data by name",
                expected=", ".join(self.known[:_SHOWN]),
                hint="name all classes of the data as the device does; where it has numbers only, by those numbers",
            )
        if not self.missing:
            return
        if self._by_number() or all(map(_is_number, self.missing)):
            self._refuse_numbers()
        raise DeviceError(
            f"the device has no class {_quoted(self.missing)}", expected=", ".join(self.known[:_SHOWN]),
            hint="teach --new-classes adds them, where the head has room",
        )  # fmt: skip

    def _by_name(self) -> list[int]:
        return [place for place in self.present if self.names[place] in self.known]

    def _by_number(self) -> list[int]:
        return [place for place in self.present if self.numbers[place] != UNKNOWN and self.names[place] not in self.known]

    def _refuse_numbers(self) -> None:
        outside = [place for place in self.present if self.numbers[place] == UNKNOWN]
        refuse_labels([_number(self.names[place], place) for place in outside], self.known)


def match_classes(y: np.ndarray, names: Sequence[str], known: Sequence[str], *, adding: bool = False) -> ClassMatch:
    """Find the device's class of each class of some data.

    Args:
        y: (N,) labels, numbers in `names`. known: the device's class names, by number.
        adding: names that the device does not have are new classes: they are never taken for a class that has only a number there.

    Raises:
        DeviceError: a label that has no name.
    """
    present = np.unique(np.asarray(y, np.int64))
    outside = [int(label) for label in present if not 0 <= label < len(names)]
    if outside:
        raise DeviceError(f"labels {outside} have no name", expected=f"0 to {len(names) - 1}: {', '.join(names[:_SHOWN])}")
    places = {name: number for number, name in enumerate(known)}
    numbers = [places.get(name, UNKNOWN) for name in names]
    numbered = {int(name): number for number, name in enumerate(known) if _is_number(name)}
    for place, name in enumerate(names):
        if numbers[place] != UNKNOWN:
            continue
        if not _is_number(name):
            numbers[place] = UNKNOWN if adding else numbered.get(place, UNKNOWN)
        elif int(name) < len(known) and not _is_number(known[int(name)]):
            numbers[place] = int(name)
    free = _unclaimed(numbers, names, known)
    return ClassMatch(tuple(names), tuple(known), np.array(free, np.int64), tuple(int(label) for label in present), adding)


def refuse_labels(outside: Sequence[int], known: Sequence[str]) -> None:
    """Refuse labels that are no numbers of the device's classes.

    Raises:
        DeviceError: always.
    """
    raise DeviceError(
        f"labels {list(outside)} are outside the model's {len(known)} classes ({', '.join(known[:_SHOWN])})",
        expected=f"0 to {len(known) - 1}",
        hint="teach a dataset with the model's classes, add its own with teach --new-classes, or export a bundle for these",
    )


def _unclaimed(found: Sequence[int], names: Sequence[str], known: Sequence[str]) -> list[int]:
    """Take back numbers of classes that another of the data's classes has by name."""
    claimed = {name for name in names if name in known}
    return [
        UNKNOWN if number != UNKNOWN and name != known[number] and known[number] in claimed else number
        for number, name in zip(found, names, strict=True)
    ]


def _is_number(name: str) -> bool:
    return name.isascii() and name.isdigit() and name == str(int(name))


def _number(name: str, place: int) -> int:
    return int(name) if _is_number(name) else place


def _quoted(names: Sequence[str]) -> str:
    shown = ", ".join(map(repr, names[:_SHOWN]))
    return shown if len(names) <= _SHOWN else f"{shown} and {len(names) - _SHOWN} more"
