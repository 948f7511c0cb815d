# SPDX-License-Identifier: Apache-2.0
"""Commands that measure and show: `bench`, `report`, `demo`."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from rich.console import Console

from tinytl.errors import BenchError
from tinytl_cli.bench_tables import render_changes, render_learner_suite, render_measurements, render_suite, render_sweep_suite
from tinytl_cli.console import console_for, progress, say, show, table
from tinytl_cli.options import FILE, MODEL, compile_options, json_option, resize_option, seed_option

if TYPE_CHECKING:
    from tinytl.data import Dataset
    from tinytl.energy import Calibration
    from tinytl.measurement import Measurement


@click.command()
@click.argument("model", type=MODEL, required=False)
@click.option(
    "--suite", metavar="NAME", help="mlperf-tiny: published models, in the folder TINYTL_DATA_DIR; learner: steps of learning; sweep."
)
@click.option("--peers", is_flag=True, help="With --suite: count what tinytl[peers] installs as well.")
@click.option("--target", "targets", multiple=True, required=True, help="Where to measure; may be given several times.")
@click.option("--data", help="Dataset whose test split gives the accuracy  [default: the bundle's source task]")
@resize_option
@click.option("--samples", type=click.IntRange(min=1), help="At most so many test samples.")
@click.option("--pj-per-mac", type=float, help="What a board was measured to take for a MAC, in pJ; adds an energy by that.")
@click.option("--pj-source", help="Which board, and whose measurement; goes with --pj-per-mac.")
@click.option("--compare", type=FILE, help="Baseline JSON; prints a table, fails past the tolerance.")
@click.option("--tolerance", default=0.03, show_default=True, help="Of instructions, bytes and stack, as a fraction.")
@click.option("-o", "--out", type=FILE, help="Write the measurements here as JSON, e.g. as a new baseline.")
@click.option("--html", type=FILE, help="Draw the page of the measurements here: where the instructions of each layer go.")
@click.option("--markdown", type=FILE, help="Write figures, or the comparison, here as a table for a pull request.")
@click.option("--energy-csv", type=FILE, help="What a power meter beside pi:HOST writes meanwhile: columns of time and of power.")
@compile_options
@json_option
def bench(
    model: Path | None, suite: str | None, peers: bool, targets: tuple[str, ...], data: str | None,
    resize: tuple[int, int] | None, samples: int | None, pj_per_mac: float | None, pj_source: str | None,
    compare: Path | None, tolerance: float, out: Path | None, html: Path | None, markdown: Path | None, energy_csv: Path | None,
    logits: bool, as_json: bool, **limits: Any,
) -> None:  # fmt: skip
    """Measure MODEL, a bundle or a .tflite, on each target: every figure says how it was had.

    A board on a serial port and pi:HOST are flashed for it: what they had learned is gone, and the factory's head is there. Emulated ones
    are measured on a memory of their own.

    Of a .tflite, figures of accuracy and of learning are null, and `how` says why. A suite's models answer as LiteRT's reference kernels
    do, byte for byte, before they are counted; the result is a list, and what peers take stands in each one's details.
    """
    from tinytl.data import load_dataset

    if (model is None) == (suite is None):
        raise click.UsageError("one of MODEL and --suite is measured: tinytl bench MODEL --target TARGET")
    calibration = _calibration(pj_per_mac, pj_source)
    _expect_folders(out, html, markdown)
    if peers and suite is None:
        raise click.UsageError("--peers goes with --suite: peers are counted on published models")
    if model is not None:
        dataset = load_dataset(data, resize=resize) if data else None
        measured = _bench_model(model, targets, dataset, samples, calibration, limits | {"logits": logits, "energy_csv": energy_csv})
    elif logits:
        raise click.UsageError("--logits goes with MODEL: a suite's models are counted whole, as its peers' are")
    elif data or samples or resize:
        raise click.UsageError("--data, --resize and --samples are for the accuracy of a bundle; a suite has none")
    else:
        measured = _bench_suite(str(suite), targets, calibration, peers, limits)
    documents = [measurement.to_json() for measurement in measured]
    result = documents[0] if len(documents) == 1 and suite is None else documents
    show(result, as_json=as_json, render=lambda console: _renderer(suite)(console, measured))
    if markdown is not None:
        _write_markdown(markdown, measured, compare, tolerance)
    if out is not None:
        _expect_storable(measured)
        _write(out, result)
    if html is not None:
        _draw(html, measured)
    if compare is not None:
        _compare(compare, measured, tolerance=tolerance, as_json=as_json)


def _renderer(suite: str | None) -> "Callable[[Console, Sequence[Measurement]], None]":
    if suite is None:
        return render_measurements
    return {"learner": render_learner_suite, "sweep": render_sweep_suite}.get(suite, render_suite)


def _bench_model(
    model: Path, targets: tuple[str, ...], dataset: "Dataset | None", samples: int | None, calibration: "Calibration | None",
    limits: dict[str, Any],
) -> "list[Measurement]":  # fmt: skip
    from tinytl_bench import bench as run_bench

    with progress() as bar:
        return [
            run_bench(model, target=target, dataset=dataset, samples=samples, calibration=calibration, progress=bar, **limits)
            for target in targets
        ]


def _bench_suite(
    suite: str, targets: tuple[str, ...], calibration: "Calibration | None", peers: bool, limits: dict[str, Any]
) -> "list[Measurement]":
    from tinytl_bench.suites.learner import NAME as LEARNER
    from tinytl_bench.suites.learner import run_learner_suite
    from tinytl_bench.suites.published import run_suite
    from tinytl_bench.suites.sweeping import NAME as SWEEP
    from tinytl_bench.suites.sweeping import run_sweep_suite

    if suite == SWEEP and targets != ("host",):
        raise BenchError(f"suite {SWEEP!r} on {', '.join(targets)}", expected="--target host: a sweep is timed on the workstation")
    with progress() as bar:
        if suite == LEARNER:
            return [measurement for target in targets for measurement in run_learner_suite(target=target, progress=bar)]
        if suite == SWEEP:
            return list(run_sweep_suite(progress=bar))
        runs = [run_suite(suite, target=target, calibration=calibration, peers=peers, progress=bar, **limits) for target in targets]
    return [measurement for run in runs for measurement in run]


def _calibration(pj_per_mac: float | None, source: str | None) -> "Calibration | None":
    from tinytl.energy import Calibration

    if pj_per_mac is None and source is None:
        return None
    if pj_per_mac is None or not source:
        raise click.UsageError("--pj-per-mac and --pj-source go together: a figure says whose measurement it is")
    return Calibration(pj_per_mac, source)


def _expect_folders(*files: Path | None) -> None:
    """Refuse files that could not be written once all is counted."""
    for file in files:
        if file is not None and not file.parent.is_dir():
            raise BenchError(f"the folder of {file} does not exist", expected="a folder", hint=f"mkdir -p {file.parent}")


def _write(out: Path, document: Any) -> None:
    from tinytl.files import write_whole

    write_whole(out, (json.dumps(document, indent=2) + "\n").encode())
    say(f"written: {out}")


def _write_markdown(path: Path, measured: "Sequence[Measurement]", baseline: Path | None, tolerance: float) -> None:
    from tinytl.files import write_whole
    from tinytl_bench.markdown import markdown_of

    write_whole(path, markdown_of(measured, baseline, tolerance=tolerance).encode())
    say(f"written: {path}")


def _expect_storable(measured: "Sequence[Measurement]") -> None:
    """Refuse to store a run that no later one should be compared with."""
    for measurement in measured:
        if reason := measurement.details.get("not_storable"):
            raise BenchError(
                f"the measurement on {measurement.target} is not stored: {reason}", expected="a run at the machine's full clock",
                hint="cool it, or give it a stronger power supply, and measure again",
            )  # fmt: skip


def _draw(html: Path, measured: "Sequence[Measurement]") -> None:
    from tinytl.report import write_bench_report

    say(f"written: {write_bench_report(measured, html)}")


def _compare(path: Path, measured: "Sequence[Measurement]", *, tolerance: float, as_json: bool) -> None:
    """Print a table for each measurement, then fail if any figure moved too far. With --json, stdout has the measurement alone."""
    from tinytl_bench.compare import changes_since, expect_within, load_baseline

    compared = [
        (reading, changes_since(load_baseline(path, target=reading.target, bundle=reading.bundle), reading, tolerance=tolerance))
        for reading in measured
    ]
    for measurement, changes in compared:
        render_changes(console_for(as_json=as_json), measurement, changes, path)
    for measurement, changes in compared:
        expect_within(changes, measurement)


@click.command()
@click.argument("files", nargs=-1, required=True, type=FILE)
@click.option("-o", "--out", default=Path("report.html"), show_default=True, type=FILE, help="HTML page to write.")
@json_option
def report(files: tuple[Path, ...], out: Path, as_json: bool) -> None:
    """Draw one self-contained HTML page from FILES.

    They are a demo's story.json, runs as `teach --log` and `evaluate -o` write them, or measurements of `bench -o`.
    """
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
    from tinytl_bench.demo.demo import run_demo
    from tinytl_bench.demo.facts import DemoSettings

    settings = DemoSettings(out=out, target=target, samples=samples, seed=seed, **({"epochs": epochs} if epochs else {}))
    with progress() as bar:
        summary = run_demo(settings, say=say, progress=bar)

    def render(console: Console) -> None:
        rows = [(name.replace("_", " "), f"{value:.4f}" if isinstance(value, float) else value) for name, value in summary.items()]
        console.print(table("The demo, measured on the device", ("what", "value"), rows, numeric=("value",)))
        console.print(f"report: {(out / 'report.html').resolve()}", soft_wrap=True)

    show(summary, as_json=as_json, render=render)
