# SPDX-License-Identifier: Apache-2.0
"""Commands that talk to a target: `build`, `flash`, `info`, `infer`, `evaluate`, `save`, `rollback`."""

from pathlib import Path
from typing import TYPE_CHECKING

import click
from rich.console import Console

from tinytl.class_match import match_classes
from tinytl.errors import CompileError, DeviceError
from tinytl_cli.console import plain, progress, say, show, show_facts, table
from tinytl_cli.loudness import detail_of
from tinytl_cli.options import FILE, MODEL, compile_options, data_option, expect_option, json_option, resize_option, target_options
from tinytl_cli.run_logs import answers, expect_folder, write_log
from tinytl_cli.sample_sources import read_labelled

if TYPE_CHECKING:
    from tinytl.compiler import CompileOptions
    from tinytl.model_file import ModelFile
    from tinytl_bridge.wire.protocol import DeviceInfo, DeviceStatus

_FORMS = {"image": "an image", "library": "a library"}


@click.command()
@click.argument("model", type=MODEL, required=False)
@click.option("--target", required=True, metavar="TARGET", help="Board whose firmware or kernel family is wanted, e.g. qemu:mps2-an386.")
@click.option("--as", "form", type=click.Choice(["image", "firmware", "library"]), default="image", show_default=True)
@click.option("-o", "--out", type=FILE, help="File or folder to write  [default: MODEL.tlim, BOARD.elf or MODEL_library]")
@compile_options
@json_option
def build(
    model: Path | None, target: str, form: str, out: Path | None, optimize: str, ram_bytes: int | None,
    flash_bytes: int | None, logits: bool, as_json: bool,
) -> None:  # fmt: skip
    """Compile MODEL, a bundle or a .tflite, to an image, or to a library of C for your own firmware; or build the board's firmware.

    A board's firmware takes any image. A library is the model with the part of the runtime that it needs.
    """
    from tinytl.model_file import read_model
    from tinytl_bridge.firmware.compile_options import options_for_target

    if form == "firmware":
        facts = _build_firmware(target, out)
    else:
        options = options_for_target(target, optimize=optimize, ram_bytes=ram_bytes, flash_bytes=flash_bytes)
        if model is None:
            raise click.UsageError(f"{_FORMS[form]} is built from a model: tinytl build MODEL --target TARGET --as {form}")
        model_file = read_model(model, logits=logits)
        facts = _build_library(model_file, out, options, target) if form == "library" else _build_image(model_file, out, options)
    show_facts(facts, as_json=as_json, title="Built")


def _build_image(model: "ModelFile", out: Path | None, options: "CompileOptions") -> dict[str, object]:
    from tinytl.files import write_whole
    from tinytl.model_file import compile_model

    image = compile_model(model, options)
    path = out or model.path.with_suffix(".tlim")
    write_whole(path, image.data)
    expected = sum(operator.instructions for operator in image.operators)
    return {
        "image": path, "bytes": len(image.data), "arena_bytes": image.arena_bytes, "family": image.family,
        "expected_instructions": expected or None,
    }  # fmt: skip


def _build_library(model: "ModelFile", out: Path | None, options: "CompileOptions", target: str) -> dict[str, object]:
    from tinytl_bridge.library.library import build_library

    library = build_library(model, options, out or model.path.with_name(f"{model.path.stem}_library"), target=target)
    return {
        "library": library.folder, "image_bytes": library.image_bytes, "arena_bytes": library.arena_bytes, "family": options.family,
        "code_bytes": library.code_bytes, "sources": len(library.sources),
    }  # fmt: skip


def _build_firmware(target: str, out: Path | None) -> dict[str, object]:
    from tinytl_bridge.firmware.build import build_firmware
    from tinytl_bridge.target_names import parse_target

    board = parse_target(target).place
    firmware = build_firmware(board)
    path = out or Path(f"{board}.elf")
    path.write_bytes(firmware.elf.read_bytes())
    return {
        "firmware": path,
        "board": board,
        "text_bytes": firmware.text_bytes,
        "data_bytes": firmware.data_bytes,
        "bss_bytes": firmware.bss_bytes,
    }


