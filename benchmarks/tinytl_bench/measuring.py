# SPDX-License-Identifier: Apache-2.0
"""Measure a model on a target: accuracy, instructions, modelled cycles and energy, RAM, flash.

In: a bundle or a .tflite, and a target's name. Out: a `Measurement` whose every figure says how it was had, and why where it could not be
had. Emulated boards are measured on a memory of their own, so that nothing a user keeps there changes. A board on a serial port and an
agent are flashed: the head that they had learned is gone then, and the factory's is there. Nothing else of a bench changes it.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Any

import numpy as np

from tinytl.bundle.bundle import Bundle
from tinytl.class_match import match_classes
from tinytl.compiler import Image
from tinytl.data import Dataset, load_dataset
from tinytl.energy import Calibration
from tinytl.errors import BenchError
from tinytl.measurement import REQUIRED, Figure, Measurement
from tinytl.model_file import ModelFile, compile_model, ends_of, read_model
from tinytl.progress import Progress, silent
from tinytl_bench.agent_bench import AgentFigures, measure_on_agent
from tinytl_bench.counting import Counter, Region, open_counter, open_pi_counter
from tinytl_bench.figures import Counted, count_figures, energy_figures, histograms, layer_rows, memory_figures, work_of
from tinytl_bench.inputs import SEED, seeded_inputs
from tinytl_bridge.device import Device, connect
from tinytl_bridge.firmware.build import build_firmware
from tinytl_bridge.machine.energy_run import MeterFile
from tinytl_bridge.running import samples_of
from tinytl_bridge.target_names import emulated_board, emulated_pi, parse_target
from tinytl_bridge.targets.pi import PiTarget
from tinytl_bridge.wire.protocol import DeviceStatus

_TIMED_RUNS = 20
_COUNTED_STEPS = 16
_NO_HEAD = "a .tflite has no head that learns"
_HEADLESS = {
    "accuracy": "a .tflite says neither its classes nor how samples are prepared; tinytl run answers arrays",
    "instructions_per_teach_step": _NO_HEAD,
}


def bench(
    model: Path | str,
    *,
    target: str,
    dataset: Dataset | None = None,
    samples: int | None = None,
    calibration: Calibration | None = None,
    optimize: str = "speed",
    ram_bytes: int | None = None,
    flash_bytes: int | None = None,
    logits: bool = False,
    energy_csv: Path | None = None,
    first: Callable[[Device, ModelFile, Image], None] | None = None,
    progress: Progress | None = None,
) -> Measurement:
    """Measure a model on a target.

    Args:
        model: path of a bundle or a .tflite. target: as for `tinytl_bridge.connect`.
        dataset: its test split gives the accuracy; by default a bundle's source task. A .tflite has no accuracy.
        samples: at most so many of them.
        calibration: what the board was measured to take for a MAC; adds the energy `calibrated`.
        optimize, ram_bytes, flash_bytes: as for `Device.compile`. logits: as for `read_model`.
        energy_csv: file that a power meter on this machine writes while an agent is measured; None: the agent's own meter, if it has one.
        first: called with the device once the model is on it, before anything is measured; what it raises ends the measurement.
        progress: of flashing, evaluating and counting; None: nobody.

    Returns:
        All of `tinytl.measurement.REQUIRED` that the target can give, and more; `details["missing"]` has the reasons of the others.

    Raises:
        BenchError: an empty test split, no check vectors to count on, a dataset for a .tflite, a meter's file that is not there or for
        another target than an agent. DeviceError, BuildError: the target cannot be had. ModelError: no softmax to leave out.
    """
    read, report = read_model(model, logits=logits), progress or silent
    bundle, task = read.bundle, _task(read, dataset, samples)
    if energy_csv is not None:
        _expect_meter(energy_csv, target, bundle)
    inputs = _inputs(read, compile_model(read))
    figures: dict[str, Figure] = {}
    with _device(target) as (device, counter):
        image = device.compile(read, optimize=optimize, ram_bytes=ram_bytes, flash_bytes=flash_bytes)
        device.flash(image, source=read, progress=report)
        if first is not None:
            first(device, read, image)
        agent = _on_agent(device, bundle, task, energy_csv, report)
        if task is not None:
            figures["accuracy"] = _accuracy(device, task, samples, report)
        counted = _count(counter, inputs, bundle, report) if counter else None
        if counter and counted:
            on = "" if bundle else f", on one random input (seed {SEED})"
            figures |= count_figures(counted, how=counter.how + on, clock_hz=device.info.clock_hz)
        elif agent:
            figures |= agent.figures
        else:
            figures["milliseconds_wall"] = Figure(_wall_ms(device, inputs), "ms", "ms (wall, one inference with its transfer)")
        status = device.status()
    figures |= _memory(image, status, target) | energy_figures(work_of(bundle, image), calibration)
    details: dict[str, Any] = histograms(counted) if counted else {}
    details |= _compiled(image, optimize, logits=logits)
    details |= agent.details if agent else {}
    details["missing"] = _missing(figures, target, counter, {} if bundle else _HEADLESS) | (agent.missing if agent else {})
    return Measurement(read.name, target, figures, layer_rows(bundle, image, counted), details)


def _on_agent(
    device: Device, bundle: Bundle | None, task: Dataset | None, energy_csv: Path | None, report: Progress
) -> AgentFigures | None:  # fmt: skip
    """Have an agent measure its own machine; None for any other target, for an emulated one, whose time says nothing, and for a .tflite."""
    agent = device.target
    if not isinstance(agent, PiTarget) or agent.is_emulated or bundle is None or task is None:
        return None
    return measure_on_agent(device, agent, task, energy_csv=energy_csv, progress=report)


def _expect_meter(energy_csv: Path, target: str, bundle: Bundle | None) -> None:
    """Refuse a meter's file that nothing would be measured by, before a head is lost for it."""
    if parse_target(target).kind != "pi" or bundle is None:
        raise BenchError(f"a power meter's file for {target!r}", expected="a bundle on pi:HOST", hint="leave --energy-csv out")
    MeterFile(energy_csv).check()


