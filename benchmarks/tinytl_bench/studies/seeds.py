# SPDX-License-Identifier: Apache-2.0
"""What spread to expect of the demo: its job over several pretraining seeds and several orders of the taught samples, on the twin.

In: the demo's source, target, model and plan. Out: a `SeedsStudy`. The learning rate is chosen on a validation part of the target's
training samples; the test samples are looked at once, with the rate that was chosen. `spread.json` beside this file is the stored one.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import fmean, stdev
from tempfile import TemporaryDirectory

import numpy as np

from tinytl.bundle.bundle import read_bundle
from tinytl.data import Dataset, load_dataset
from tinytl.errors import BenchError
from tinytl.exporting.export import export
from tinytl.files import write_whole
from tinytl.model_kind import RUN_FILE
from tinytl.progress import Progress, silent
from tinytl.training.pretraining import pretrain
from tinytl.training.run_folder import Run, load_run
from tinytl.typed_json import convert, decode
from tinytl_bench.studies.guard import with_settings
from tinytl_bridge import connect

STORED = Path(__file__).with_name("spread.json")
RATES = (0.003, 0.01, 0.03, 0.1)
VALIDATION_SHARE = 0.25
SPLIT_SEED = 0
"""Of the draw of the validation part: the same for each pretraining seed."""
WIDTH = 2.0
"""A run further from the mean than so many standard deviations lies outside the spread."""
FIGURES = ("target_accuracy_before", "target_accuracy_after", "source_accuracy_before", "source_accuracy_after")


@dataclass(frozen=True)
class SeedRun:
    """One pretraining seed and one order; accuracies are fractions of the test splits, on the twin."""

    seed: int
    order: int
    target_accuracy_before: float
    target_accuracy_after: float
    source_accuracy_before: float
    source_accuracy_after: float


@dataclass(frozen=True)
class Spread:
    """Of one figure over all runs: mean, standard deviation (n - 1), lowest and highest."""

    mean: float
    deviation: float
    lowest: float
    highest: float

    def holds(self, value: float) -> bool:
        """Return whether a value lies within `WIDTH` deviations of the mean."""
        return abs(value - self.mean) <= WIDTH * self.deviation

    @property
    def text(self) -> str:
        """As tables say it, in per cent."""
        return f"{100 * self.mean:.1f} ± {100 * self.deviation:.1f} %"


@dataclass(frozen=True)
class SeedsStudy:
    """The demo's job over seeds and orders.

    Attributes:
        model, plan, source, target: of the job. epochs: of pretraining. samples: taught in a run, each once.
        validation: accuracy on the validation part for each learning rate, mean over the seeds. learning_rate: the best of them.
        runs: one a seed and order.
    """

    model: str
    plan: str
    source: str
    target: str
    epochs: int
    samples: int
    validation: dict[str, float]
    learning_rate: float
    runs: tuple[SeedRun, ...]

    def spread(self, figure: str) -> Spread:
        """Return the spread of one of `FIGURES`."""
        values = [getattr(run, figure) for run in self.runs]
        return Spread(fmean(values), stdev(values), min(values), max(values))

    @property
    def seed_count(self) -> int:
        """How many pretraining seeds there were."""
        return len({run.seed for run in self.runs})


@dataclass(frozen=True)
class SeedsSettings:
    """What is run.

    Attributes:
        work: folder for the pretrained models; one that is there already is used again. seeds: of pretraining. orders: a seed.
        epochs: of pretraining. rates: learning rates to choose from.
    """

    work: Path
    seeds: int = 5
    orders: int = 5
    epochs: int = 60
    rates: Sequence[float] = RATES


def study_seeds(
    model: str, plan: str, source: str, target: str, settings: SeedsSettings, *, progress: Progress | None = None
) -> SeedsStudy:
    """Pretrain with each seed, choose the learning rate on a validation part, then teach all samples in each order.

    Args:
        model: zoo name. plan: freeze plan. source, target: dataset names with the same classes.
        settings: seeds, orders, epochs, rates, and a folder. progress: told before each pretraining and each run; None: nobody.

    Raises:
        BenchError: fewer than two runs, which have no spread. ModelError, DataError: as `pretrain` and `export`.
    """
    report = progress or silent
    if settings.seeds * settings.orders < 2:
        raise BenchError("one run has no spread", expected="two runs or more", hint="--seeds 5 --orders 5")
    known, new = load_dataset(source), load_dataset(target)
    taught, held_out = _parts(len(new.x_train))
    scores: dict[float, list[float]] = {rate: [] for rate in settings.rates}
    with TemporaryDirectory() as scratch:
        bundles = []
        for seed in range(1, settings.seeds + 1):
            report("study: pretrain, choose the learning rate", seed - 1, settings.seeds)
            bundles.append(Path(scratch) / f"seed-{seed}.tinytl")
            export(_run(model, known, seed, settings), plan=plan, out=bundles[-1], seed=seed)
            for rate in settings.rates:
                part = (new.x_train[held_out], new.y_train[held_out])
                scores[rate].append(_accuracies(_at_rate(bundles[-1], rate), new, taught, [part])[1][0])
        means = {rate: fmean(values) for rate, values in scores.items()}
        best = max(means, key=lambda rate: means[rate])
        runs: list[SeedRun] = []
        for seed, bundle in enumerate(bundles, 1):
            for order in range(1, settings.orders + 1):
                report("study: teach", len(runs), settings.seeds * settings.orders)
                indices = np.random.default_rng(order).permutation(len(new.x_train))
                tests = [(new.x_test, new.y_test), (known.x_test, known.y_test)]
                before, after = _accuracies(_at_rate(bundle, best), new, indices, tests)
                runs.append(SeedRun(seed, order, before[0], after[0], before[1], after[1]))
    report("study: teach", len(runs), len(runs))
    validation = {f"{rate:g}": score for rate, score in means.items()}
    return SeedsStudy(model, plan, source, target, settings.epochs, len(new.x_train), validation, best, tuple(runs))


def _parts(count: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the training samples to teach and those held out, drawn once."""
    drawn = np.random.default_rng(SPLIT_SEED).permutation(count)
    return np.split(drawn, [count - round(VALIDATION_SHARE * count)])  # type: ignore[return-value]


