# SPDX-License-Identifier: Apache-2.0
"""Heads of a fleet: `fleet average` of files; `restore` brings one back into a device."""

import math
from pathlib import Path

import click
from rich.console import Console

from tinytl_cli.console import say, show, show_facts, table
from tinytl_cli.options import FILE, Numbers, json_option, target_options


@click.group()
def fleet() -> None:
    """Heads of many devices, averaged into one."""


@fleet.command()
@click.argument("heads", nargs=-1, required=True, type=FILE)
@click.option("-o", "--out", required=True, type=FILE, help="Head file to write.")
@click.option("--rule", type=click.Choice(["mean", "trimmed", "krum"]), default="mean", show_default=True,
              help="FedAvg; the mean without extremes; the head that most others are near.")  # fmt: skip
@click.option("--weights", type=Numbers(), metavar="N,N,…", help="Of the mean, samples of each head  [default: those that it was taught]")
@click.option("--poisoned", default=1, show_default=True, type=click.IntRange(min=1), help="Heads that trimmed and krum hold against.")
@click.option("--any-norm", is_flag=True, help="Take heads of any size into a mean.")
@json_option
def average(
    heads: tuple[Path, ...], out: Path, rule: str, weights: tuple[float, ...] | None, poisoned: int, any_norm: bool, as_json: bool
) -> None:
    """Average HEADS, files of `tinytl save --out`, into one.

    \b
    tinytl save --target T --out a.head          # on each device
    tinytl fleet average a.head b.head -o all.head
    tinytl restore all.head --target T           # back on each device
    """
    from tinytl_bridge.fleet import average_heads, read_head, write_head
    from tinytl_bridge.fleet.checking import MOST_NORM

    found = {str(path): read_head(path) for path in heads}
    if len(found) < len(heads):
        raise click.UsageError("a head is named twice")
    averaged = average_heads(found, rule=rule, weights=weights, poisoned=poisoned, most_norm=math.inf if any_norm else MOST_NORM)
    write_head(averaged.head, out)
    shares = averaged.weights or (None,) * len(found)
    rows = [
        {"head": name, "steps": head.steps, "share": share, "norm": averaged.norms[name], "chosen": name == averaged.chosen}
        for (name, head), share in zip(found.items(), shares, strict=True)
    ]
    document = {"out": out, "rule": rule, "bundle": averaged.head.bundle_id.hex()[:8], "heads": rows}

    def render(console: Console) -> None:
        cells = [(row["head"], row["steps"], row["share"], row["norm"], "yes" if row["chosen"] else "") for row in rows]
        columns = ("head", "steps", "share", "norm / median", "chosen")
        console.print(table(f"{len(rows)} heads of {averaged.head.name!r} by rule {rule}: {out}", columns, cells, numeric=columns[1:4]))

    show(document, as_json=as_json, render=render)
    for name in averaged.outliers:
        say(f"warning: {name} has {averaged.norms[name]:.1f} times the median norm")


@click.command()
@click.argument("head", type=FILE)
@target_options
@json_option
def restore(head: Path, target: str, state_dir: Path | None, as_json: bool) -> None:
    """Have a target save HEAD, a file of `tinytl save --out` or `fleet average`, and go on with it."""
    from tinytl_bridge import connect
    from tinytl_bridge.fleet import give_head, read_head

    read = read_head(head)
    with connect(target, state_dir=state_dir) as device:
        sequence, held = give_head(device, read), device.identity()
    show_facts({"target": target, **held.facts, "head": head, "steps": read.steps, "saved_as": sequence}, as_json=as_json, title="Restored")
