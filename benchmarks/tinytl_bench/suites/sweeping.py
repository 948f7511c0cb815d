# SPDX-License-Identifier: Apache-2.0
"""The suite `sweep`: five freeze plans of `thesis-small` in several orders, on kept features and by `Model.fit` on the frozen model.

In: a size; CIFAR-10 and CIFAR-100 lie in the folder that TINYTL_DATA_DIR names. Out: a `Measurement` a plan and one in all: seconds of both
ways, how many times faster the sweep is, and the accuracies of both on the same test samples. Both have the same samples, passes, batches,
rates and processor cores; neither chooses anything.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import fmean, stdev
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Any

from tinytl.cutting.keras_cut import cut
from tinytl.data import Dataset, load_dataset
from tinytl.errors import BenchError
from tinytl.keras_models import load_model
from tinytl.measurement import REQUIRED, Figure, Measurement
from tinytl.model_kind import RUN_FILE
from tinytl.progress import Progress, silent
from tinytl.training.fine_tuning import accuracy, fine_tune, model_inputs
from tinytl.training.pretraining import pretrain
from tinytl.training.run_folder import Run, load_run
from tinytl_bench.studies.plans.tasks import THINGS, of_classes
from tinytl_bench.sweep import Sweep, SweepSettings, run_sweep
from tinytl_bench.sweep.settings import HOST
from tinytl_bench.sweep.subject import Subject, open_subject

NAME = "sweep"
PLANS = ("last-dense", "fc", "fc+conv1", "bias-only", "bias+last-dense")
_HOW = "wall time on this machine, {workers} cores"
_MISSING = "a sweep is timed on the workstation"


@dataclass(frozen=True)
class Size:
    """How much is done.

    Attributes:
        pretraining, epochs: samples of CIFAR-10 and passes over them, where the folder has no model yet.
        samples: of the target's training split, a quarter of them the validation part. tests: of its test split.
        passes, seeds, batch_size: of each plan. rate: learning rate of both ways. workers: cores.
    """

    pretraining: int = 3000
    epochs: int = 4
    samples: int = 2400
    tests: int = 500
    passes: int = 10
    seeds: int = 3
    batch_size: int = 32
    rate: float = 0.001
    workers: int = 2


def run_sweep_suite(
    *, folder: Path = Path("build/suites"), size: Size | None = None, progress: Progress | None = None
) -> tuple[Measurement, ...]:
    """Time both ways.

    Args:
        folder: keeps the pretrained model. size: how much is done; None: `Size()`, minutes on two cores.
        progress: of plans and orders; None: nobody.

    Raises:
        DataError: the data sets are not there.
    """
    report, chosen = progress or silent, size or Size()
    folder.mkdir(parents=True, exist_ok=True)
    source = load_dataset("cifar10")
    run, target = _model(source, folder, chosen, report), of_classes(load_dataset("cifar100"), THINGS)
    target = replace(target, x_test=target.x_test[: chosen.tests], y_test=target.y_test[: chosen.tests])
    with TemporaryDirectory(dir=folder) as scratch:
        settings = SweepSettings(
            Path(scratch) / "sweep", plans=PLANS, places=(HOST,), seeds=chosen.seeds, samples=chosen.samples, passes=chosen.passes,
            host_rates=(chosen.rate,), batch_size=chosen.batch_size, workers=chosen.workers,
        )  # fmt: skip
        stages = _Stages(report)
        start = perf_counter()
        swept = run_sweep(run.path, target, settings, source=source, progress=stages)
        seconds = perf_counter() - start
        subject = open_subject(run.path, target, settings, source=source)
        fitted = {plan: _fitted(plan, subject, settings, chosen, report) for plan in PLANS}
    return _measurements(swept, fitted, seconds, seconds - stages.preparing, chosen)


class _Stages:
    """A `Progress` that notes how long bundles were prepared, which `Model.fit` does not do."""

    def __init__(self, report: Progress) -> None:
        self._report, self._start, self.preparing = report, perf_counter(), 0.0

    def __call__(self, stage: str, done: int, total: int) -> None:
        if stage == "sweep: prepare":
            self.preparing = perf_counter() - self._start
        self._report(stage, done, total)


@dataclass(frozen=True)
class _Fitted:
    """`Model.fit` of one plan: seconds of all orders, accuracies of each."""

    seconds: float
    accuracies: tuple[float, ...]


def _model(source: Dataset, folder: Path, size: Size, report: Progress) -> Run:
    path = folder / f"thesis-small-cifar10-{size.pretraining}-{size.epochs}"
    if (path / RUN_FILE).is_file():
        return load_run(path)
    part = replace(source, x_train=source.x_train[: size.pretraining], y_train=source.y_train[: size.pretraining])
    part = replace(part, x_test=source.x_test[:500], y_test=source.y_test[:500])
    return pretrain("thesis-small", part, path, epochs=size.epochs, augment=False, progress=report)


def _fitted(plan: str, subject: Subject, settings: SweepSettings, size: Size, report: Progress) -> _Fitted:
    """Train the plan's layers in the whole model, whose other layers are frozen, once an order."""
    source: Any = subject.source
    model = load_model(subject.path / "model.keras")
    trains = {layer.name: layer.trains for layer in cut(model, plan).head.layers if layer.trained_count}
    start, accuracies = perf_counter(), []
    taught = subject.taught
    x, tests = (model_inputs(model, part, source.found.value_range) for part in (taught.x_train, subject.target.x_test))
    for order in range(size.seeds):
        report(f"suite: fit {plan}", order, size.seeds)
        seed = settings.seed + order
        learned = fine_tune(
            model, x, taught.y_train, learning_rate=size.rate, batch_size=settings.batch_size, passes=size.passes, seed=seed, trains=trains
        )
        accuracies.append(accuracy(learned, tests, subject.target.y_test))
    report(f"suite: fit {plan}", size.seeds, size.seeds)
    return _Fitted(perf_counter() - start, tuple(accuracies))


