# SPDX-License-Identifier: Apache-2.0
"""Labels of an endless stream: which of the device's classes each means, one at a time, as `tinytl.class_match` says.

In: names or whole numbers. Out: the device's numbers, or a refusal. Labels that are still to come are not known, so a name is a class by
that name alone, and a number is a class called so, else the class of that number.
"""

import re
from collections.abc import Sequence

import numpy as np

from tinytl.class_match import UNKNOWN, match_classes
from tinytl.errors import DeviceError
from tinytl_bridge.teaching import Label
from tinytl_bridge.wire.class_names import check_room

MOST_LABEL_CHARACTERS = 200
_SHOWN = 12
_SURROGATES = re.compile("[\ud800-\udfff]")
_MOST_REMEMBERED = 4096


class NamedLabels:
    """A `ClassLookup` by names.

    Args:
        known: the device's class names. capacity: rows that its head has for classes. new_classes: whether others are added.

    Attributes:
        known: the device's class names now.
    """

    def __init__(self, known: Sequence[str], *, capacity: int, new_classes: bool) -> None:
        self._capacity, self._new_classes = capacity, new_classes
        self.known: list[str] | None = list(known)
        self._numbers: dict[str, int] = {}

    def number_of(self, label: Label) -> int:
        """As `ClassLookup.number_of`."""
        name = str(label)
        if name not in self._numbers:
            if len(self._numbers) >= _MOST_REMEMBERED:
                self._numbers.clear()
            match = match_classes(np.zeros(1, np.int64), (name,), self.known or (), adding=True)
            self._numbers[name] = int(match.numbers[0])
        return self._numbers[name]

    def name_of(self, label: Label) -> str:
        """As `ClassLookup.name_of`."""
        return str(label)

    def renew(self, known: Sequence[str]) -> None:
        """As `ClassLookup.renew`; refuses nothing: each sample's label is asked for in its turn."""
        self.known, self._numbers = list(known), {}

    def expect(self, label: Label) -> None:
        """Refuse a label that can be no class of the device.

        Raises:
            DeviceError: it has no such class, and none may be added, or there is no room for one.
        """
        name = str(label)
        if len(name) > MOST_LABEL_CHARACTERS or _SURROGATES.search(name):
            raise DeviceError(f"label {name!r:.80}", expected=f"at most {MOST_LABEL_CHARACTERS} characters, none of them half a character")
        if self.number_of(label) != UNKNOWN:
            return
        known = self.known or []
        if not self._new_classes:
            raise DeviceError(f"label {label!r:.80}", expected=f"a class of the device: {', '.join(known[:_SHOWN])}")
        check_room((str(label),), count=len(known), capacity=self._capacity)