@click.command()
@click.argument("model", type=MODEL)
@target_options
@compile_options
@json_option
def flash(
    model: Path, target: str, state_dir: Path | None, optimize: str, ram_bytes: int | None, flash_bytes: int | None, logits: bool,
    as_json: bool,
) -> None:  # fmt: skip
    """Put MODEL, a bundle or a .tflite, onto a target. Refused before anything changes when it does not fit."""
    from tinytl.model_file import read_model
    from tinytl_bridge import connect
    from tinytl_bridge.wire.link import Refusal

    read = read_model(model, logits=logits)
    with connect(target, state_dir=state_dir) as device, progress() as bar:
        try:
            image = device.compile(read, optimize=optimize, ram_bytes=ram_bytes, flash_bytes=flash_bytes)
            device.flash(image, source=read, progress=bar)
        except (CompileError, Refusal):
            if device.status().model_status == "ok":
                say(f"the target still holds {device.identity().text}: teach, evaluate and infer would use that one", always=True)
            raise
        status, held = device.status(), device.identity()
        detail_of(device)
    show_facts(
        {
            "target": target, "bundle_id": status.bundle_id, "image_crc32": held.image_crc32, "image_bytes": status.image_bytes,
            "arena_used": status.arena_used,
        },
        as_json=as_json,
        title="Flashed",
    )  # fmt: skip


@click.command()
@target_options
@json_option
def info(target: str, state_dir: Path | None, as_json: bool) -> None:
    """What a target is and what it holds."""
    from tinytl_bridge import connect

    with connect(target, state_dir=state_dir) as device:
        status = device.status()
        facts = {**plain(device.info), **plain(status), **device.target.facts()}
        empty = _empty(target, device.info) if status.model_status == "no_model" and not as_json else ""
        if facts["model_status"] == "ok":
            metadata = device.metadata()
            facts["head_crc32"] = f"{facts['head_crc32']:08x}"
            labels = device.labels() if facts["class_count"] else ()
            facts |= {
                "image_crc32": device.identity().image_crc32,
                "name": metadata.get("name") or None,
                "model": metadata.get("model", ""),
            }
            facts |= {"plan": metadata.get("plan", ""), "labels": " ".join(labels)}
    if empty:
        click.echo(empty)
        return
    show_facts(facts, as_json=as_json, title=f"Target {target}")
    _say_watched(status, as_json=as_json)


def _empty(target: str, told: "DeviceInfo") -> str:
    """Say in a sentence that nothing is there, and how to fill it."""
    return (
        f"{target} holds no model: an empty device with {told.arena_bytes:,} bytes of RAM for a model and room for "
        f"{told.model_slot_bytes:,} bytes of image.\n`tinytl flash BUNDLE --target {target}` puts one there."
    )


def _say_watched(status: "DeviceStatus", *, as_json: bool) -> None:
    """Tell what samples were like of late, where some were looked at; JSON has the figures."""
    if status.watched and not as_json:
        say(status.watched)


@click.command()
@target_options
@click.option("--input", "source", required=True, metavar="FILE|NAME", help="An image, a .npy of samples, or a dataset (its test split).")
@resize_option
@click.option("--samples", default=10, show_default=True, type=click.IntRange(min=1), help="At most so many.")
@expect_option
@json_option
def infer(
    target: str, state_dir: Path | None, source: str, resize: tuple[int, int] | None, samples: int, expect: str | None, as_json: bool
) -> None:
    """Classify samples on a target. Images are resized to the model's input."""
    from tinytl_bridge import connect

    read = read_labelled(source, samples, resize)
    with connect(target, state_dir=state_dir, expect=expect) as device:
        labels, held = device.labels(), device.identity()
        match = read.match(labels)
        answers = [device.infer(sample) for sample in read.x]
        if (highest := max(answer.predicted for answer in answers)) >= len(labels):
            raise DeviceError(f"the device answers class {highest}", expected=f"0 to {len(labels) - 1}: {', '.join(labels[:12])}")
        status = device.status()
        detail_of(device)
    say(f"{target} holds {held.text}" + (f"\nclasses of {source} matched {match.text}" if match else ""))
    rows = [
        {"sample": i, "class": a.predicted, "label": labels[a.predicted], "confidence": a.confidence} | read.truth(i, a.predicted, match)
        for i, a in enumerate(answers)
    ]

    def render(console: Console) -> None:
        cells = [
            (r["sample"], r["label"], f"{r['confidence']:.3f}", *((r["in_data"], "yes" if r["right"] else "no") if match else ()))
            for r in rows
        ]
        columns = ("sample", "label", "probability", *(("in the data", "right") if match else ()))
        console.print(table(f"On {target}", columns, cells, numeric=("sample", "probability")))

    show(rows, as_json=as_json, render=render)
    _say_watched(status, as_json=as_json)


