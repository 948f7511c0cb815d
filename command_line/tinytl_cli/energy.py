# SPDX-License-Identifier: Apache-2.0
"""`tinytl energy`: what a model's layers take, and what one retraining costs."""

from typing import TYPE_CHECKING

import click
from rich.console import Console

from tinytl_cli.console import show, table
from tinytl_cli.options import Shape, json_option

if TYPE_CHECKING:
    from tinytl_bench.energy import EnergyReport


@click.command()
@click.argument("model", metavar="MODEL")
@click.option("--plan", help="Freeze plan of a Keras model or a run  [default: last-dense]")
@click.option("--model", "energy_model", default="full", show_default=True, metavar="thesis|full|board:NAME", help="Energy model.")
@click.option("--samples", default=900, show_default=True, type=click.IntRange(min=1), help="Of one retraining, each taught once.")
@click.option("--classes", type=click.IntRange(min=2), help="Of a named architecture  [default: 10 of the zoo, 1000 of keras.applications]")
@click.option("--input", "input_shape", type=Shape(), metavar="HxWxC", help="Of a named architecture  [default: its own]")
@json_option
def energy(
    model: str, plan: str | None, energy_model: str, samples: int, classes: int | None, input_shape: tuple[int, int, int] | None,
    as_json: bool,
) -> None:  # fmt: skip
    """Energy of MODEL by layer: forward, backward, update, memory traffic; and of one retraining. Modelled, never measured.

    MODEL is a .keras file, a run, a bundle, a .tflite, or the name of a shipped bundle, of an architecture of the zoo or of
    keras.applications, which is built without its weights.
    """
    from tinytl_bench.energy import of_model

    report = of_model(model, plan=plan, energy_model=energy_model, samples=samples, classes=classes, input_shape=input_shape)
    show(report.to_json(), as_json=as_json, render=lambda console: _render(console, report))


def _render(console: Console, report: "EnergyReport") -> None:
    from tinytl_bench.energy.retraining import in_joules, joule_unit

    names = ("forward_nj", "backward_nj", "update_nj", "memory_nj")
    size, unit = joule_unit(sum(getattr(report, name) for name in names))
    cells = [
        (layer.name, layer.operator, "yes" if layer.trains else "", layer.macs, *(getattr(layer, name) / size for name in names))
        for layer in report.layers
        if layer.macs or any(getattr(layer, name) for name in names)
    ]
    macs = sum(layer.macs for layer in report.layers)
    cells.append(("total", "", "", macs, *(getattr(report, name) / size for name in names)))
    columns = ("layer", "operator", "trains", "MACs", *(f"{name.removesuffix('_nj')} {unit}" for name in names))
    plan = f", plan {report.plan}" if report.plan else ""
    console.print(table(f"Energy of {report.model}{plan}, one sample, {unit} ({_named(report.how)})", columns, cells, numeric=columns[3:]))
    console.print()
    if report.inference_nj is not None:
        console.print(f"one inference: {in_joules(report.inference_nj)}")
    if report.taught_nj is not None:
        console.print(f"one taught sample: {in_joules(report.taught_nj)}")
    if report.retraining is not None:
        console.print(report.retraining.text, soft_wrap=True)
    for assumption in report.assumptions:
        console.print(f"assumed: {assumption}", markup=False, soft_wrap=True)


def _named(how: str) -> str:
    """Return how a figure was had, without the unit that it begins with: «model: full»."""
    return how.removeprefix("nJ (").removesuffix(")")
