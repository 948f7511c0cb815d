# SPDX-License-Identifier: Apache-2.0
"""Measure a bundle on a target: accuracy, instructions, modelled cycles and energy, RAM, flash.

In: a bundle and a target's name. Out: a `Measurement` whose every figure says how it was had. Emulated boards are measured on a
memory of their own, so that nothing a user keeps there changes; a board on a serial port is flashed.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter

from tinytl import energy
from tinytl.bundle import Bundle, read_bundle
from tinytl.compiler import Image, compile_bundle
from tinytl.data import Dataset, load_dataset
from tinytl.errors import BenchError
from tinytl.measurement import Figure, LayerRow, Measurement
from tinytl.progress import Progress, silent
from tinytl_bench.counting import Counter, Region, open_counter
from tinytl_bridge.boards import load_board
from tinytl_bridge.build import build_firmware
from tinytl_bridge.device import Device, connect
from tinytl_bridge.results import Evaluation

HOW_CYCLES = "cycles (Cortex-M4 model, zero wait states)"
_WARM_RUNS = 20


@dataclass(frozen=True)
class _Regions:
    """Counted regions: one an operator and one for the head, and one teach step."""

    inference: tuple[Region, ...]
    step: Region


def bench(
    bundle: Path | str, *, target: str, dataset: Dataset | None = None, samples: int | None = None, progress: Progress | None = None
) -> Measurement:
    """Measure a bundle on a target.

    Args:
        bundle: path of a bundle. target: as for `tinytl_bridge.connect`.
        dataset: its test split gives the accuracy; by default the bundle's source task.
        samples: at most so many of them.

    Raises:
        BenchError: an empty test split. DeviceError, BuildError: the target cannot be had.
    """
    packed, report = read_bundle(Path(bundle)), progress or silent
    image = compile_bundle(packed)
    task = dataset if dataset is not None else load_dataset(packed.manifest["source"]["dataset"])
    if len(task.x_test) == 0:
        raise BenchError(f"dataset {task.name!r} has no test samples", expected="at least one")
    x, y = task.x_test[:samples], task.y_test[:samples]
    with _device(target) as (device, counter):
        device.flash(image, progress=report)
        answered = device.evaluate(x, y, progress=report)
        regions = _count(counter, packed) if counter else None
        milliseconds = None if counter else _wall(device, packed)
        status = device.status()
    figures = _accuracy(answered, task.name) | _memory(image, status.stack_bytes, status.static_bytes, target)
    figures |= _energy(packed, image)
    if counter and regions:
        figures |= _counted(regions, counter.how, device.info.clock_hz)
    if milliseconds is not None:
        figures["milliseconds_wall"] = Figure(milliseconds, "ms", "ms (wall, one inference with its transfer)")
    return Measurement(packed.manifest["name"], target, figures, _layers(packed, image, regions), _details(regions, target))


@contextmanager
def _device(target: str) -> Iterator[tuple[Device, Counter | None]]:
    kind, _, board = target.partition(":")
    if kind == "qemu" and board:
        with open_counter(board) as counter:
            yield counter.device, counter
        return
    with TemporaryDirectory() as scratch, connect(target, state_dir=Path(scratch)) as device:
        yield device, None


def _count(counter: Counter, bundle: Bundle) -> _Regions:
    """Count on a sample of the bundle's own, so that every run counts the same; leave the factory head behind."""
    inference = counter.measure("inference", sample=bundle.check_inputs[0])
    step = counter.measure("step", label=0)[0]
    counter.device.rollback("factory")
    return _Regions(inference, step)


def _wall(device: Device, bundle: Bundle) -> float:
    start = perf_counter()
    for index in range(_WARM_RUNS):
        device.infer_prepared(bundle.check_inputs[index % len(bundle.check_inputs)])
    return (perf_counter() - start) / _WARM_RUNS * 1000


def _accuracy(answered: Evaluation, name: str) -> dict[str, Figure]:
    return {"accuracy": Figure(answered.accuracy, "fraction", f"device, {len(answered.predictions)} test samples of {name}")}


def _counted(regions: _Regions, how: str, clock_hz: int) -> dict[str, Figure]:
    inference = sum(region.instructions for region in regions.inference)
    figures = {
        "instructions_per_inference": Figure(inference, "instructions", how),
        "instructions_per_teach_step": Figure(regions.step.instructions, "instructions", f"{how}; head only, replays included"),
        "instructions_per_taught_sample": Figure(inference + regions.step.instructions, "instructions", f"{how}; extractor and step"),
    }
    cycles = [region.cycles_model for region in regions.inference]
    if None in cycles or regions.step.cycles_model is None:
        return figures
    total = sum(each for each in cycles if each is not None)
    step = regions.step.cycles_model
    for name, count in (("", total), ("teach_step_", step), ("taught_sample_", total + step)):
        figures[f"{name}cycles_model"] = Figure(count, "cycles", HOW_CYCLES)
        figures[f"{name}milliseconds_model"] = Figure(count / clock_hz * 1000, "ms", f"{HOW_CYCLES} at {clock_hz / 1e6:g} MHz")
    return figures