@click.command()
@target_options
@data_option
@resize_option
@click.option("--split", type=click.Choice(["test", "train"]), default="test", show_default=True)
@click.option("--samples", type=click.IntRange(min=1), help="At most so many.")
@click.option("-o", "--out", type=FILE, metavar="FILE", help="Write the result here, for tinytl report.")
@expect_option
@json_option
def evaluate(
    target: str,
    state_dir: Path | None,
    data: str,
    resize: tuple[int, int] | None,
    split: str,
    samples: int | None,
    out: Path | None,
    expect: str | None,
    as_json: bool,
) -> None:
    """Accuracy of a target on a dataset."""
    from tinytl.data import load_dataset
    from tinytl_bridge import connect

    expect_folder(out)
    dataset = load_dataset(data, resize=resize)
    x, y = (dataset.x_test, dataset.y_test) if split == "test" else (dataset.x_train, dataset.y_train)
    with connect(target, state_dir=state_dir, expect=expect) as device, progress() as bar:
        held = device.identity()
        match = match_classes(y[:samples], dataset.classes, device.labels())
        match.expect_known()
        result = device.evaluate(x[:samples], y[:samples], classes=match, progress=bar)
        detail_of(device)
    facts = {
        "target": target,
        **held.facts,
        "data": dataset.name,
        "split": split,
        "classes_matched": match.text,
        "samples": len(y[:samples]),
        "correct": result.correct,
        "accuracy": result.accuracy,
    }
    show_facts(facts, as_json=as_json, title="Evaluated")
    if out is not None:
        write_log(out, "evaluate", facts, seen=(answers("evaluated", y[:samples], result, match),))
    if match.missing:
        say(f"warning: classes of the data that the device does not have, counted as wrong: {', '.join(map(repr, match.missing))}")


@click.command()
@target_options
@click.option("--out", type=FILE, metavar="FILE.head", help="Write the head into a file as well, for fleet average and restore.")
@expect_option
@json_option
def save(target: str, state_dir: Path | None, out: Path | None, expect: str | None, as_json: bool) -> None:
    """Keep the head of a running target through power loss."""
    from tinytl_bridge import connect
    from tinytl_bridge.fleet import head_of, write_head

    expect_folder(out)
    with connect(target, state_dir=state_dir, expect=expect) as device:
        held, sequence = device.identity(), device.save()
        if out is not None:
            write_head(head_of(device), out)
    written = {} if out is None else {"head": out}
    show_facts({"target": target, **held.facts, "saved_as": sequence, **written}, as_json=as_json, title="Saved")


@click.command()
@target_options
@click.option("--to", "where", type=click.Choice(["saved", "previous", "factory"]), default="saved", show_default=True)
@json_option
def rollback(target: str, state_dir: Path | None, where: str, as_json: bool) -> None:
    """Go back to the last saved head, the one before it, or the factory head, and keep that."""
    from tinytl_bridge import connect

    with connect(target, state_dir=state_dir) as device:
        device.rollback(where)
        sequence = device.save()
    show_facts({"target": target, "rolled_back_to": where, "saved_as": sequence}, as_json=as_json, title="Rolled back")
