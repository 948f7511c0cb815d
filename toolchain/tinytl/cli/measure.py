# SPDX-License-Identifier: Apache-2.0
"""Commands that measure and show: `bench`, `report`, `demo`."""

import json
from pathlib import Path

import click
from rich.console import Console

from tinytl.cli.console import progress, say, show, table
from tinytl.cli.options import FILE, MODEL, json_option, seed_option


@click.command()
@click.argument("bundle", type=MODEL)
@click.option("--target", "targets", multiple=True, required=True, help="Where to measure; may be given several times.")
@click.option("--data", help="Dataset whose test split gives the accuracy  [default: the bundle's source task]")
@click.option("--samples", type=click.IntRange(min=1), help="At most so many test samples.")
@click.option("--compare", type=FILE, help="Baseline JSON; fails past the tolerance.")
@click.option("--tolerance", default=0.03, show_default=True, help="Of instructions, bytes and stack, as a fraction.")
@click.option("-o", "--out", type=FILE, help="Write the measurements here as JSON, e.g. as a new baseline.")
@json_option
def bench(
    bundle: Path, targets: tuple[str, ...], data: str | None, samples: int | None, compare: Path | None,
    tolerance: float, out: Path | None, as_json: bool,
) -> None:  # fmt: skip
    """Measure BUNDLE on each target: every figure says how it was had."""
    from tinytl.data import load_dataset
    from tinytl_bench import bench as run_bench
    from tinytl_bench.compare import compare_measurements, load_baseline

    dataset = load_dataset(data) if data else None
    with progress() as bar:
        measured = [run_bench(bundle, target=target, dataset=dataset, samples=samples, progress=bar) for target in targets]
    documents = [measurement.to_json() for measurement in measured]
    result = documents[0] if len(documents) == 1 else documents

    def render(console: Console) -> None:
        for measurement in measured:
            rows = [(name, _number(figure.value), figure.unit, figure.how) for name, figure in measurement.figures.items()]
            title = f"{measurement.bundle} on {measurement.target}"
            console.print(table(title, ("figure", "value", "unit", "how it was had"), rows, numeric=("value",)))

    show(result, as_json=as_json, render=render)
    if out is not None:
        out.write_text(json.dumps(result, indent=2) + "\n")
        say(f"written: {out}")
    if compare is not None:
        for measurement in measured:
            changes = compare_measurements(load_baseline(compare, target=measurement.target), measurement, tolerance=tolerance)
            say(f"compared with {compare} on {measurement.target}: {len(changes)} figures within the tolerance")


@click.command()
@click.argument("files", nargs=-1, required=True, type=FILE)
@click.option("-o", "--out", default=Path("report.html"), show_default=True, type=FILE, help="HTML page to write.")
@json_option
def report(files: tuple[Path, ...], out: Path, as_json: bool) -> None:
    """Draw one self-contained HTML page from FILES: a demo's story.json, or measurements written by `bench -o`."""
    from tinytl.report import report_from_files

    path = report_from_files(files, out)
    show({"report": path}, as_json=as_json, render=lambda console: console.print(str(path)))


@click.command()
@click.option("--out", default=Path("build/demo"), show_default=True, type=FILE, help="Folder for everything that the demo makes.")
@click.option("--target", default="qemu:mps2-an386", show_default=True)
@click.option("--samples", default=898, show_default=True, type=click.IntRange(1, 898), help="Target samples to teach.")
@click.option("--epochs", default=None, type=click.IntRange(min=1), help="Of pretraining  [default: the demo's recipe]")
@seed_option
@json_option
def demo(out: Path, target: str, samples: int, epochs: int | None, seed: int, as_json: bool) -> None:
    """The main job end to end: pretrain on MNIST, arrive at UCI digits, learn them on the device, survive a power cycle."""
    from tinytl_bench.demo import DemoSettings, run_demo

    settings = DemoSettings(out=out, target=target, samples=samples, seed=seed, **({"epochs": epochs} if epochs else {}))
    with progress() as bar:
        summary = run_demo(settings, say=say, progress=bar)

    def render(console: Console) -> None:
        rows = [(name.replace("_", " "), f"{value:.4f}" if isinstance(value, float) else value) for name, value in summary.items()]
        console.print(table("The demo, measured on the device", ("what", "value"), rows, numeric=("value",)))
        console.print(f"report: {(out / 'report.html').resolve()}", soft_wrap=True)

    show(summary, as_json=as_json, render=render)


def _number(value: float) -> str:
    return f"{value:,.0f}" if value == int(value) and abs(value) > 1 else f"{value:,.4g}"