def _run(model: str, source: Dataset, seed: int, settings: SeedsSettings) -> Run:
    """Return the run of a seed, pretrained where it is not there yet."""
    folder = settings.work / f"{model}-{source.name}-{settings.epochs}-seed-{seed}"
    if (folder / RUN_FILE).is_file():
        return load_run(folder)
    return pretrain(model, source, folder, epochs=settings.epochs, seed=seed)


def _at_rate(bundle: Path, rate: float) -> Path:
    path = bundle.with_name(f"{bundle.stem}-{rate:g}.tinytl")
    if not path.exists():
        with_settings(bundle, path, learning_rate=rate)
    return path


def _accuracies(
    bundle: Path, target: Dataset, order: np.ndarray, tests: Sequence[tuple[np.ndarray, np.ndarray]]
) -> tuple[list[float], list[float]]:
    """Teach one order from the factory head; return the accuracies on the tests before and after."""
    with TemporaryDirectory() as scratch, connect("host", state_dir=Path(scratch)) as device:
        device.flash(read_bundle(bundle))
        before = [device.evaluate(x, y).accuracy for x, y in tests]
        device.teach(target.x_train[order], target.y_train[order])
        return before, [device.evaluate(x, y).accuracy for x, y in tests]


def write_seeds(study: SeedsStudy, path: Path) -> None:
    """Write a study as JSON, whole or not at all."""
    write_whole(path, (json.dumps(asdict(study), indent=1) + "\n").encode())


def read_seeds(path: Path = STORED) -> SeedsStudy:
    """Read a stored study. Raises BenchError: what is wrong in it."""
    try:
        return convert(decode(path.read_bytes()), SeedsStudy)
    except (OSError, ValueError) as error:
        raise BenchError(f"{path} is no study of seeds: {error}", hint="tinytl study seeds -o FILE writes one") from None


def compared(summary: dict[str, float], study: SeedsStudy) -> tuple[str, ...]:
    """Return what to say of one run of the demo beside the stored ones: a line each figure, those outside the spread told as such."""
    lines = []
    for figure in FIGURES:
        spread, value = study.spread(figure), summary[figure]
        verdict = "within" if spread.holds(value) else "OUTSIDE"
        name = figure.replace("_accuracy", "")
        lines.append(f"{name.replace('_', ' ')} {100 * value:.1f} %: {verdict} the spread of {len(study.runs)} runs, {spread.text}")
    return tuple(lines)
