# SPDX-License-Identifier: Apache-2.0
"""The commands that compare ways of learning: `study plans`, `when`, `new-classes`, `forgetting`, `drift`, `guard`, `seeds`."""

from pathlib import Path
from typing import Any

import click
from rich.console import Console

from tinytl_cli.console import progress, show, table
from tinytl_cli.options import FILE, MODEL, Bytes, data_option, json_option, resize_option, seed_option
from tinytl_cli.study_forgetting import study_forgetting
from tinytl_cli.study_plans import study_plans


@click.group()
def study() -> None:
    """When and what to learn, how few samples a new class takes, what is forgotten, what drift and guard tell: on the twin."""


study.add_command(study_plans)
study.add_command(study_forgetting)


@study.command()
@click.argument("bundle", type=MODEL)
@data_option
@resize_option
@click.option("--samples", type=click.IntRange(min=1), help="At most so many of the train split  [default: all]")
@click.option("--orders", default=3, show_default=True, type=click.IntRange(min=1), help="Seeded orders that are averaged.")
@click.option("--count-on", metavar="TARGET", help="Count instructions of a step there, e.g. qemu:mps2-an386  [default: no]")
@seed_option
@json_option
def when(
    bundle: Path, data: str, resize: tuple[int, int] | None, samples: int | None, orders: int, count_on: str | None, seed: int,
    as_json: bool,
) -> None:  # fmt: skip
    """When to learn: what `teach --only-when` saves and costs, for BUNDLE and a dataset, on the twin."""
    from tinytl.data import load_dataset
    from tinytl_bench.studies.when_to_learn import study_rules

    dataset = load_dataset(data, resize=resize)
    with progress() as bar:
        rows = study_rules(bundle, dataset, samples=samples, orders=orders, board=count_on, seed=seed, progress=bar)

    def render(console: Console) -> None:
        titles = ("only when", "learned", "accuracy", "lowest", "µJ of steps (model: full)", "instructions of steps")
        cells = [
            (row.rule, f"{row.learned:.0f} of {row.samples}", f"{row.accuracy:.4f}", f"{row.lowest:.4f}", f"{row.energy_nj / 1000:,.0f}",
             None if row.instructions is None else round(row.instructions))
            for row in rows
        ]  # fmt: skip
        console.print(table(f"{bundle.name} learns {data}: means over {orders} orders", titles, cells, numeric=titles[1:]))

    show(rows, as_json=as_json, render=render)


@study.command("new-classes")
@click.argument("tflite", type=FILE)
@click.option("--known", required=True, type=FILE, help=".npz of int8 samples that the model knows: x or mfcc, y or label.")
@click.option("--new", required=True, type=FILE, help=".npz of classes that it does not know, with `speaker` where there are any.")
@click.option("--samples", default="5,20,100", show_default=True, metavar="N,N…", help="Of each new class, each taught once.")
@click.option("--orders", default=5, show_default=True, type=click.IntRange(min=1), help="Seeded draws that are averaged.")
@click.option("--validation", is_flag=True, help="Measure on the validation speakers, to choose settings by; not on those of the test.")
@click.option("--replay-samples", type=int, help="Known samples that travel in the bundle.")
@click.option("--learning-rate", type=float, help="Of the head on the device.")
@click.option("--replays-per-step", type=int, help="Replayed samples after each taught one.")
@click.option("--replay-buffer-bytes", type=Bytes(zero=True), help="RAM for features of taught samples.")
@click.option("--count-on", metavar="TARGET", help="Count a taught sample there, e.g. qemu:mps2-an386  [default: no]")
@seed_option
@json_option
def new_classes(
    tflite: Path, known: Path, new: Path, samples: str, orders: int, validation: bool, replay_samples: int | None, count_on: str | None,
    seed: int, as_json: bool, **settings: float | int | None,
) -> None:  # fmt: skip
    """How few samples a new class takes: an int8 TFLITE is taught classes that it does not have.

    Speakers who taught are not tested, and no known sample that is replayed is.
    """
    from dataclasses import replace

    from tinytl_bench.studies.new_classes import REPLAY_SAMPLES, SETTINGS, study_new_classes
    from tinytl_bench.studies.recordings import read_recordings

    learning = replace(SETTINGS, seed=seed, **{name: value for name, value in settings.items() if value is not None})  # type: ignore[arg-type]
    with progress() as bar:
        report = study_new_classes(
            tflite, read_recordings(known), read_recordings(new), counts=_counts(samples), orders=orders, learning=learning,
            replay_samples=REPLAY_SAMPLES if replay_samples is None else replay_samples, validation=validation, board=count_on, seed=seed,
            progress=bar,
        )  # fmt: skip

    def render(console: Console) -> None:
        titles = ("samples of each", "new classes", "lowest", "known before", "known after", "lowest ")
        cells: list[tuple[Any, ...]] = [
            (row.samples, *(f"{accuracy:.4f}" for accuracy in (row.new, row.lowest_new, row.known_before, row.known, row.lowest_known)))
            for row in report.rows
        ]
        tested = f"{report.tested_new:,} samples of {report.speakers:,} other speakers, {report.tested_known:,} known ones"
        console.print(table(f"{', '.join(report.classes)}: {tested}; means over {orders} draws", titles, cells, numeric=titles))
        if report.figures:
            facts = [(name, figure.value, figure.how) for name, figure in report.figures.items()]
            console.print(table(f"One sample on {count_on}", ("what", "value", "how"), facts, numeric=("value",)))

    show(report, as_json=as_json, render=render)


