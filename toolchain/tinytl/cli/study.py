# SPDX-License-Identifier: Apache-2.0
"""The command that compares rules of learning: `study`."""

from pathlib import Path

import click
from rich.console import Console

from tinytl.cli.console import progress, show, table
from tinytl.cli.options import MODEL, data_option, json_option, seed_option


@click.command()
@click.argument("bundle", type=MODEL)
@data_option
@click.option("--samples", type=click.IntRange(min=1), help="At most so many of the train split  [default: all]")
@click.option("--orders", default=3, show_default=True, type=click.IntRange(min=1), help="Seeded orders that are averaged.")
@click.option("--count-on", metavar="TARGET", help="Count instructions of a step there, e.g. qemu:mps2-an386  [default: no]")
@seed_option
@json_option
def study(bundle: Path, data: str, samples: int | None, orders: int, count_on: str | None, seed: int, as_json: bool) -> None:
    """When to learn: what `teach --only-when` saves and costs, for BUNDLE and a dataset, on the twin."""
    from tinytl.data import load_dataset
    from tinytl_bench.when_to_learn import study_rules

    with progress() as bar:
        rows = study_rules(bundle, load_dataset(data), samples=samples, orders=orders, board=count_on, seed=seed, progress=bar)

    def render(console: Console) -> None:
        titles = ("only when", "learned", "accuracy", "lowest", "µJ of steps (model: full)", "instructions of steps")
        cells = [
            (row.rule, f"{row.learned:.0f} of {row.samples}", f"{row.accuracy:.4f}", f"{row.lowest:.4f}", f"{row.energy_nj / 1000:,.0f}",
             None if row.instructions is None else round(row.instructions))
            for row in rows
        ]  # fmt: skip
        console.print(table(f"{bundle.name} learns {data}: means over {orders} orders", titles, cells, numeric=titles[1:]))

    show(rows, as_json=as_json, render=render)
