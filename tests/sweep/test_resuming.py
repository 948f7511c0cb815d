# SPDX-License-Identifier: Apache-2.0
"""A sweep that is killed goes on where it was, and comes to the same end; what is damaged or of another sweep is refused."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pandas
import pytest
from swept_trees import RATES, swept

from tinytl.errors import BenchError
from tinytl_bench.sweep import read_sweep
from tinytl_bench.sweep.results import COLUMNS, LOOKED

pytestmark = pytest.mark.long

FOLDERS = [str(Path(__file__).parent), *(str(Path(__file__).parents[1] / name) for name in ("", "compiler", "exporting"))]


def start(folder: Path, workers: int) -> "subprocess.Popen[bytes]":
    command = [sys.executable, str(Path(__file__).with_name("swept_trees.py")), str(folder), str(workers)]
    paths = os.pathsep.join([*FOLDERS, os.environ.get("PYTHONPATH", "")])
    return subprocess.Popen(command, env={**os.environ, "PYTHONPATH": paths}, stderr=subprocess.DEVNULL, start_new_session=True)


def lines(folder: Path) -> list[str]:
    path = folder / "out/results.jsonl"
    return path.read_text().splitlines() if path.is_file() else []


def kill_with(count: int, folder: Path, workers: int) -> list[str]:
    """Kill a sweep and its workers once so many cells are done; return the lines that it left."""
    running = start(folder, workers)
    end = time.monotonic() + 60
    while len(lines(folder)) < count and running.poll() is None and time.monotonic() < end:
        time.sleep(0.005)
    assert running.poll() is None, "it was done, or failed, before it could be killed"
    os.killpg(running.pid, signal.SIGKILL)
    running.wait()
    return lines(folder)


def figures(rows: Any) -> list[dict[str, Any]]:
    """Return the lines without what a clock said."""
    return [{name: value for name, value in row.items() if name != "seconds"} for row in rows]


def test_a_killed_sweep_goes_on_where_it_was(tmp_path: Path) -> None:
    kept = {row["cell"]: row for row in map(json.loads, kill_with(2, tmp_path / "killed", workers=1))}
    assert 2 <= len(kept) < 2 * len(RATES)
    resumed, whole = (swept(tmp_path / name, passes=20) for name in ("killed", "whole"))
    assert figures(resumed.cells) == figures(whole.cells)
    assert resumed.pick == whole.pick
    after = {row["cell"]: row for row in resumed.cells}
    for name, row in kept.items():
        assert {column: after[name][column] for column in row if column not in LOOKED} == {
            column: row[column] for column in row if column not in LOOKED
        }, "its seconds as well: it was not done again"
    assert not resumed.facts.test_seen_before


@pytest.mark.long
def test_also_with_workers(tmp_path: Path) -> None:
    kill_with(3, tmp_path / "killed", workers=2)
    assert figures(swept(tmp_path / "killed", passes=20, workers=2).cells) == figures(swept(tmp_path / "whole", passes=20).cells)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("trees")
    swept(made)
    return made


def test_results_are_read_by_pandas(folder: Path) -> None:
    frame = pandas.read_json(folder / "out/results.jsonl", lines=True)
    sweep = read_sweep(folder / "out")
    assert tuple(frame.columns) == COLUMNS and set(frame.status) == {"ok"}
    assert len(frame) == len(sweep.to_frame()) == 2 * (len(RATES) + 1), "each rate once, the best one twice"
    looked = frame[frame.test_accuracy.notna()]
    assert len(looked) == 4 and set(looked.seed) == {1, 2}, "the test split is for the rates that were chosen"
    best = frame[(frame.weights == "int8") & (frame.seed == 1)].sort_values(["accuracy", "loss"], ascending=[False, True]).rate.iloc[0]
    (row,) = (row for row in sweep.rows if row.weights == "int8")
    assert row.rate == best
    assert row.accuracy == pytest.approx(frame[(frame.weights == "int8") & (frame.rate == best)].accuracy.mean())
    assert row.test_accuracy is not None and row.test_accuracy > 0.6 > row.test_accuracy_before  # type: ignore[operator]


def test_results_are_read_by_polars(folder: Path) -> None:
    polars = pytest.importorskip("polars")
    frame = polars.read_ndjson(folder / "out/results.jsonl")
    assert tuple(frame.columns) == COLUMNS and frame["accuracy"].dtype == polars.Float64


def test_another_pick_from_the_same_results_says_that_the_test_split_was_seen(tmp_path: Path) -> None:
    from tinytl_bench.sweep import Budget

    small = {"rates": RATES[:2], "seeds": 1}
    first = swept(tmp_path, **small)
    second = swept(tmp_path, **small, budget=Budget(ram_bytes=1 << 20))
    assert figures(second.cells) == figures(first.cells)
    assert first.pick.plan == second.pick.plan and "2 of 2 that fit the budget" in second.pick.reason
    assert second.facts.test_seen_before
    assert "had been looked at for an earlier pick" in second.facts.told and "looked at once" in first.facts.told


def test_folders_that_are_refused(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(
        BenchError, match="out holds a sweep with another passes; expected the same, to go on with it\nhint: another folder, -o"
    ):
        swept(folder, passes=4)
    with pytest.raises(BenchError, match=r"no sweep in .*gone: .*expected a folder with sweep\.json"):
        read_sweep(tmp_path / "gone")
    (tmp_path / "out").mkdir()
    (tmp_path / "out/results.jsonl").write_text('{"cell": "half"')
    with pytest.raises(BenchError, match=r"out has results\.jsonl without sweep\.json"):
        swept(tmp_path)
    (tmp_path / "out/results.jsonl").unlink()
    swept(tmp_path, rates=RATES[:1], seeds=1)
    (tmp_path / "out/results.jsonl").write_text('{"cell": "half"')
    with pytest.raises(BenchError, match=r"results\.jsonl holds no results of a sweep: .*\nhint: delete it: the cells are done again"):
        swept(tmp_path, rates=RATES[:1], seeds=1)
