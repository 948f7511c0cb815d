# SPDX-License-Identifier: Apache-2.0
"""Cells in joblib's worker processes: one that is killed costs its cell, and not the sweep.

In: jobs by name, a function for one, how many run at once. Out: name and result as each is done, in any order. A worker that ends takes
joblib's whole pool with it, and joblib tells not which job it had. Each job therefore has a mark while it runs. Those that were running are
done again, each alone in a process of its own; what ends that one as well is given up: `Lost`. All others go on.
"""

import signal
import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from tinytl.errors import BenchError

Job = TypeVar("Job")
Result = TypeVar("Result")
_MOST_BREAKS = 5
"""Of pools that ended while no job was running."""


@dataclass(frozen=True)
class Lost:
    """A job that was given up. reason: a sentence."""

    reason: str


def run_jobs(jobs: Mapping[str, Job], work: Callable[[Job], Result], *, workers: int, marks: Path) -> Iterator[tuple[str, Result | Lost]]:
    """Do jobs.

    Args:
        jobs: by name, which can be a file's. work: does one; a function of a module, for other processes have to find it.
        workers: processes, ≥ 1; 1: this process alone, which nothing guards.
        marks: folder for the marks; made, and emptied of earlier ones.

    Raises:
        BenchError: workers end though they have nothing to do. What `work` raises ends all.
    """
    if workers == 1:
        for name, job in jobs.items():
            yield name, work(job)
        return
    marks.mkdir(parents=True, exist_ok=True)
    remaining, breaks = dict(jobs), 0
    while remaining:
        _running(marks)
        try:
            for name, result in _in_parallel(remaining, work, workers, marks):
                del remaining[name]
                yield name, result
        except _broken_pool():
            suspects = [name for name in _running(marks) if name in remaining]
            breaks += not suspects
            if breaks > _MOST_BREAKS:
                raise BenchError("workers end before they begin", hint="--workers 1 shows why") from None
            for name in suspects:
                yield name, _alone(name, remaining.pop(name), work, marks)


def _alone(name: str, job: Job, work: Callable[[Job], Result], marks: Path) -> Result | Lost:
    """Do a job in a process of its own."""
    try:
        ((_, result),) = _in_parallel({name: job}, work, 2, marks)
    except _broken_pool():
        _running(marks)
        return Lost("its worker process ended twice: killed, or out of memory")
    return result


def _in_parallel(jobs: Mapping[str, Job], work: Callable[[Job], Result], workers: int, marks: Path) -> Iterator[tuple[str, Result]]:
    from joblib import Parallel, delayed, parallel_config

    warnings.filterwarnings("ignore", message=r"\d+ tasks which were still being processed")  # what Ctrl-C is there for
    with parallel_config(backend="loky", inner_max_num_threads=1):
        pool = Parallel(n_jobs=workers, batch_size=1, pre_dispatch=workers, return_as="generator_unordered")
    yield from pool(delayed(_marked)(name, job, work, marks) for name, job in list(jobs.items()))


def _marked(name: str, job: Job, work: Callable[[Job], Result], marks: Path) -> tuple[str, Result]:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the sweep, which ends its workers
    mark = marks / name
    mark.touch()
    result = work(job)
    mark.unlink()
    return name, result


def _running(marks: Path) -> list[str]:
    """Return the names of the jobs that have marks, and take these away."""
    found = sorted(marks.iterdir())
    for mark in found:
        mark.unlink(missing_ok=True)
    return [mark.name for mark in found]


def _broken_pool() -> Any:
    from joblib.externals.loky.process_executor import BrokenProcessPool

    return BrokenProcessPool
