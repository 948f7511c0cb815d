# SPDX-License-Identifier: Apache-2.0
"""A worker that is killed costs its cell, and not the sweep."""

import os
import signal
from pathlib import Path

import pytest

from tinytl_bench.sweep.workers import Lost, run_jobs

pytestmark = pytest.mark.long


def work(job: tuple[Path, int]) -> int:
    """Square a number, and note that it was done. Of 3 the process dies each time, of 5 the first time."""
    folder, number = job
    with (folder / f"done-{number}").open("a") as stream:
        stream.write("x")
    tries = len((folder / f"done-{number}").read_text())
    if number == 3 or (number == 5 and tries == 1):
        os.kill(os.getpid(), signal.SIGKILL)
    if number == 99:
        raise ArithmeticError("this one is too much")
    return number * number


def test_a_killed_worker_costs_its_cell_alone(tmp_path: Path) -> None:
    jobs = {f"cell-{number}": (tmp_path, number) for number in range(8)}
    results = dict(run_jobs(jobs, work, workers=2, marks=tmp_path / "running"))
    assert results.pop("cell-3") == Lost("its worker process ended twice: killed, or out of memory")
    assert results == {f"cell-{number}": number * number for number in range(8) if number != 3}
    assert (tmp_path / "done-3").read_text() == "xx", "once among others, once alone"
    assert not list((tmp_path / "running").iterdir())


def test_what_a_cell_raises_ends_all(tmp_path: Path) -> None:
    for workers in (1, 2):
        with pytest.raises(ArithmeticError, match="this one is too much"):
            dict(run_jobs({"one": (tmp_path, 99)}, work, workers=workers, marks=tmp_path / "running"))


def test_one_worker_is_this_process(tmp_path: Path) -> None:
    def own(number: int) -> int:
        return os.getpid() + number

    assert dict(run_jobs({"a": 1, "b": 2}, own, workers=1, marks=tmp_path)) == {"a": os.getpid() + 1, "b": os.getpid() + 2}
