# SPDX-License-Identifier: Apache-2.0
"""The `RunLog` of one's own run: what `teach --log` and `evaluate -o` saw, as plain frozen data that goes to JSON and back.

In: the facts of a table, the live curve, labels and answers. Out: `to_json`, and `from_json`, which checks every field and refuses with its
name. It is the part of a `Story` that any device and any data can tell.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from tinytl.class_match import ClassMatch
from tinytl.errors import ReportError
from tinytl.report.story import Count, LearningCurve
from tinytl.typed_json import FieldError, convert, to_plain

FORMAT = "tinytl-run"
FORMAT_VERSION = 1
MOST_CLASSES = 1000
Fact = str | int | float | bool | None


@dataclass(frozen=True)
class Answers:
    """What the device answered on a test split.

    Attributes:
        when: "before learning", "after learning", or "evaluated".
        classes: K names. counts: (K, K), rows are the true classes, columns the device's answers.
    """

    when: str
    classes: tuple[str, ...]
    counts: tuple[tuple[Count, ...], ...]

    def __post_init__(self) -> None:
        side = len(self.classes)
        if not 1 <= side <= MOST_CLASSES:
            _refuse(f"answers.classes has {side} names", f"1 to {MOST_CLASSES}")
        if len(self.counts) != side or any(len(row) != side for row in self.counts):
            _refuse(f"answers.counts has {len(self.counts)} rows", f"{side} × {side}, one row and column for each class")

    @classmethod
    def of(cls, when: str, y: np.ndarray, predictions: np.ndarray, match: ClassMatch) -> "Answers":
        """Count answers. Classes that the device does not have come last.

        Args:
            when: as in the class. y: (N,) labels of the data. predictions: (N,) the device's classes.
            match: how the data's classes map to the device's.
        """
        names = (*match.known, *match.missing)
        own = {name: len(match.known) + place for place, name in enumerate(match.missing)}
        rows = np.array([own.get(match.names[int(label)], match.numbers[int(label)]) for label in y], np.int64)
        counts = np.zeros((len(names), len(names)), np.int64)
        np.add.at(counts, (rows, predictions), 1)
        return cls(when, names, tuple(tuple(int(count) for count in row) for row in counts))


@dataclass(frozen=True)
class RunLog:
    """One run. kind: what was done. facts: name → value, as the command's table has them. curve: None where nothing was taught."""

    kind: Literal["teach", "evaluate"]
    facts: dict[str, Fact]
    answers: tuple[Answers, ...] = ()
    curve: LearningCurve | None = None

    def __post_init__(self) -> None:
        for name, value in self.facts.items():
            if isinstance(value, float) and not math.isfinite(value):
                _refuse(f"facts.{name} is {value}", "a finite number")

    @property
    def title(self) -> str:
        """What was done, with what and where."""
        verb = "Taught" if self.kind == "teach" else "Evaluated"
        return f"{verb}: {self.facts.get('data') or 'samples'} on {self.facts.get('target') or 'a device'}"

    def to_json(self) -> dict[str, Any]:
        """Return plain values for `json.dump`."""
        return {"format": FORMAT, "format_version": FORMAT_VERSION, **to_plain(self)}

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> "RunLog":
        """Read what `to_json` returned.

        Raises:
            ReportError: another format, a newer version, a missing field, a wrong type, length or range.
        """
        if document.get("format") != FORMAT or document.get("format_version") != FORMAT_VERSION:
            kind = f"{document.get('format')!r} version {document.get('format_version')!r}"
            _refuse(f"format is {kind}", f"{FORMAT!r} version {FORMAT_VERSION}")
        try:
            return convert(document, cls)
        except FieldError as error:
            raise ReportError(f"run: field {error.path!r} {error.what}", expected=error.expected, hint=_HINT) from error


def shown(value: Fact) -> str:
    """Return a fact as the page shows it."""
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:,.4f}" if isinstance(value, float) else f"{value:,}" if isinstance(value, int) else value


def titles(logs: Sequence[RunLog]) -> str:
    """Return the title of a page of these runs."""
    return logs[0].title if len(logs) == 1 else f"{len(logs)} runs"


_HINT = "tinytl teach --log and tinytl evaluate -o write such files"


def _refuse(what: str, expected: str) -> None:
    raise ReportError(f"run: {what}", expected=expected, hint=_HINT)
