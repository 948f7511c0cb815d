# SPDX-License-Identifier: Apache-2.0
"""Commands that look around: `doctor`, `data`, `models`."""

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import click
from rich.console import Console

from tinytl_cli.console import say, show, table
from tinytl_cli.options import FILE, json_option, resize_option, seed_option


@click.command()
@click.option("--report", is_flag=True, help="Facts of this machine for a bug report: nothing personal is in them.")
@json_option
def doctor(report: bool, as_json: bool) -> None:
    """What is installed, what is missing, the command that installs it.

    Exits with 1 when something that the demo needs is missing; with --report always with 0. A report holds processor, clock, heat,
    throttling, memory, counters, meters, versions and what is installed; no host name, user, serial number or path of a home.
    """
    if report:
        _report(as_json)
        return
    from tinytl_bridge.doctor import examine

    findings = examine()

    def render(console: Console) -> None:
        rows = [("yes" if f.found else "no", f.name, f.detail, "" if f.found else f.hint) for f in findings]
        console.print(table("What tinytl finds here", ("there", "part", "what", "how to get it"), rows))

    show(findings, as_json=as_json, render=render)
    if any(finding.needed and not finding.found for finding in findings):
        sys.exit(1)


@click.group()
def data() -> None:
    """Datasets: list them, show a contact sheet of samples.

    A dataset is a name, a folder with one sub-folder of images a class, a .csv file of vectors, or an .npz file with x_train, y_train,
    x_test, y_test, or x, y to be split. Without `classes` a label is the number of its class; labels may begin at 5.

    \b
    Which samples are taken how:
      uint8  pixels (N, H, W) or (N, H, W, 1 or 3), resized to the model's input;
             0 and 255 become the ends of its range (--input-range)
      float  the model's input as it is: (N, D), (N, T, F) or (N, H, W, C);
             where --input-range was given they lie in 0 to 1, its ends
      int8   the bytes that an int8 .tflite takes; for Keras numbers as they are
    An axis of 1 at the end may be there or not.
    """


@data.command("list")
@json_option
def data_list(as_json: bool) -> None:
    """List the datasets known by name."""
    from tinytl.data import list_datasets

    cards = list_datasets()

    def render(console: Console) -> None:
        rows = [(c.name, c.title, _joined(c.samples, " + "), _joined(c.shape, "×"), c.classes, c.needs) for c in cards]
        console.print(
            table("Datasets", ("name", "what", "samples", "shape", "classes", "comes from"), rows, numeric=("samples", "classes"))
        )
        console.print("Also: a folder with one sub-folder a class, a .npz file, a .csv file.")

    show(cards, as_json=as_json, render=render)


@data.command("show")
@click.argument("name")
@click.option("-o", "--out", type=FILE, help="PNG file of the contact sheet  [default: NAME.png]")
@resize_option
@click.option("--per-class", default=10, show_default=True, help="Samples of each class.")
@seed_option
@json_option
def data_show(name: str, out: Path | None, resize: tuple[int, int] | None, per_class: int, seed: int, as_json: bool) -> None:
    """Draw random samples of each class of dataset NAME as one PNG."""
    from tinytl.data import contact_sheet, load_dataset

    dataset = load_dataset(name, resize=resize)
    path = out or Path(f"{dataset.name}.png")
    contact_sheet(dataset, per_class=per_class, seed=seed).save(path)
    facts = {"name": dataset.name, "train": len(dataset.x_train), "test": len(dataset.x_test),
             "shape": dataset.sample_shape, "classes": dataset.classes, "sheet": path}  # fmt: skip

    def render(console: Console) -> None:
        console.print(table(f"Dataset {dataset.name}", ("fact", "value"), [(k, v if not isinstance(v, tuple) else " ".join(map(str, v)))
                                                                         for k, v in facts.items()]))  # fmt: skip

    show(facts, as_json=as_json, render=render)
    say(f"contact sheet: {path}")


@click.command()
@json_option
def models(as_json: bool) -> None:
    """The zoo: architectures with their cards."""
    from tinytl_models import card, list_models

    cards = [card(name) for name in list_models()]

    def render(console: Console) -> None:
        rows = [(c.name, c.title, c.parameters, c.input_shapes, ", ".join(c.plans)) for c in cards]
        console.print(table("The zoo", ("name", "what", "parameters", "inputs", "plans"), rows, numeric=("parameters",)))

    show(cards, as_json=as_json, render=render)


def _report(as_json: bool) -> None:
    """Print the facts of this machine, a line each, or as JSON."""
    from tinytl_bridge.machine.report import report_of

    facts = report_of()
    rows = list(_lines("", facts))
    show(facts, as_json=as_json, render=lambda console: console.print(table("Report of tinytl", ("what", "value"), rows)))
    say("nothing personal is in it: it may go into a bug report as it is")


def _lines(name: str, value: Any) -> Iterator[tuple[str, Any]]:
    """Return leaves of an object with their names, e.g. («cpu board», «Raspberry Pi 5 …»)."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield from _lines(f"{name} {key}".strip().replace("_", " "), item)
    elif isinstance(value, list) and any(isinstance(item, dict) for item in value):
        for index, item in enumerate(value, 1):
            yield from _lines(f"{name} {index}", item)
    elif isinstance(value, list):
        yield name, "; ".join(map(str, value)) or None
    else:
        yield name, {True: "yes", False: "no"}.get(value, value) if isinstance(value, bool) else value


def _joined(numbers: Sequence[int], sign: str) -> str:
    return sign.join(f"{number:,}" for number in numbers)
