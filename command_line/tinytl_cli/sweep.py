# SPDX-License-Identifier: Apache-2.0
"""The command that chooses a split: `sweep`."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from rich.console import Console

from tinytl.head.learning import WEIGHTS
from tinytl_cli.console import progress, say, show, table
from tinytl_cli.options import FILE, Bytes, Rates, data_option, input_range_option, json_option, resize_option, seed_option

if TYPE_CHECKING:
    from tinytl_bench.sweep import Sweep

_NJ = {"nj": 1.0, "uj": 1e3, "µj": 1e3, "mj": 1e6}


class _Energy(click.ParamType):
    """An energy with its unit, in nJ."""

    name = "energy"

    def convert(self, value: Any, param: click.Parameter | None, context: click.Context | None) -> float:
        text = str(value).strip().lower().replace("μ", "µ")
        try:
            energy = float(text[:-2]) * _NJ[text[-2:]]
        except (KeyError, ValueError):
            energy = 0.0
        if not 0 < energy < 1e15:
            self.fail(f"{value!r} is no energy; expected a number with nJ, uJ or mJ, e.g. 1uJ", param, context)
        return energy


class _Names(click.ParamType):
    """Names, separated by commas."""

    name = "names"

    def convert(self, value: Any, param: click.Parameter | None, context: click.Context | None) -> tuple[str, ...]:
        return value if isinstance(value, tuple) else tuple(part.strip() for part in str(value).split(",") if part.strip())


@click.command()
@click.argument("run", type=FILE, metavar="RUN|KERAS|TFLITE")
@data_option
@resize_option
@click.option("--source", help="Source dataset, if not the one the run was trained on; a .keras file and a .tflite need it.")
@input_range_option("the run's; of a .keras file measured; all that a .tflite's input can hold")
@click.option("--plans", type=_Names(), default=(), help="Freeze plans, a,b  [default: all that `tinytl plans RUN` lists]")
@click.option("--weights", type=_Names(), default="float32", show_default=True, help=f"Of what trains on the device: {','.join(WEIGHTS)}.")
@click.option("--places", type=_Names(), default="twin,host", show_default=True, help="Where heads learn: as on a device; in float.")
@click.option("--board", metavar="BOARD", help="The pick has to fit it, e.g. mps2-an386; an emulated one counts instructions.")
@click.option("--ram", "ram_bytes", type=Bytes(), help="Arena that the pick may take, e.g. 64k.")
@click.option("--flash", "flash_bytes", type=Bytes(), help="Image that the pick may take, e.g. 512k.")
@click.option("--energy", "energy_nj", type=_Energy(), help="Of one taught sample (model: full) that the pick may take, e.g. 1uJ.")
@click.option("--count/--no-count", default=True, show_default=True, help="Count instructions of a step on an emulated --board.")
@click.option("--seeds", default=3, show_default=True, type=int, help="Orders of the samples that are averaged.")
@click.option("--samples", type=int, help="At most so many of the target's training split  [default: all]")
@click.option("--passes", default=3, show_default=True, type=int, help="Over the taught samples.")
@click.option("--rates", type=Rates(), default="0.003,0.01,0.03", show_default=True, help="Learning rates to choose from, on the twin.")
@click.option("--host-rates", type=Rates(), default="0.001,0.003,0.01,0.03", show_default=True, help="The same on the host, with Adam.")
@click.option("--replays", default=4, show_default=True, type=int, help="Source samples after each taught one, where labels are shared.")
@click.option("--workers", default=2, show_default=True, type=int, help="Processes that cells run in.")
@click.option("--cache", type=FILE, help="Folder for features, which several sweeps may share  [default: in FOLDER]")
@click.option("-o", "--out", "folder", required=True, type=FILE, metavar="FOLDER", help="For results; an ended sweep goes on there.")
@seed_option
@json_option
def sweep(
    run: Path, data: str, resize: tuple[int, int] | None, source: str | None, input_range: tuple[float, float] | None,
    board: str | None, ram_bytes: int | None, flash_bytes: int | None, energy_nj: float | None, as_json: bool, **settings: Any,
) -> None:  # fmt: skip
    """Which freeze plan, for your model, data and board: every plan taught on the twin and in float on the host.

    The frozen part runs once; features are kept. A validation part of the training split chooses learning rates and plan; the test split
    is looked at once, at the end. `tinytl export --from-sweep FOLDER` takes the pick.
    """
    from tinytl.data import load_dataset
    from tinytl_bench.sweep import Budget, SweepSettings, run_sweep
    from tinytl_bridge.target_names import emulated_board

    budget = Budget(ram_bytes, flash_bytes, energy_nj, board and (emulated_board(board) or board))
    checked = SweepSettings(budget=budget, **settings)
    target = load_dataset(data, resize=resize if Path(data).is_dir() else None)
    known = load_dataset(source, resize=resize if Path(source).is_dir() else None) if source else None
    with progress() as bar:
        found = run_sweep(run, target, checked, source=known, value_range=input_range, progress=bar)
    result = {"folder": found.folder, "pick": found.pick, "facts": found.facts, "rows": found.rows}
    show(result, as_json=as_json, render=lambda console: _render(console, found))
    if not as_json:
        say(f"next: tinytl export --from-sweep {found.folder} -o picked.tinytl")


def _render(console: Console, found: "Sweep") -> None:
    from tinytl_bench.sweep.tables import COSTS, NOTES, REACHES, costs, reaches

    facts, numeric = found.facts, (*REACHES[2:], *COSTS[1:])
    console.print(table(facts.title, REACHES, reaches(found.rows, facts.pick), numeric=numeric))
    console.print()
    console.print(table("What each takes", COSTS, costs(found.rows, facts.pick), numeric=numeric))
    console.print()
    for text in (f"The pick: {found.pick.reason}", facts.told, *NOTES, *facts.notes, f"written: {found.folder}"):
        console.print(text, markup=False)
