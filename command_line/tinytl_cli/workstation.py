# SPDX-License-Identifier: Apache-2.0
"""Commands of the workstation: `pretrain`, `plans`, `export`, `inspect`."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import click
from rich.console import Console

from tinytl_cli.console import progress, say, show, show_facts, table
from tinytl_cli.options import (
    FILE,
    MODEL,
    compile_options,
    data_option,
    expect_alone,
    input_range_option,
    json_option,
    learning_options,
    resize_option,
    seed_option,
)


@click.command()
@click.option("--model", required=True, metavar="NAME|FILE", help="Zoo model (`tinytl models`) or your own .keras file.")
@data_option
@resize_option
@click.option("--out", required=True, type=FILE, help="Run folder to write.")
@click.option("--epochs", default=60, show_default=True, type=click.IntRange(min=1))
@click.option("--batch-size", default=64, show_default=True, type=click.IntRange(min=1))
@click.option("--augment/--no-augment", default=True, show_default=True, help="Shift, rotate and zoom the training images.")
@click.option("--resume", is_flag=True, help="Go on with a training that Ctrl-C stopped, from its last whole epoch.")
@input_range_option("the zoo card's; what a first layer Rescaling or Normalization takes; 0:1")
@seed_option
@json_option
def pretrain(
    model: str, data: str, resize: tuple[int, int] | None, out: Path, epochs: int, batch_size: int, augment: bool, resume: bool,
    input_range: tuple[float, float] | None, seed: int, as_json: bool,
) -> None:  # fmt: skip
    """Train a model on the source task; writes a run folder. Ctrl-C keeps what was learned so far."""
    from tinytl.data import load_dataset
    from tinytl.training.input_range import told
    from tinytl.training.pretraining import pretrain as run_pretraining

    dataset = load_dataset(data, resize=resize)
    with progress() as bar:
        run = run_pretraining(
            model, dataset, out, epochs=epochs, batch_size=batch_size, augment=augment, value_range=input_range, resume=resume, seed=seed,
            progress=bar,
        )  # fmt: skip
    facts = {"run": run.path, "model": run.model, "data": run.dataset, "input_range": told(run.value_range), "accuracy": run.accuracy,
             "epochs": len(run.history["loss"])}  # fmt: skip
    stopped = "stopped_after" in run.settings
    show_facts(facts | {"stopped": stopped}, as_json=as_json, title="Pretrained")
    if stopped:
        say(f"after epoch {len(run.history['loss'])} of {epochs}: the run holds what was learned so far; --resume goes on with it")
        raise click.Abort
    if not as_json:
        say(f"next: tinytl export {run.path} --plan last-dense -o {run.path.name}.tinytl")


@click.command()
@click.argument("run", type=FILE, metavar="RUN|KERAS")
@json_option
def plans(run: Path, as_json: bool) -> None:
    """Where the model of RUN, or of a .keras file, can be cut, and what each cut costs."""
    from tinytl.cutting.keras_cut import cut, list_plans
    from tinytl.energy import thesis_energy_nj
    from tinytl.keras_models import load_model
    from tinytl.model_kind import KERAS, RUN, kind_of
    from tinytl.training.run_folder import load_run

    model = load_model(run if kind_of(run, taken=(RUN, KERAS)) == KERAS else load_run(run).model_path)
    rows: list[dict[str, Any]] = []
    for name in list_plans(model):
        split = cut(model, name)
        head = split.head
        trains = [layer.name for layer in head.layers if layer.trained_count]
        rows.append({"plan": name, "trains": trains, "biases": [layer.name for layer in head.layers if layer.trains == "bias"],
                     "features": head.feature_shapes, "feature_bytes": head.feature_count, "parameters": head.trained_count,
                     "trainable_macs": split.trainable_macs, "frozen_macs": split.frozen_macs,
                     "energy_nj_thesis": thesis_energy_nj(split.trainable_macs)})  # fmt: skip

    def render(console: Console) -> None:
        titles = ("plan", "layers", "features", "parameters", "MACs trained", "MACs frozen")
        cells = [
            (row["plan"], len(row["trains"]), _features(row["features"]), row["parameters"], row["trainable_macs"], row["frozen_macs"])
            for row in rows
        ]
        console.print(table(f"Freeze plans of {run}", titles, cells, numeric=(titles[1], *titles[3:])))

    show(rows, as_json=as_json, render=render)


def _features(shapes: Sequence[Sequence[int]]) -> str:
    """Say «8×8×16 + 32»."""
    return " + ".join("×".join(str(side) for side in (shape[2:] if shape[0] == shape[1] == 1 else shape)) for shape in shapes)


@click.command()
@click.argument("run", type=FILE, metavar="RUN|KERAS|TFLITE", required=False)
@click.option("--from-sweep", type=FILE, metavar="FOLDER", help="Take what `tinytl sweep` picked, as it learned there; no RUN then.")
@click.option("--plan", default="last-dense", show_default=True, help="Where to cut: `tinytl plans RUN`; of fc+conv1:P% any P.")
@click.option("-o", "--out", required=True, type=FILE, help="Bundle to write.")
@click.option("--data", help="Source dataset, if not the one the run was trained on; a .keras file and a .tflite need it.")
@resize_option
@learning_options
@click.option("--replay-samples", type=int, help="Source samples whose features travel in the bundle  [default: 160 KB, at most 200]")
@click.option("--class-capacity", type=click.IntRange(1, 4096), help="Rows for classes, added ones included  [default: the model's]")
@click.option("--dropout", is_flag=True, help="Keep the Dropout layers of what trains.")
@click.option("--channel-data", help="Samples that choose the channels of plan fc+conv1:P%, if not the source dataset's.")
@click.option("--board", metavar="BOARD", help="Refuse what this board would, e.g. mps2-an386  [default: warn if no board takes it]")
@input_range_option("the run's; of a .keras file measured; all that a .tflite's input can hold")
@seed_option
@json_option
def export(
    run: Path | None, from_sweep: Path | None, plan: str, out: Path, data: str | None, resize: tuple[int, int] | None,
    replay_samples: int | None, class_capacity: int | None, dropout: bool, channel_data: str | None, board: str | None,
    input_range: tuple[float, float] | None,
    seed: int, as_json: bool, **learning: float | int | str | None,
) -> None:  # fmt: skip
    """Cut, quantize and pack RUN, a trained .keras file, or an int8 .tflite, into one bundle.

    A .keras file is taken as it is; the range of its input is the one with which it knows its data. Of a .tflite the last FULLY_CONNECTED
    becomes the head; int8 samples of its dataset are the model's input as they are.
    """
    from tinytl.data import load_dataset
    from tinytl.exporting.export import SOURCES, export_with
    from tinytl.exporting.settings import ExportSettings
    from tinytl.model_kind import kind_of
    from tinytl.training.input_range import told
    from tinytl_bridge.firmware.board_fit import expect_fit, misfit
    from tinytl_bridge.firmware.boards import load_board
    from tinytl_bridge.target_names import emulated_board

    if from_sweep is not None:
        expect_alone("--from-sweep", allowed=("from_sweep", "out", "as_json"))
        _export_pick(from_sweep, out, as_json=as_json)
        return
    if run is None:
        raise click.UsageError("nothing to export; expected RUN, a .keras file, a .tflite, or --from-sweep FOLDER")
    if resize and not data and not channel_data:
        raise click.UsageError("--resize goes with --data: a run knows the size of its own images")
    if board is not None:
        load_board(emulated_board(board) or board)
    settings = ExportSettings(
        plan=plan, out=out, learning={"seed": seed, **{name: value for name, value in learning.items() if value is not None}},
        replay_samples=replay_samples, class_capacity=class_capacity, dropout=dropout, value_range=input_range,
        check=(lambda made: expect_fit(made, board)) if board else None, seed=seed,
    )  # fmt: skip
    kind_of(run, taken=SOURCES)
    choosing = load_dataset(channel_data, resize=resize if Path(channel_data).is_dir() else None) if channel_data else None
    with progress() as bar:
        settings = replace(settings, channel_dataset=choosing, progress=bar)
        bundle = export_with(settings, run, load_dataset(data, resize=resize) if data else None)
    source = bundle.manifest["source"]
    facts = {"bundle": out, "bundle_id": bundle.bundle_id, "plan": plan, "bytes": out.stat().st_size,
             "input_range": told(bundle.manifest["preprocessing"]["range"]), "accuracy_float": source["accuracy_float"],
             "accuracy_int8": source["accuracy_int8"]}  # fmt: skip
    facts |= {"fits": board} if board else {}
    errors = bundle.manifest.get("layer_errors", [])
    warnings = list(bundle.manifest.get("warnings", ()))
    if not board and (why := misfit(bundle)):
        warnings.append(f"no board that tinytl knows takes this bundle. {why}\nhint: tinytl plans, or --board BOARD refuses it here")
    show_facts({**facts, "layer_errors": errors, "warnings": warnings} if as_json else facts, as_json=as_json, title="Exported")
    if not as_json:
        if errors:
            _show_layer_errors(errors)
        for warning in warnings:
            say(f"warning: {warning}")
        say(f"next: tinytl flash {out} --target {_flashed(board)}")


def _export_pick(folder: Path, out: Path, *, as_json: bool) -> None:
    """Export what a sweep picked."""
    from tinytl_bench.sweep.stored import export_pick, read_sweep

    bundle = export_pick(folder, out)
    picked = read_sweep(folder).pick
    facts = {"bundle": out, "bundle_id": bundle.bundle_id, "plan": picked.plan, "weights": picked.weights, "learning_rate": picked.rate,
             "bytes": out.stat().st_size, "reason": picked.reason}  # fmt: skip
    show_facts(facts, as_json=as_json, title="Exported")
    if not as_json:
        say(f"next: tinytl flash {out} --target {_flashed(None)}")


@click.command()
@click.argument("file", type=MODEL)
@click.option("--target", metavar="TARGET", help="Compile for it, e.g. qemu:mps2-an386  [default: portable kernels, no limits]")
@compile_options
@json_option
def inspect(
    file: Path, target: str | None, optimize: str, ram_bytes: int | None, flash_bytes: int | None, logits: bool, as_json: bool
) -> None:
    """Layers, MACs, RAM, flash, energy and checksums of a bundle or .tflite FILE; what fits where."""
    from tinytl.inspection import inspect as run_inspection
    from tinytl_bridge.firmware.compile_options import options_for_boards, options_for_target
    from tinytl_cli.inspection_tables import render_inspection

    options = options_for_target(target or "host", optimize=optimize, ram_bytes=ram_bytes, flash_bytes=flash_bytes)
    inspection = run_inspection(file, options=options, boards=options_for_boards(optimize), logits=logits)
    show(inspection, as_json=as_json, render=lambda console: render_inspection(console, inspection))


def _flashed(board: str | None) -> str:
    name = board or "mps2-an386"
    return name if ":" in name else f"qemu:{name}"


def _show_layer_errors(errors: list[dict[str, Any]]) -> None:
    """Print how far each int8 tensor is from its float twin."""
    rows = [
        (error["name"], "×".join(map(str, error["shape"])), error["rms_error"], error["rms_signal"], error["sqnr_db"]) for error in errors
    ]
    columns = ("tensor", "shape", "RMS error", "RMS signal", "SQNR dB")
    grid = table("Int8 against float32, tensor by tensor", columns, rows, numeric=columns[2:])
    show(rows, as_json=False, render=lambda console: console.print(grid))