def _memory(image: Image, stack_bytes: int, static_bytes: int, target: str) -> dict[str, Figure]:
    figures = {"arena_bytes": Figure(image.arena_bytes, "B", "image plan")}
    kind, _, board = target.partition(":")
    if stack_bytes:
        figures["stack_bytes"] = Figure(stack_bytes, "B", "device, high-water mark of the painted stack")
        ram = image.arena_bytes + stack_bytes + static_bytes
        figures["ram_bytes"] = Figure(ram, "B", "arena (image plan) + stack (device) + static data (linker)")
        figures["static_bytes"] = Figure(static_bytes, "B", "linker")
    figures["image_bytes"] = Figure(len(image.data), "B", "image plan")
    figures["constant_bytes"] = Figure(image.constant_bytes, "B", "image plan: weights, bias, rescaling constants")
    figures["head_bytes"] = Figure(image.head_bytes, "B", "image plan: head and its factory parameters")
    figures["replay_set_bytes"] = Figure(image.replay_set_bytes, "B", "image plan: source features and labels")
    if kind == "qemu":
        firmware = build_firmware(load_board(board).name)
        code = firmware.text_bytes + firmware.data_bytes
        figures["code_bytes"] = Figure(code, "B", "linker")
        figures["flash_bytes"] = Figure(code + len(image.data), "B", "firmware (linker) + image")
    return figures


def work_of(bundle: Bundle, image: Image) -> energy.Work:
    """Return what the energy models of a bundle depend on."""
    layers = bundle.head.layers
    return energy.Work(
        frozen_macs=sum(operator.macs for operator in image.operators),
        trainable_macs=bundle.head.macs,
        first_layer_macs=int(layers[0].weights.size),
        constant_bytes=sum(operator.weight_bytes for operator in image.operators),
        activation_bytes=sum(operator.activation_bytes for operator in image.operators),
        parameters=int(sum(layer.weights.size + layer.bias.size for layer in layers)),
        replays=bundle.head.learning.replays_per_step,
    )


def _energy(bundle: Bundle, image: Image) -> dict[str, Figure]:
    work = work_of(bundle, image)
    return {
        "energy_nj_thesis": Figure(energy.thesis_energy_nj(work.trainable_macs), "nJ", energy.HOW_THESIS),
        "energy_nj_full": Figure(energy.full_inference_nj(work), "nJ", energy.HOW_FULL),
        "energy_nj_full_teach_step": Figure(energy.full_step_nj(work), "nJ", energy.HOW_FULL_STEP),
    }


def _layers(bundle: Bundle, image: Image, regions: _Regions | None) -> tuple[LayerRow, ...]:
    counted = regions.inference if regions else ()
    rows = []
    for index, operator in enumerate(image.operators):
        region = counted[index] if counted else None
        rows.append(
            LayerRow(
                operator.name, operator.kind, operator.output_shape, operator.macs, operator.weight_bytes, operator.activation_bytes,
                region.instructions if region else None, region.cycles_model if region else None,
                energy.operator_nj(operator.macs, operator.weight_bytes + operator.activation_bytes),
            )
        )  # fmt: skip
    layers = bundle.head.layers
    head = counted[-1] if counted else None
    parameters = int(sum(layer.weights.size + layer.bias.size for layer in layers))
    name = " + ".join(layer.name for layer in layers)
    rows.append(
        LayerRow(
            name, "dense", (1, layers[-1].weights.shape[0]), bundle.head.macs, 4 * parameters, 4 * bundle.head.feature_count,
            head.instructions if head else None, head.cycles_model if head else None, energy.head_nj(bundle.head.macs, parameters),
        )
    )  # fmt: skip
    return tuple(rows)


def _details(regions: _Regions | None, target: str) -> dict[str, object]:
    if regions is None:
        why = f"not counted on {target}: only an emulated board counts instructions"
        names = ("instructions_per_inference", "instructions_per_teach_step", "cycles_model", "milliseconds_model")
        return {"missing": dict.fromkeys(names, why)}
    step = regions.step.profile
    if step is None:
        why = "this QEMU has no plugins: instructions alone are counted"
        return {"missing": {"cycles_model": why, "milliseconds_model": why}}
    classes: dict[str, int] = {}
    for region in regions.inference:
        for name, count in region.profile.classes.items() if region.profile else ():
            classes[name] = classes.get(name, 0) + count
    return {"inference_classes": classes, "teach_step_classes": step.classes, "teach_step_functions": step.functions}
