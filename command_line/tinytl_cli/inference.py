# SPDX-License-Identifier: Apache-2.0
"""The command that runs any model: `run`."""

from pathlib import Path
from typing import Any

import click
from rich.console import Console

from tinytl_cli.console import progress, show, table
from tinytl_cli.options import FILE, MODEL, compile_options, json_option, target_options

_INPUT = "N samples stacked on axis 0, in the model's own type; .npz for several inputs."


@click.command()
@click.argument("model", type=MODEL)
@target_options
@click.option("--input", "source", required=True, type=FILE, metavar="X.npy", help=_INPUT)
@click.option("--output", "out", required=True, type=FILE, metavar="Y.npy", help="Where the N answers go; .npz for several outputs.")
@compile_options
@json_option
def run(
    model: Path, target: str, state_dir: Path | None, source: Path, out: Path, optimize: str, ram_bytes: int | None,
    flash_bytes: int | None, logits: bool, as_json: bool,
) -> None:  # fmt: skip
    """Run a .tflite MODEL, or a bundle, on a target: arrays in, arrays out.

    A float32 input is quantized by the model's own QUANTIZE operator, other types are taken as they are. Of a bundle Y.npy holds the logits
    of its head; Y.npz holds them as `logits`, and the features under their names. Emulated targets start empty and keep nothing, unless
    --state names the folder of a device; a device that holds the model already is not flashed again, and its head answers as taught.
    """
    from tinytl.model_file import LOGITS, compile_model, ends_of, read_model
    from tinytl_bridge.array_files import expect_writable, read_arrays, write_arrays
    from tinytl_bridge.running import run_model

    read = read_model(model, logits=logits)
    ends = ends_of(read, compile_model(read))
    logits_alone = read.bundle is not None and out.suffix == ".npy"
    expect_writable(out, [LOGITS] if logits_alone else [spec.name for spec in ends.outputs])
    inputs = read_arrays(source, [spec.name for spec in ends.inputs])
    with progress() as bar:
        ran = run_model(
            read, inputs, target=target, state_dir=state_dir, optimize=optimize, ram_bytes=ram_bytes, flash_bytes=flash_bytes, progress=bar
        )
    answers = {LOGITS: ran.answers[LOGITS]} if logits_alone else ran.answers
    write_arrays(out, answers)
    rows = [(spec.name, answers[spec.name].shape, spec.dtype, spec.scale, spec.zero_point) for spec in ran.outputs if spec.name in answers]
    names = ("name", "shape", "dtype", "scale", "zero_point")
    samples = rows[0][1][0]
    facts: dict[str, Any] = {"model": read.name, "kind": read.kind, "target": target, "samples": samples, "output": out}
    facts["outputs"] = [dict(zip(names, row, strict=True)) for row in rows]

    def render(console: Console) -> None:
        cells = [(name, "×".join(map(str, shape)), *rest) for name, shape, *rest in rows]
        title = f"{samples:,} samples of {read.name} on {target}, written to {out}"
        console.print(table(title, ("output", "shape", "type", "scale", "zero point"), cells, numeric=("scale", "zero point")))

    show(facts, as_json=as_json, render=render)
