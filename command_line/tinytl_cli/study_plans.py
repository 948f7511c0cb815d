# SPDX-License-Identifier: Apache-2.0
"""The command that compares freeze plans: `study plans`."""

from pathlib import Path

import click
from rich.console import Console

from tinytl.head.learning import LAYER_RATES, WEIGHTS
from tinytl_cli.console import progress, say, show, table
from tinytl_cli.options import FILE, Rates, json_option, seed_option


@click.command("plans")
@click.option("--task", "tasks", multiple=True, metavar="NAME", help="digits, usps, letters, things, gestures; repeatable  [default: all]")
@click.option("--plan", "plans", multiple=True, help="Freeze plan; repeatable  [default: the task's]")
@click.option("--samples", type=int, help="At most so many of the target's train split  [default: the task's]")
@click.option("--passes", type=int, help="Over them  [default: the task's]")
@click.option("--orders", default=3, show_default=True, type=int, help="Seeded orders that are averaged.")
@click.option("--rates", type=Rates(), help="Learning rates to choose from on a validation part  [default: 0.001 to 0.3]")
@click.option("--weights", type=click.Choice(WEIGHTS), default="float32", show_default=True, help="Of what trains on the device.")
@click.option("--layer-rates", type=click.Choice(LAYER_RATES), default="balanced", show_default=True, help="Of what trains on the device.")
@click.option("--count-on", metavar="TARGET", help="Count instructions of a step there, e.g. qemu:mps2-an386  [default: no]")
@click.option("--work", default=Path("build/studies"), show_default=True, type=FILE, help="Folder for pretrained models and bundles.")
@click.option("-o", "--out", type=FILE, help="Folder to store figures, tables and a plot in.")
@seed_option
@json_option
def study_plans(
    tasks: tuple[str, ...], plans: tuple[str, ...], samples: int | None, passes: int | None, orders: int,
    rates: tuple[float, ...] | None, weights: str, layer_rates: str, count_on: str | None, work: Path, out: Path | None, seed: int,
    as_json: bool,
) -> None:  # fmt: skip
    """Which freeze plan reaches what after deployment: plans taught on the twin, beside full training on the workstation."""
    from tinytl_bench.studies.plans import RATES, TASKS, StudySettings, find_task, study_task
    from tinytl_bench.studies.plans.stored import expect_folder, store
    from tinytl_bench.studies.plans.tables import COLUMNS, NOTES, rows_of, title_of

    definitions = [find_task(name) for name in tasks or TASKS]
    if out is not None:
        expect_folder(out)
    settings = StudySettings(
        work, plans, samples, passes, orders, rates or RATES, count_on=count_on, seed=seed, weights=weights, layer_rates=layer_rates
    )
    studies = []
    with progress() as bar:
        for task in definitions:
            studies.append(study_task(task, settings, progress=bar))
            if out is not None:
                store(studies[-1], out)
    if out is not None:
        say(f"written: {out}")

    def render(console: Console) -> None:
        for study in studies:
            console.print(table(title_of(study), COLUMNS, rows_of(study), numeric=COLUMNS[1:]))
            console.print()
        for note in NOTES:
            console.print(note, markup=False)

    show(studies, as_json=as_json, render=render)
