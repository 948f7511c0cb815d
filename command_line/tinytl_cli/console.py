# SPDX-License-Identifier: Apache-2.0
"""The one place that prints: results to stdout, everything else to stderr, JSON for machines.

Colours follow NO_COLOR and the terminal; tables fit 100 columns. `progress` gives the `Progress` that long steps call. `set_loudness` is
what `-q` and `-v` do: quiet, only results, warnings and errors; verbose, also details.
"""

import json
import sys
import time
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console, RenderableType
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, ProgressColumn, Task, TaskID, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.progress import Progress as RichProgress
from rich.table import Table

from tinytl.errors import TinytlError
from tinytl.progress import Progress

WIDTH = 100
QUIET, NORMAL, VERBOSE = -1, 0, 1
_PAUSE_S = 0.1
_LOUDNESS: ContextVar[int] = ContextVar("loudness", default=NORMAL)


def set_loudness(loudness: int) -> None:
    """Set how much is said beside results: `QUIET`, `NORMAL` or `VERBOSE`."""
    _LOUDNESS.set(loudness)


def is_verbose() -> bool:
    """Tell whether details are wanted."""
    return _LOUDNESS.get() >= VERBOSE


def _console(stderr: bool) -> Console:
    console = Console(stderr=stderr, highlight=False, soft_wrap=False, emoji=False)
    if console.width > WIDTH or not console.is_terminal:
        console.width = WIDTH
    return console


def console_for(*, as_json: bool) -> Console:
    """Return where a table goes: stdout, or stderr where stdout is for JSON."""
    return _console(stderr=as_json)


def plain(value: Any) -> Any:
    """Turn a result into what JSON knows: dataclasses to objects, arrays to lists, bytes to hex, paths to text."""
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [plain(item) for item in value]
    if isinstance(value, np.ndarray):
        return value.tolist()
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, bytes):
        return value.hex()
    return str(value) if isinstance(value, Path) else value


def show(result: Any, *, as_json: bool, render: Callable[[Console], None]) -> None:
    """Print a result to stdout: as JSON, or through `render`."""
    if as_json:
        sys.stdout.write(json.dumps(plain(result), indent=2, allow_nan=False) + "\n")
    else:
        render(_console(stderr=False))


def show_facts(facts: dict[str, Any], *, as_json: bool, title: str) -> None:
    """Print names and values, one a row, or as JSON."""
    rows = [(name.replace("_", " "), f"{value:.4f}" if isinstance(value, float) else plain(value)) for name, value in facts.items()]
    show(facts, as_json=as_json, render=lambda console: console.print(table(title, ("what", "value"), rows)))


def say(text: str, *, always: bool = False) -> None:
    """Tell the person what happens, on stderr; under `-q` only warnings, and what was asked for (always)."""
    if _LOUDNESS.get() <= QUIET and not always and not text.startswith("warning:"):
        return
    _console(stderr=True).print(_escape(text))


def stage_teller() -> Progress:
    """Return a `Progress` that says each stage once, for long steps that no command asked for."""
    told: set[str] = set()

    def tell(stage: str, done: int, total: int) -> None:
        if stage not in told:
            told.add(stage)
            say(f"{stage} …")

    return tell


def detail(text: str) -> None:
    """Tell the person what only `-v` shows, on stderr."""
    if is_verbose():
        say(text)


def fail(error: TinytlError) -> None:
    """Print a refusal on stderr as «error: …» and «hint: …»."""
    console = _console(stderr=True)
    what, _, hint = error.text().partition("\nhint: ")
    console.print(f"[bold red]error:[/] {_escape(what)}", soft_wrap=True)
    if hint:
        console.print(f"[bold cyan]hint:[/] {_escape(hint)}", soft_wrap=True)


def _escape(text: str) -> str:
    """Return text that rich and a terminal show as it is: no markup, and control characters by their numbers."""
    shown = "".join(character if character == "\n" or not _controls(character) else repr(character)[1:-1] for character in text)
    return escape(shown)


def _controls(character: str) -> bool:
    """Tell whether a terminal could take a character for a command: C0, DEL, C1, and what turns the direction of writing."""
    return unicodedata.category(character) in ("Cc", "Cf", "Zl", "Zp")


def table(title: str, columns: Sequence[str], rows: Sequence[Sequence[Any]], *, numeric: Sequence[str] = ()) -> Table:
    """Build a table; columns named in `numeric` are aligned to the right."""
    grid = Table(title=_escape(title), title_justify="left", title_style="bold", header_style="bold", box=None, pad_edge=False)
    for column in columns:
        grid.add_column(column, justify="right" if column in numeric else "left", overflow="fold")
    for row in rows:
        grid.add_row(*[_escape(_cell(value)) for value in row])
    return grid


def _cell(value: Any) -> str:
    if value is None:
        return "–"
    if isinstance(value, (int, np.integer)) and not isinstance(value, bool):
        return f"{value:,}"
    return f"{value:,.4g}" if isinstance(value, float) else str(value)


class _Bars:
    """A `Progress` that draws a bar for each stage, at most ten times a second and at a stage's end; nothing where nobody looks."""

    def __init__(self, bars: RichProgress | None) -> None:
        self._bars, self._next = bars, 0.0
        self._tasks: dict[str, TaskID] = {}

    def is_due(self) -> bool:
        """Tell whether a report made now would be shown."""
        return self._bars is not None and time.monotonic() >= self._next

    def __call__(self, stage: str, done: int, total: int) -> None:
        """Draw a report."""
        if self._bars is None or ((done < total or not total) and not self.is_due()):
            return
        self._next = time.monotonic() + _PAUSE_S
        key, _, more = stage.partition(": ")
        if not self._tasks:
            self._bars.start()
        if key not in self._tasks:
            self._tasks[key] = self._bars.add_task(key, total=total or None)
        self._bars.update(self._tasks[key], completed=done, total=total or None, description=_escape(stage if more else key))


class _WithTotal(ProgressColumn):
    """A column that is empty where nobody knows how many come: there a long text has its room."""

    def __init__(self, column: ProgressColumn) -> None:
        super().__init__()
        self._column = column

    def render(self, task: Task) -> RenderableType:
        return self._column.render(task) if task.total is not None else ""


def _columns() -> tuple[ProgressColumn, ...]:
    ends = _WithTotal(BarColumn(bar_width=28)), _WithTotal(TimeRemainingColumn())
    return TextColumn("{task.description}"), ends[0], MofNCompleteColumn(), TimeElapsedColumn(), ends[1]


@contextmanager
def progress() -> Iterator[Progress]:
    """Draw the stages of a long step on stderr, one bar a stage, where it is a terminal and `-q` was not given."""
    console = _console(stderr=True)
    if not console.is_terminal or _LOUDNESS.get() <= QUIET:
        yield _Bars(None)
        return
    bars = RichProgress(*_columns(), console=console, transient=False, refresh_per_second=10)
    try:
        yield _Bars(bars)
    finally:
        bars.stop()
