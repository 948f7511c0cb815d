# SPDX-License-Identifier: Apache-2.0
"""Measure a bundle on a target: accuracy, instructions, modelled cycles and energy, RAM, flash.

In: a bundle and a target's name. Out: a `Measurement` whose every figure says how it was had, and why where it could not be had.
Emulated boards are measured on a memory of their own, so that nothing a user keeps there changes; a board on a serial port is flashed.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Any

from tinytl.bundle import Bundle, read_bundle
from tinytl.compiler import Image, compile_bundle
from tinytl.data import Dataset, load_dataset
from tinytl.energy import Calibration
from tinytl.errors import BenchError
from tinytl.measurement import REQUIRED, Figure, Measurement
from tinytl.progress import Progress, silent
from tinytl_bench.counting import Counter, Region, open_counter
from tinytl_bench.figures import Counted, count_figures, energy_figures, histograms, layer_rows, memory_figures, work_of
from tinytl_bridge.build import build_firmware
from tinytl_bridge.device import Device, connect
from tinytl_bridge.protocol import DeviceStatus

_TIMED_RUNS = 20
_COUNTED_STEPS = 16


def bench(
    bundle: Path | str,
    *,
    target: str,
    dataset: Dataset | None = None,
    samples: int | None = None,
    calibration: Calibration | None = None,
    progress: Progress | None = None,
) -> Measurement:
    """Measure a bundle on a target.

    Args:
        bundle: path of a bundle. target: as for `tinytl_bridge.connect`.
        dataset: its test split gives the accuracy; by default the bundle's source task.
        samples: at most so many of them.
        calibration: what the board was measured to take for a MAC; adds the energy `calibrated`.

    Returns:
        All of `tinytl.measurement.REQUIRED` that the target can give, and more; `details["missing"]` has the reasons of the others.

    Raises:
        BenchError: an empty test split, or no check vectors to count on. DeviceError, BuildError: the target cannot be had.
    """
    packed, report = read_bundle(Path(bundle)), progress or silent
    image = compile_bundle(packed)
    task = dataset if dataset is not None else load_dataset(packed.manifest["source"]["dataset"])
    if len(task.x_test) == 0:
        raise BenchError(f"dataset {task.name!r} has no test samples", expected="at least one")
    if len(packed.check_inputs) == 0:
        raise BenchError(f"bundle {packed.manifest['name']!r} has no check vectors to count on", hint="export it again")
    figures: dict[str, Figure] = {}
    with _device(target) as (device, counter):
        device.flash(image, progress=report)
        answered = device.evaluate(task.x_test[:samples], task.y_test[:samples], progress=report)
        figures["accuracy"] = Figure(answered.accuracy, "fraction", f"device, {len(answered.predictions)} test samples of {task.name}")
        counted = _count(counter, packed, report) if counter else None
        if counter and counted:
            figures |= count_figures(counted, how=counter.how, clock_hz=device.info.clock_hz)
        else:
            figures["milliseconds_wall"] = Figure(_wall_ms(device, packed), "ms", "ms (wall, one inference with its transfer)")
        status = device.status()
    figures |= _memory(image, status, target) | energy_figures(work_of(packed, image), calibration)
    details: dict[str, Any] = histograms(counted) if counted else {}
    missing = _missing(figures, target, counter)
    return Measurement(packed.manifest["name"], target, figures, layer_rows(packed, image, counted), details | {"missing": missing})


@contextmanager
def _device(target: str) -> Iterator[tuple[Device, Counter | None]]:
    kind, _, board = target.partition(":")
    if kind == "qemu" and board:
        with open_counter(board) as counter:
            yield counter.device, counter
        return
    with TemporaryDirectory() as scratch, connect(target, state_dir=Path(scratch)) as device:
        yield device, None


def _count(counter: Counter, bundle: Bundle, report: Progress) -> Counted:
    """Count on samples of the bundle's own, so that every run counts the same; leave the factory head behind.

    A step's cost depends a little on sample, class and what is replayed, so several are counted, with classes in turn.
    """
    samples, classes = bundle.check_inputs, len(bundle.manifest["labels"])
    inference = counter.measure("inference", sample=samples[0])
    steps: list[Region] = []
    for index in range(_COUNTED_STEPS):
        counter.device.infer_prepared(samples[index % len(samples)])
        steps += counter.measure("step", label=index % classes)
        report("count", index + 1, _COUNTED_STEPS)
    counter.device.rollback("factory")
    return Counted(inference, tuple(steps))


def _wall_ms(device: Device, bundle: Bundle) -> float:
    """Mean of some inferences."""
    start = perf_counter()
    for index in range(_TIMED_RUNS):
        device.infer_prepared(bundle.check_inputs[index % len(bundle.check_inputs)])
    return (perf_counter() - start) / _TIMED_RUNS * 1000


def _memory(image: Image, status: DeviceStatus, target: str) -> dict[str, Figure]:
    kind, _, board = target.partition(":")
    firmware = build_firmware(board) if kind == "qemu" else None
    code_bytes = firmware.text_bytes + firmware.data_bytes if firmware else None
    return memory_figures(image, stack_bytes=status.stack_bytes, static_bytes=status.static_bytes, code_bytes=code_bytes)


def _missing(figures: dict[str, Figure], target: str, counter: Counter | None) -> dict[str, str]:
    """Say of each required figure that is not there why it is not."""
    if counter is None:
        why = f"not counted on {target}: only an emulated board counts instructions"
    else:
        why = f"not modelled: QEMU refuses the counting plugin ({counter.refusal}), so instructions alone are counted"
    reasons = {
        "stack_bytes": f"{target} does not measure its stack",
        "ram_bytes": f"not known: {target} does not measure its stack",
        "flash_bytes": f"not known: tinytl did not build the firmware of {target}",
    }
    return {name: reasons.get(name, why) for name in REQUIRED if name not in figures}
