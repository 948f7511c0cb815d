# SPDX-License-Identifier: Apache-2.0
"""The one place that prints: results to stdout, everything else to stderr, JSON for machines.

Colours follow NO_COLOR and the terminal; tables fit 100 columns. `Reporter.progress` is the `Progress` that long steps call.
"""

import json
import sys
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.progress import Progress as RichProgress
from rich.table import Table

from tinytl.errors import TinytlError
from tinytl.progress import Progress

WIDTH = 100


def _console(stderr: bool) -> Console:
    console = Console(stderr=stderr, highlight=False, soft_wrap=False)
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


def say(text: str) -> None:
    """Tell the person what happens, on stderr."""
    _console(stderr=True).print(_escape(text))


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
    made = Table(title=_escape(title), title_justify="left", title_style="bold", header_style="bold", box=None, pad_edge=False)
    for column in columns:
        made.add_column(column, justify="right" if column in numeric else "left", overflow="fold")
    for row in rows:
        made.add_row(*[_escape(_cell(value)) for value in row])
    return made


def _cell(value: Any) -> str:
    if value is None:
        return "–"
    if isinstance(value, (int, np.integer)) and not isinstance(value, bool):
        return f"{value:,}"
    return f"{value:,.4g}" if isinstance(value, float) else str(value)


@contextmanager
def progress(*, quiet: bool = False) -> Iterator[Progress]:
    """Draw the stages of a long step on stderr, one bar a stage."""
    console = _console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(bar_width=28), MofNCompleteColumn(), TimeElapsedColumn(), TimeRemainingColumn())
    with RichProgress(*columns, console=console, disable=quiet, transient=False, refresh_per_second=5) as bars:
        tasks: dict[str, Any] = {}

        def report(stage: str, done: int, total: int) -> None:
            key, _, detail = stage.partition(": ")
            if key not in tasks:
                tasks[key] = bars.add_task(key, total=total)
            bars.update(tasks[key], completed=done, total=total, description=_escape(stage if detail else key))

        yield report
