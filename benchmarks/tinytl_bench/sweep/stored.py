# SPDX-License-Identifier: Apache-2.0
"""A sweep's folder: what is in it beside the results, how it is read, and the pick's bundle taken out of it.

`sweep.json` has what the sweep was about, notes and the pick; `README.md` is the page, `pareto.png` the plot.
"""

import json
import platform
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tinytl.bundle.bundle import Bundle, head_fields, read_bundle, write_bundle
from tinytl.errors import BenchError
from tinytl.files import write_whole
from tinytl_bench.sweep import tables
from tinytl_bench.sweep.cells import learning_of
from tinytl_bench.sweep.pareto import draw_pareto
from tinytl_bench.sweep.picking import Pick
from tinytl_bench.sweep.preparing import file_name
from tinytl_bench.sweep.results import FILE, Row, read_rows, summarize

if TYPE_CHECKING:
    import pandas

FORMAT, RECORD, PAGE, PLOT = "tinytl-sweep", "sweep.json", "README.md", "pareto.png"
_HINT = "tinytl sweep RUN --data TARGET -o FOLDER makes one"


@dataclass(frozen=True)
class Facts:
    """What a sweep was about.

    Attributes:
        model: path. target, source: names. shares_labels: whether they mean the same by their labels.
        taught, validation_samples, test_samples: of the target. passes: over the taught ones.
        identity: what results depend on. budget: fields of `Budget`. cells: names of the lines that belong to the sweep, in order.
        notes: sentences. pick: None until there is one. test_seen_before: an earlier pick from this folder had the test split looked at.
    """

    model: str
    target: str
    source: str
    shares_labels: bool
    taught: int
    validation_samples: int
    test_samples: int
    passes: int
    identity: dict[str, Any]
    budget: dict[str, Any]
    cells: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    pick: Pick | None = None
    test_seen_before: bool = False
    created_with: dict[str, str] = field(default_factory=dict)

    @property
    def title(self) -> str:
        """Say what learned what, in a line."""
        return f"{Path(self.model).name}: {self.source} → {self.target}"

    @property
    def told(self) -> str:
        """Say what chose and what was looked at, in sentences."""
        chose = (
            f"{self.taught:,} samples were taught, {self.passes} times each. {self.validation_samples:,} others of the training split, the "
            "validation part, chose learning rates and plan."
        )
        if self.test_seen_before:
            return f"{chose} The test split ({self.test_samples:,} samples) had been looked at for an earlier pick from these results."
        return f"{chose} The test split ({self.test_samples:,} samples) was looked at once, after the pick."


@dataclass(frozen=True)
class Sweep:
    """A sweep as its folder has it. rows: means, kind by kind. cells: the lines of the results."""

    folder: Path
    facts: Facts
    rows: tuple[Row, ...]
    cells: tuple[dict[str, Any], ...]

    @property
    def pick(self) -> Pick:
        """The plan that was picked.

        Raises:
            BenchError: the sweep did not get so far.
        """
        if self.facts.pick is None:
            raise BenchError(f"the sweep in {self.folder} has no pick yet", hint="run it again: it goes on where it was")
        return self.facts.pick

    def to_frame(self) -> "pandas.DataFrame":
        """Return the cells as a pandas DataFrame, a row a cell."""
        import pandas

        return pandas.DataFrame(list(self.cells))

    def plot(self) -> bytes:
        """Return the Pareto plot as a PNG."""
        return draw_pareto(self.rows, self.facts.pick, title=self.facts.title)

    def _repr_html_(self) -> str:
        """Return both tables, for notebooks."""
        shown = ["plan", "weights", "place", "rate", "seed", "accuracy", "test_accuracy", "arena_bytes", "seconds"]
        return str(self.to_frame()[shown].to_html(index=False))


def expect_same(folder: Path, identity: Mapping[str, Any]) -> None:
    """Refuse a folder whose results are of another sweep.

    Raises:
        BenchError: names what differs.
    """
    if not (folder / RECORD).is_file():
        if (folder / FILE).is_file():
            raise BenchError(f"{folder} has {FILE} without {RECORD}", expected="a folder of a sweep", hint="another folder, -o")
        write_whole(folder / RECORD, json.dumps({"format": FORMAT, "identity": dict(identity)}).encode())
        return
    kept = _document(folder)["identity"]
    changed = [name for name in identity if kept.get(name) != json.loads(json.dumps(identity[name]))]
    if changed:
        what = f"{folder} holds a sweep with another {', '.join(changed)}"
        raise BenchError(what, expected="the same, to go on with it", hint="another folder, -o")


