# SPDX-License-Identifier: Apache-2.0
"""Measure on an agent, such as a Raspberry Pi: it times both engines on its own machine and chooses one; a power meter may stand beside it.

In: a connected agent that holds a bundle, and training samples of its task. Out: figures of the engine in use, and details of both.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tinytl.class_match import UNKNOWN, match_classes
from tinytl.data import Dataset
from tinytl.errors import BenchError, DeviceError
from tinytl.measurement import Figure
from tinytl.progress import Progress
from tinytl_bridge.agent.measuring import samples_file
from tinytl_bridge.device import Device
from tinytl_bridge.machine.energy_run import MeterFile, measure_energy
from tinytl_bridge.targets.pi import PiTarget

MOST_SAMPLES = 400
"""Training samples that engines are compared on; a fourth of them judges."""
_MEASURE_TIMEOUT_S = 900.0
_BUSY_S, _WARM_S = 2.0, 0.1


@dataclass(frozen=True)
class AgentFigures:
    """What an agent measured: figures of the engine in use, reasons of those that are missing, details of both engines."""

    figures: dict[str, Figure]
    missing: dict[str, str]
    details: dict[str, Any]


def measure_on_agent(
    device: Device, agent: PiTarget, task: Dataset, *, energy_csv: Path | None, progress: Progress
) -> AgentFigures:  # fmt: skip
    """Have an agent measure the bundle that it holds. Its head stays as it is: what is learned meanwhile is learned beside it, and lost.

    Args:
        device: connected, with a bundle flashed. agent: its target. task: whose training split is measured on; its test split is not
            touched. energy_csv: file that a power meter writes meanwhile on this machine; None: the agent's own meter, if it has one.
        progress: told of samples sent.

    Raises:
        BenchError: no training sample of a class that the bundle knows; a file of the meter that does not fit. DeviceError: the agent
        refused, or its connection broke.
    """
    samples, labels = _prepared(device, task)
    data = f"{len(samples)} training samples of {task.name}"
    agent.send_file("samples", samples_file(samples, labels), progress=progress)
    progress("measure both engines", 0, 1)
    document = agent.call("measure", timeout_s=_MEASURE_TIMEOUT_S, data=data)
    progress("measure both engines", 1, 1)
    told = _told(document)
    if energy_csv is None:
        return told
    figures = told.figures | _metered(agent, str(told.details["engine"]), energy_csv)
    return AgentFigures(figures, {name: reason for name, reason in told.missing.items() if name not in figures}, told.details)


def _told(document: Mapping[str, Any]) -> AgentFigures:
    """Return what an agent told of a measurement. Raises DeviceError: it lacks something; agents of other versions are met too."""
    try:
        engine = str(document["in_use"]["engine"])
        measured: Mapping[str, Any] = document["engines"][engine]
        figures = {
            name: Figure(float(entry["value"]), str(entry["unit"]), f"engine {engine}: {entry['how']}")
            for name, entry in measured["figures"].items()
        }
        details = {
            "engine": engine, "engine_reason": str(document["in_use"]["engine_reason"]), "engines": document["engines"],
            "choice": document["choice"], "machine": measured["machine"],
        }  # fmt: skip
        spoiled = [str(found["storable_why"]) for found in document["engines"].values() if not found["storable"]]
        missing = {str(name): str(reason) for name, reason in measured["missing"].items()}
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise DeviceError(
            f"the agent's measurement cannot be read: {type(error).__name__}: {error}", expected="figures of each engine",
            hint="bring tinytl on both sides to one version",
        ) from error  # fmt: skip
    return AgentFigures(figures, missing, details | ({"not_storable": spoiled[0]} if spoiled else {}))


def _prepared(device: Device, task: Dataset) -> tuple[np.ndarray, np.ndarray]:
    match = match_classes(task.y_train, task.classes, device.labels())
    numbers = match.numbers_of(task.y_train)
    known = np.flatnonzero(numbers != UNKNOWN)[:MOST_SAMPLES]
    if not len(known):
        raise BenchError(f"dataset {task.name!r} has no training sample of the bundle's classes", expected="some", hint="--data NAME")
    return device.prepare(task.x_train[known]), numbers[known]


def _metered(agent: PiTarget, engine: str, path: Path) -> dict[str, Figure]:
    """Integrate the power of a meter on this machine while the agent infers; idle before is taken away."""
    inferences: list[int] = []
    agent.call("busy", timeout_s=120.0, seconds=_WARM_S, engine=engine)  # what it makes once is no inference

    def busy() -> None:
        inferences.append(agent.call("busy", timeout_s=60.0, seconds=_BUSY_S, engine=engine)["inferences"])

    measured = measure_energy(busy, MeterFile(path))
    per_call = sum(inferences) / len(inferences)
    how = f"{measured.how}; {sum(inferences):,} inferences of engine {engine} in them"
    values = {
        "inference_energy_j": measured.per_call_j / per_call, "inference_energy_uncertainty_j": measured.uncertainty_j / per_call,
    }  # fmt: skip
    powers = {"run_power_w": measured.run_w, "idle_power_w": measured.idle_w}
    return {name: Figure(value, "J", how) for name, value in values.items()} | {
        name: Figure(value, "W", measured.how) for name, value in powers.items()
    }