@study.command()
@click.argument("bundle", type=MODEL)
@click.option("--data", "data", multiple=True, required=True, metavar="NAME|PATH", help="Dataset whose test split is scored; repeatable.")
@resize_option
@click.option("--samples", default=1000, show_default=True, type=click.IntRange(min=1), help="At most so many of each.")
@click.option("--changed", is_flag=True, help="Also half as bright, noisy and inverted: images of uint8 alone.")
@seed_option
@json_option
def drift(
    bundle: Path, data: tuple[str, ...], resize: tuple[int, int] | None, samples: int, changed: bool, seed: int, as_json: bool
) -> None:
    """What drift a device would tell of datasets: about 1 for samples like those that BUNDLE was made with, more the less they are."""
    from tinytl.data import load_dataset
    from tinytl_bench.studies.drift import study_drift

    datasets = [load_dataset(name, resize=resize if Path(name).is_dir() else None) for name in data]
    with progress() as bar:
        rows = study_drift(bundle, datasets, samples=samples, changed=changed, seed=seed, progress=bar)

    def render(console: Console) -> None:
        titles = ("dataset", "images", "samples", "drift", "one in 20 below", "one in 20 above")
        cells = [(row.dataset, row.change, row.samples, *(f"{figure:.2f}" for figure in (row.mean, row.low, row.high))) for row in rows]
        console.print(table(f"Drift of single samples, {bundle.name}", titles, cells, numeric=titles[2:]))

    show(rows, as_json=as_json, render=render)


@study.command()
@click.argument("bundle", type=MODEL)
@data_option
@resize_option
@click.option("--orders", default=8, show_default=True, type=click.IntRange(min=1), help="Seeded orders that are averaged.")
@seed_option
@json_option
def guard(bundle: Path, data: str, resize: tuple[int, int] | None, orders: int, seed: int, as_json: bool) -> None:
    """What the guard is worth for BUNDLE and a dataset: do shuffled labels end with the old head, and what do right ones lose."""
    from tinytl.data import load_dataset
    from tinytl_bench.studies.guard import study_guard

    with progress() as bar:
        rows = study_guard(bundle, load_dataset(data, resize=resize), orders=orders, seed=seed, progress=bar)

    def render(console: Console) -> None:
        titles = ("guard", "accuracy", "lowest", "checks that undid", "shuffled labels: old head kept")
        cells = [
            (row.guard, f"{row.accuracy:.4f}", f"{row.lowest:.4f}", f"{row.undone} of {row.checks}" if row.checks else None,
             f"{row.old_head} of {row.shuffled}" if row.shuffled else None)
            for row in rows
        ]  # fmt: skip
        title = f"{bundle.name} learns {data}, {rows[0].samples} samples: {orders} orders"
        console.print(table(title, titles, cells, numeric=titles[1:]))

    show(rows, as_json=as_json, render=render)


@study.command()
@click.option("--seeds", default=5, show_default=True, type=click.IntRange(min=1), help="Pretraining seeds, from 1 on.")
@click.option("--orders", default=5, show_default=True, type=click.IntRange(min=1), help="Seeded orders of the taught samples, each seed.")
@click.option("--epochs", default=60, show_default=True, type=click.IntRange(min=1), help="Of pretraining.")
@click.option("--work", default=Path("build/studies"), show_default=True, type=FILE, help="Folder for pretrained models, used again.")
@click.option("-o", "--out", type=FILE, help="Write the study here as JSON.")
@json_option
def seeds(seeds: int, orders: int, epochs: int, work: Path, out: Path | None, as_json: bool) -> None:
    """What spread to expect of the demo: its job over pretraining seeds and orders; the learning rate by a validation part."""
    from tinytl_bench.demo.demo import MODEL, PLAN, SOURCE, TARGET
    from tinytl_bench.studies.seeds import FIGURES, SeedsSettings, study_seeds, write_seeds

    with progress() as bar:
        report = study_seeds(MODEL, PLAN, SOURCE, TARGET, SeedsSettings(work, seeds, orders, epochs), progress=bar)
    if out is not None:
        write_seeds(report, out)

    def render(console: Console) -> None:
        spreads = [(name.replace("_", " "), report.spread(name)) for name in FIGURES]
        cells = [(name, spread.text, f"{spread.lowest:.4f}", f"{spread.highest:.4f}") for name, spread in spreads]
        title = f"{MODEL}, {SOURCE} to {TARGET}: {report.seed_count} seeds, {len(report.runs)} runs"
        titles = ("what", "mean ± deviation", "lowest", "highest")
        console.print(table(title, titles, cells, numeric=titles[1:]))
        tried = ", ".join(f"{rate}: {100 * score:.1f} %" for rate, score in report.validation.items())
        console.print(f"learning rate {report.learning_rate:g}, by the validation part ({tried})", markup=False)

    show(report, as_json=as_json, render=render)


def _counts(text: str) -> tuple[int, ...]:
    """Read «5,20,100»."""
    parts = text.split(",")
    if not all(part.strip().isdigit() and int(part) > 0 for part in parts):
        raise click.BadParameter(f"{text!r} is no list of numbers; expected e.g. 5,20,100", param_hint="--samples")
    return tuple(int(part) for part in parts)
