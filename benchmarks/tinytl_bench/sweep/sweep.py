# SPDX-License-Identifier: Apache-2.0
"""A sweep: every freeze plan, on the twin and in float on the host, and the pick for a budget.

In: a trained model, the target task, settings. Out: a `Sweep`, and a folder with `results.jsonl`, `sweep.json`, bundles, heads, a page and
a plot. Learning rates and plan are chosen on the validation part of the target's training split. Only then is the test split looked at.
A folder whose sweep was ended goes on where it was.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from filelock import FileLock, Timeout

from tinytl.cutting.plan_names import parse_plan
from tinytl.data.dataset import Dataset
from tinytl.errors import BenchError
from tinytl.exporting.export import cut_source
from tinytl.exporting.keras_source import KerasSource
from tinytl.exporting.settings import ExportSettings
from tinytl.progress import Progress, silent
from tinytl_bench.sweep.cells import Cell, Job, look, run_cell
from tinytl_bench.sweep.features.cache import FeatureCache
from tinytl_bench.sweep.features.extraction import FeatureFile, host_features, twin_features
from tinytl_bench.sweep.picking import expect_affordable, pick
from tinytl_bench.sweep.preparing import Prepared, prepare
from tinytl_bench.sweep.results import FILE, Results, chosen_rate, row_of, summarize
from tinytl_bench.sweep.settings import HOST, TWIN, SweepSettings
from tinytl_bench.sweep.stored import Facts, Sweep, expect_same, read_sweep, store, was_seen
from tinytl_bench.sweep.subject import Subject, open_subject
from tinytl_bench.sweep.workers import Lost, run_jobs


def run_sweep(
    model: Path, target: Dataset, settings: SweepSettings, *, source: Dataset | None = None,
    value_range: tuple[float, float] | None = None, progress: Progress | None = None,
) -> Sweep:  # fmt: skip
    """Sweep a model's freeze plans.

    Args:
        model: run folder, .keras file or int8 .tflite. target: what it is to learn. settings: what is tried, and what the pick has to fit.
        source: the task that the model knows, where it is no run that names it. value_range: as for `tinytl.export`.
        progress: told of stages and cells; None: nobody.

    Returns:
        The sweep, as `read_sweep` finds it in the folder.

    Raises:
        BenchError: a budget that no plan meets, before anything learns; a folder with another sweep, or one that works there now; a full
            disk, or a folder that cannot be written: what was done stays. ModelError, DataError, BuildError: model, data, plans or a board
            that cannot be used.
    """
    report = progress or silent
    report("sweep: open the model", 0, 1)
    subject = open_subject(model, target, settings, source=source, value_range=value_range)
    settings.folder.mkdir(parents=True, exist_ok=True)
    with _alone_in(settings.folder):
        facts = _facts(subject, settings)
        expect_same(settings.folder, facts.identity)
        work = _Work(subject, settings, report)
        results = Results(settings.folder / FILE)
        work.choose(results)
        found = work.chosen(results)
        picked = pick(summarize(found), settings.budget, validation_samples=subject.held_out)
        seen = was_seen(settings.folder, picked, results.rows.values())
        facts = replace(facts, notes=tuple(work.notes), pick=picked, test_seen_before=seen)
        store(settings.folder, facts, found, drawn=False)
        work.look_once(results, found)
        store(settings.folder, facts, work.chosen(results))
        report("sweep: done", 1, 1)
        return read_sweep(settings.folder)


@contextmanager
def _alone_in(folder: Path) -> Iterator[None]:
    try:
        with FileLock(folder / ".lock", timeout=0):
            yield
    except Timeout:
        raise BenchError(f"another sweep works in {folder}", expected="one at a time", hint="another folder, -o") from None


def _facts(subject: Subject, settings: SweepSettings) -> Facts:
    return Facts(
        model=str(subject.path), target=subject.target.name, source=subject.source.dataset.name, shares_labels=subject.shares_labels,
        taught=len(subject.target.x_train) - subject.held_out, validation_samples=subject.held_out, test_samples=len(subject.target.x_test),
        passes=settings.passes, identity=subject.identity(settings), budget=vars(settings.budget),
    )  # fmt: skip


@dataclass(frozen=True)
class _Look:
    """A cell whose head is judged at the end: on the target's test split, and on the source's where it can be forgotten."""

    job: Job
    sets: tuple[tuple[FeatureFile, np.ndarray], ...]


def _judged(looked: _Look) -> dict[str, Any]:
    """Return the columns `LOOKED`."""
    (before, after), *known = look(looked.job, looked.sets)
    columns = {f"test_{name}": value for name, value in vars(after).items()} | {"test_accuracy_before": before.accuracy}
    for at_first, at_last in known:
        columns |= {"source_accuracy_before": at_first.accuracy, "source_accuracy": at_last.accuracy}
    return columns


class _Work:
    """The stages of one sweep. Bundles and costs are there once it exists."""

    def __init__(self, subject: Subject, settings: SweepSettings, report: Progress) -> None:
        self._subject, self._settings, self._report = subject, settings, report
        self._cache = FeatureCache(settings.features)
        self.notes: list[str] = []
        self._prepared: dict[tuple[str, str], Prepared] = {}
        plans = settings.plans or subject.plans
        for number, plan in enumerate(plans):
            report(f"sweep: prepare {plan}", number, len(plans))
            self._prepared |= {(each.plan, each.weights): each for each in prepare(subject, settings, plan, self.notes)}
        report("sweep: prepare", len(plans), len(plans))
        if not self._prepared:
            raise BenchError(f"no plan is left: {self.notes[0]}", expected="at least one")
        expect_affordable(self._prepared.values(), settings.budget)
        self._files: dict[tuple[str, str, str], FeatureFile] = {}

    def choose(self, results: Results) -> None:
        """Try all rates in the first order; with the best of each, the other orders."""
        settings = self._settings
        for row in list(results.rows.values()):  # an emulator that was missing when a cell was done may be here now
            key = (row["plan"], row["weights"])
            if key in self._prepared and any(row[name] != value for name, value in vars(self._prepared[key].costs).items()):
                results.put({"cell": row["cell"], **vars(self._prepared[key].costs)})
        first = [Cell(place, plan, weights, rate, settings.seed) for place, plan, weights in self._kinds() for rate in self._rates(place)]
        self._run(first, results, "rates")
        rows = list(results.rows.values())
        best = {kind: chosen_rate(rows, *kind) for kind in self._kinds()}
        seeds = range(settings.seed + 1, settings.seed + settings.seeds)
        self._run([Cell(*kind, rate, seed) for kind, rate in best.items() if rate is not None for seed in seeds], results, "seeds")

    def chosen(self, results: Results) -> list[dict[str, Any]]:
        """Return the lines of this sweep's own cells, kind by kind; others in the file are of earlier settings."""
        settings, rows = self._settings, []
        seeds = range(settings.seed, settings.seed + settings.seeds)
        for kind in self._kinds():
            names = [Cell(*kind, rate, seed).name for rate in self._rates(kind[0]) for seed in seeds]
            rows += [results.rows[name] for name in names if name in results.rows]
        return rows

    def look_once(self, results: Results, rows: Sequence[Mapping[str, Any]]) -> None:
        """Judge the heads of the chosen rates on the test split, and on the source's where it can be forgotten."""
        subject, looks = self._subject, {}
        rates = {(row.place, row.plan, row.weights): row.rate for row in summarize(rows)}
        for row in rows:
            kind = (row["place"], row["plan"], row["weights"])
            if row["status"] != "ok" or row["rate"] != rates[kind] or row["test_accuracy"] is not None:
                continue
            sets = [(self._features("test", kind), subject.target.y_test)]
            sets += [(self._features("known", kind), subject.known_y)] if subject.shares_labels else []
            looks[row["cell"]] = _Look(self._job(Cell(*kind, row["rate"], row["seed"])), tuple(sets))
        for name, judged in self._in_workers(looks, _judged, "test"):
            if not isinstance(judged, Lost):
                results.put({"cell": name, **judged})

    def _run(self, cells: Sequence[Cell], results: Results, stage: str) -> None:
        jobs = {cell.name: self._job(cell) for cell in cells if not results.done(cell)}
        by_name = {cell.name: cell for cell in cells}
        for name, reached in self._in_workers(jobs, run_cell, stage):
            cell, lost = by_name[name], isinstance(reached, Lost)
            costs = self._of(cell.plan, cell.weights).costs
            results.put(row_of(cell, costs, None if lost else reached, reached.reason if isinstance(reached, Lost) else ""))
            if lost:
                self.notes.append(f"cell {name} was lost: {results.rows[name]['reason']}")

    def _in_workers(self, jobs: Mapping[str, Any], work: Any, stage: str) -> Iterator[tuple[str, Any]]:
        marks = self._settings.folder / ".running"
        for number, done in enumerate(run_jobs(jobs, work, workers=self._settings.workers, marks=marks), 1):
            yield done
            self._report(f"sweep: {stage}", number, len(jobs))

    def _kinds(self) -> list[tuple[str, str, str]]:
        """Return (place, plan, weights); on the host a plan has float32 weights alone."""
        twin = [(TWIN, *key) for key in self._prepared] if TWIN in self._settings.places else []
        plans = dict.fromkeys(plan for plan, _ in self._prepared) if HOST in self._settings.places else {}
        return [*twin, *((HOST, plan, "float32") for plan in plans)]

    def _rates(self, place: str) -> tuple[float, ...]:
        return tuple(sorted(set(self._settings.rates if place == TWIN else self._settings.host_rates)))

    def _of(self, plan: str, weights: str) -> Prepared:
        found = self._prepared.get((plan, weights))
        return found or next(each for key, each in self._prepared.items() if key[0] == plan)

    def _job(self, cell: Cell) -> Job:
        settings, heads = self._settings, self._settings.folder / "heads"
        heads.mkdir(exist_ok=True)
        features = self._features("train", (cell.place, cell.plan, cell.weights))
        subject, path = self._subject, self._of(cell.plan, cell.weights).bundle_path
        return Job(
            cell, path, features, subject.target.y_train, subject.held_out, settings.passes, settings.batch_size, heads
        )  # fmt: skip

    def _features(self, split: str, kind: tuple[str, str, str]) -> FeatureFile:
        """Return the features of a split, "train", "test" or "known", in a place: extracted once a sweep, and once a cache."""
        place, plan, weights = kind
        key = (split, place, plan)
        if key not in self._files:
            self._report(f"sweep: features of {plan}, {place}", 0, 1)
            subject, bundle = self._subject, self._of(plan, weights).bundle
            x = {"train": subject.target.x_train, "test": subject.target.x_test, "known": subject.known_x}[split]
            if place == HOST and isinstance(subject.source, KerasSource):
                self._files[key] = host_features(self._cache, subject.source, self._cut(plan), x)
            else:
                self._files[key] = twin_features(self._cache, bundle, x, threads=self._settings.workers, real=place == HOST)
        return self._files[key]

    def _cut(self, plan: str) -> Any:
        wishes = ExportSettings(
            plan=plan, out=self._settings.folder / "cut.tinytl", seed=self._settings.seed,
            channel_dataset=self._subject.taught if parse_plan(plan).percent else None,
        )  # fmt: skip
        return cut_source(self._subject.source, wishes)