def _measurements(
    swept: Sweep, fitted: Mapping[str, _Fitted], whole: float, learning: float, size: Size
) -> tuple[Measurement, ...]:  # fmt: skip
    rows = {row.plan: row for row in swept.rows}
    if missing := [plan for plan in PLANS if plan not in rows]:
        raise BenchError(f"plans {', '.join(missing)} were lost", expected="all five")
    measured = []
    for plan, fit in fitted.items():
        own = [float(row["test_accuracy"]) for row in swept.cells if row["plan"] == plan]
        seconds = rows[plan].seconds * size.seeds / min(size.workers, len(swept.cells))
        told = "a plan's cells, their seconds shared out among the workers; features not"
        measured.append(_measurement(plan, seconds, fit.seconds, own, fit.accuracies, size, told))
    all_own = [float(row["test_accuracy"]) for row in swept.cells]
    all_fit = [value for fit in fitted.values() for value in fit.accuracies]
    seconds = sum(fit.seconds for fit in fitted.values())
    measured.append(_measurement("all", learning, seconds, all_own, all_fit, size, "features, cells, test split, page and plot"))
    measured.append(_measurement("all, with export", whole, seconds, all_own, all_fit, size, "and the export of all plans"))
    return tuple(measured)


def _measurement(
    name: str, own: float, fit: float, own_accuracies: Any, fit_accuracies: Any, size: Size, counted: str
) -> Measurement:  # fmt: skip
    how = _HOW.format(workers=size.workers)
    sized = f"{size.samples} samples, {size.passes} passes, {size.seeds} orders"
    figures = {
        "seconds_sweep": Figure(own, "s", f"{how}; {counted}; {sized}"),
        "seconds_fit": Figure(fit, "s", f"{how}; Model.fit of the frozen Keras model; {sized}"),
        "times_faster": Figure(fit / own, "times", "seconds_fit / seconds_sweep"),
        "accuracy": Figure(fmean(own_accuracies), "fraction", f"host, {size.tests} test samples, mean over the orders"),
        "accuracy_fit": Figure(fmean(fit_accuracies), "fraction", f"host, {size.tests} test samples, mean over the orders"),
    }
    spread = stdev(own_accuracies) if len(own_accuracies) > 1 else 0.0
    missing = dict.fromkeys((each for each in REQUIRED if each not in figures), _MISSING)
    return Measurement(f"thesis-small, {name}", HOST, figures, (), {"missing": missing, "spread": spread})