def _compiled(image: Image, optimize: str, *, logits: bool) -> dict[str, Any]:
    """Return how the model was compiled."""
    return {"family": image.family, "optimize": optimize, **({"logits": True} if logits else {})}


def _task(model: ModelFile, dataset: Dataset | None, samples: int | None) -> Dataset | None:
    if model.bundle is None:
        if dataset is not None or samples is not None:
            argument = f"dataset {dataset.name!r}" if dataset is not None else f"{samples} samples"
            raise BenchError(
                f"{argument} given for {model.path.name}, whose accuracy is not known: {_HEADLESS['accuracy']}",
                expected="a bundle", hint="leave --data and --samples out",
            )  # fmt: skip
        return None
    task = dataset if dataset is not None else load_dataset(model.bundle.manifest["source"]["dataset"])
    if len(task.x_test) == 0:
        raise BenchError(f"dataset {task.name!r} has no test samples", expected="at least one")
    return task


def _inputs(model: ModelFile, image: Image) -> Sequence[np.ndarray]:
    """Return samples as bytes to count on: a bundle's own, so that every run counts the same, or one drawn with a fixed seed."""
    if model.bundle is None:
        ends = ends_of(model, image)
        return [np.frombuffer(sample, np.uint8) for sample in samples_of(ends, seeded_inputs(ends, 1))]
    if len(model.bundle.check_inputs) == 0:
        raise BenchError(f"bundle {model.name!r} has no check vectors to count on", hint="export it again")
    return list(model.bundle.check_inputs)


def _accuracy(device: Device, task: Dataset, samples: int | None, report: Progress) -> Figure:
    x, y = task.x_test[:samples], task.y_test[:samples]
    match = match_classes(y, task.classes, device.labels())
    match.expect_known()
    answered = device.evaluate(x, y, classes=match, progress=report)
    return Figure(answered.accuracy, "fraction", f"device, {len(y)} test samples of {task.name}, classes matched {match.text}")


@contextmanager
def _device(target: str) -> Iterator[tuple[Device, Counter | None]]:
    board = emulated_board(target)
    if board:
        with open_counter(board) as counter:
            yield counter.device, counter
        return
    if processor := emulated_pi(target):
        with open_pi_counter(processor) as counter:
            yield counter.device, counter
        return
    if parse_target(target).kind == "pi":  # it keeps its own state; this machine's folder has the pairing
        with connect(target) as device:
            yield device, None
        return
    with TemporaryDirectory() as scratch, connect(target, state_dir=Path(scratch)) as device:
        yield device, None


def _count(counter: Counter, samples: Sequence[np.ndarray], bundle: Bundle | None, report: Progress) -> Counted:
    """Count an inference and, with a head, teach steps; leave the factory head behind.

    A step's cost depends a little on sample, class and what is replayed, so several are counted, with classes in turn.
    """
    inference = counter.measure("inference", sample=samples[0])
    if bundle is None:
        return Counted(inference, (), with_head=False)
    classes = len(bundle.manifest["labels"])
    steps: list[Region] = []
    for index in range(_COUNTED_STEPS):
        counter.device.infer_prepared(samples[index % len(samples)])
        steps += counter.measure("step", label=index % classes)
        report("count", index + 1, _COUNTED_STEPS)
    counter.device.rollback("factory")
    return Counted(inference, tuple(steps))


def _wall_ms(device: Device, samples: Sequence[np.ndarray]) -> float:
    """Mean of some inferences."""
    start = perf_counter()
    for index in range(_TIMED_RUNS):
        device.infer_prepared(samples[index % len(samples)])
    return (perf_counter() - start) / _TIMED_RUNS * 1000


def _memory(image: Image, status: DeviceStatus, target: str) -> dict[str, Figure]:
    board = emulated_board(target)
    firmware = build_firmware(board) if board else None
    code_bytes = firmware.text_bytes + firmware.data_bytes if firmware else None
    return memory_figures(image, stack_bytes=status.stack_bytes, static_bytes=status.static_bytes, code_bytes=code_bytes)


def _missing(figures: dict[str, Figure], target: str, counter: Counter | None, known: dict[str, str]) -> dict[str, str]:
    """Say of each required figure that is not there why it is not."""
    why = counter.unmodelled if counter else f"not counted on {target}: only an emulated board counts instructions"
    reasons = {
        "stack_bytes": f"{target} does not measure its stack",
        "ram_bytes": f"not known: {target} does not measure its stack",
        "flash_bytes": f"not known: tinytl did not build the firmware of {target}",
        **known,
    }
    return {name: reasons.get(name, why) for name in REQUIRED if name not in figures}
