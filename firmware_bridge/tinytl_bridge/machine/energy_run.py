# SPDX-License-Identifier: Apache-2.0
"""A run whose energy is measured: first nothing, then calls one after another. In: a call, a meter or its file. Out: `MeasuredEnergy`."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tinytl.errors import BenchError
from tinytl_bridge.machine.meters import MeasuredEnergy, Meter, MeterRecorder, energy_of_run, read_meter_csv

_FLUSHES = 4
"""Times `settle_seconds` after the run, so that a meter's program has written what belongs to it."""


@dataclass(frozen=True)
class MeterFile:
    """The file that a power meter beside the machine writes meanwhile.

    Attributes:
        path: of the CSV; it is read after the run.
        start_s: when its time was 0, in s since 1970, where it counts from its own beginning; else None.
        exported: called after the run and before reading, e.g. to wait until a person has exported the record; None: the file grows
            while the meter runs.
    """

    path: Path
    start_s: float | None = None
    exported: Callable[[], object] | None = None

    def check(self) -> None:
        """Refuse a file that should grow already and is not there.

        Raises:
            BenchError: there is none, and nobody is asked to export it later.
        """
        if self.exported is None and not self.path.is_file():
            what = f"energy file {self.path}: there is none"
            raise BenchError(what, expected="the file that the meter writes meanwhile", hint="start the meter first")


def measure_energy(
    call: Callable[[], object],
    source: Meter | MeterFile,
    *,
    idle_seconds: float = 5.0,
    run_seconds: float = 10.0,
    settle_seconds: float = 0.5,
) -> MeasuredEnergy:
    """Measure the energy of one call above idle: nothing for `idle_seconds`, then calls for `run_seconds`.

    Args:
        call: that is measured; its result is dropped.
        source: a meter of this machine, or the file of one beside it.
        idle_seconds: of rest before, in s, above 0. run_seconds: of calls, in s, above 0; the last call is finished.
        settle_seconds: left out between rest and run, in s, 0 or more: regulators follow late, two clocks never agree to the millisecond.

    Returns:
        Energy a call, its uncertainty, and both powers.

    Raises:
        BenchError: a duration that is not above 0; a meter or a file that cannot answer for both times.
    """
    if not (idle_seconds > 0 and run_seconds > 0 and settle_seconds >= 0):
        raise BenchError(f"energy of {run_seconds:g} s after {idle_seconds:g} s of rest", expected="durations above 0 s")
    if isinstance(source, MeterFile):
        source.check()
        idle, run, calls = _timed(call, time.time, (settle_seconds, idle_seconds, run_seconds))
        (source.exported or (lambda: time.sleep(_FLUSHES * settle_seconds)))()
        return energy_of_run(read_meter_csv(source.path, start_s=source.start_s), run, idle, calls)
    with MeterRecorder(source) as recorder:
        idle, run, calls = _timed(call, time.monotonic, (settle_seconds, idle_seconds, run_seconds))
    return energy_of_run(recorder.trace(), run, idle, calls)


def _timed(
    call: Callable[[], object], clock: Callable[[], float], seconds: tuple[float, float, float]
) -> tuple[tuple[float, float], tuple[float, float], int]:
    """Settle, rest, settle, then call; return begin and end of rest and run, and the number of calls."""
    settle_seconds, idle_seconds, run_seconds = seconds
    time.sleep(settle_seconds)
    begin = clock()
    time.sleep(idle_seconds)
    idle = (begin, clock())
    time.sleep(settle_seconds)
    begin, calls = clock(), 0
    while calls == 0 or clock() - begin < run_seconds:
        call()
        calls += 1
    return idle, (begin, clock()), calls
