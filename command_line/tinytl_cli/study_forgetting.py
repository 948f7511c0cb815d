# SPDX-License-Identifier: Apache-2.0
"""The command `study forgetting`: what new classes cost the old ones, with the settings of `export` and with better ones."""

from pathlib import Path

import click
from rich.console import Console

from tinytl_cli.console import progress, show, table
from tinytl_cli.options import FILE, json_option


@click.command("forgetting")
@click.argument("tasks", nargs=-1, metavar="[TASK]...")
@click.option("--samples", default=30, show_default=True, type=click.IntRange(min=1), help="Of each new class, each taught once.")
@click.option("--orders", default=5, show_default=True, type=click.IntRange(min=1), help="Seeded draws that are averaged.")
@click.option("--work", default=Path("build/studies"), show_default=True, type=FILE, help="Folder for pretrained models, used again.")
@click.option("-o", "--out", type=FILE, help="Write the study here as JSON.")
@json_option
def study_forgetting(tasks: tuple[str, ...], samples: int, orders: int, work: Path, out: Path | None, as_json: bool) -> None:
    """What becomes of five classes when five more are taught, and with which options of `export` it costs least.

    TASK is mnist-5k, uci-digits, usps or notmnist: its first five classes are pretrained, the others taught. Default: all. One
    setting is chosen for all of them, on samples that are neither trained with, replayed, taught nor tested.
    """
    from tinytl_bench.studies.forgetting import LIMIT, write_forgetting
    from tinytl_bench.studies.forgetting import study_forgetting as run_study
    from tinytl_bench.studies.forgetting_tasks import TASKS, open_task

    with progress() as bar:
        opened = [open_task(name, work, bar) for name in tasks or TASKS]
        report = run_study(opened, samples=samples, orders=orders, progress=bar)
    if out is not None:
        write_forgetting(report, out)

    def render(console: Console) -> None:
        titles = ("task", "tinytl export …", "old before", "old change", "most lost", "new", "lowest")
        cells = [
            (task.title, way.way.options, f"{100 * way.old_before:.1f}", f"{-100 * way.forgotten:+.1f}",
             f"{100 * (way.lowest_old - way.old_before):+.1f}", f"{100 * way.new:.1f}", f"{100 * way.lowest_new:.1f}")
            for task in report.tasks for way in task.outcomes
        ]  # fmt: skip
        console.print(table(f"{samples} samples of each new class: means over {orders} orders, in %", titles, cells, numeric=titles[2:]))
        tried = f"chosen of {len(report.candidates)} on validation parts, to forget at most {100 * LIMIT:g} points"
        console.print(f"{report.chosen.options}: {tried}", markup=False)

    show(report, as_json=as_json, render=render)