def was_seen(folder: Path, picked: Pick, rows: Iterable[Mapping[str, Any]]) -> bool:
    """Tell whether the test split had been looked at before a pick was made: for another pick from the same results.

    Args:
        folder: the sweep's. picked: now. rows: all lines of its results.
    """
    document = _document(folder)
    if document.get("pick") == asdict(picked):
        return bool(document["test_seen_before"])
    return any(row["test_accuracy"] is not None for row in rows)


def store(folder: Path, facts: Facts, cells: Sequence[Mapping[str, Any]], *, drawn: bool = True) -> None:
    """Write what a sweep found.

    Args:
        folder: the sweep's. facts: what it was about. cells: its lines of results. drawn: page and plot as well.
    """
    facts = replace(facts, cells=tuple(row["cell"] for row in cells), created_with=_versions())
    write_whole(folder / RECORD, (json.dumps({"format": FORMAT, **asdict(facts)}, indent=1, ensure_ascii=False) + "\n").encode())
    if not drawn:
        return
    sweep = Sweep(folder, facts, summarize(cells), tuple(dict(row) for row in cells))
    write_whole(folder / PAGE, page(sweep).encode())
    write_whole(folder / PLOT, sweep.plot())


def read_sweep(folder: Path) -> Sweep:
    """Read a sweep's folder.

    Raises:
        BenchError: there is none, or it is damaged.
    """
    document = _document(folder)
    rows = {row["cell"]: row for row in read_rows(folder / FILE)}
    try:
        picked = document.pop("pick")
        facts = Facts(**document | {"cells": tuple(document["cells"]), "notes": tuple(document["notes"])})
        facts = replace(facts, pick=picked and Pick(**picked))
        cells = tuple(rows[name] for name in facts.cells)
    except (KeyError, TypeError) as error:
        what = f"the sweep in {folder} was not done, or is damaged: {error}"
        raise BenchError(what, hint="run it again: it goes on where it was") from error
    return Sweep(folder, facts, summarize(cells), cells)


def export_pick(folder: Path, out: Path) -> Bundle:
    """Write the bundle of the plan that a sweep picked, with the learning settings that it had there.

    Args:
        folder: the sweep's. out: `.tinytl` file to write.

    Raises:
        BenchError: no sweep there, or one without a pick. BundleError: its bundle is gone, or `out` cannot be written.
    """
    sweep = read_sweep(folder)
    picked, facts = sweep.pick, sweep.facts
    bundle = read_bundle(folder / "bundles" / f"{file_name(picked.plan)}-{picked.weights}.tinytl")
    head = replace(bundle.head, learning=learning_of(bundle, picked.rate, facts.passes * facts.taught))
    return write_bundle(replace(bundle, head=head, manifest={**bundle.manifest, "name": out.stem, "head": head_fields(head)}), out)


def page(sweep: Sweep) -> str:
    """Return the page in Markdown: the pick, both tables, what was looked at, notes."""
    facts, rows = sweep.facts, sweep.rows
    parts = [f"# {facts.title}", f"**The pick.** {facts.pick.reason}" if facts.pick else "", facts.told]
    parts.append(f"![accuracy against costs]({PLOT})")
    parts.append(tables.markdown_table(tables.REACHES, tables.reaches(rows, facts.pick)))
    parts.append(tables.markdown_table(tables.COSTS, tables.costs(rows, facts.pick)))
    parts.append("\n".join(f"- {note}" for note in (" ".join(tables.NOTES), *facts.notes)))
    return "\n\n".join(part for part in parts if part) + "\n"


def _document(folder: Path) -> dict[str, Any]:
    try:
        document: dict[str, Any] = json.loads((folder / RECORD).read_text(encoding="utf-8"))
        if document.pop("format") != FORMAT:
            raise ValueError("another format")
        return document
    except (OSError, ValueError, KeyError, AttributeError) as error:
        raise BenchError(f"no sweep in {folder}: {error}", expected=f"a folder with {RECORD}", hint=_HINT) from error


def _versions() -> dict[str, str]:
    found = {"python": platform.python_version(), "machine": platform.machine()}
    for name in ("tinytl", "numpy", "tensorflow", "keras", "joblib"):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found
