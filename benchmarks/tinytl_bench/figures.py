# SPDX-License-Identifier: Apache-2.0
"""From counts, plans and sizes to a measurement's figures and layer rows. Pure: asks no device.

In: a bundle or none, an image, counted regions. Out: `Figure`s by name, with the words of how each was had, and `LayerRow`s that add up to
them.
"""

from collections import Counter as Tally
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean

from tinytl import energy
from tinytl.bundle.bundle import Bundle
from tinytl.compiler import Image
from tinytl.compiler.head.int8_weights import int8_layers_of, layer_words
from tinytl.measurement import Figure, LayerRow
from tinytl_bench.counting import Region

HOW_CYCLES = "cycles (Cortex-M4 model, zero wait states)"


@dataclass(frozen=True)
class Counted:
    """Counted regions. inference: one an operator, then one for the head, if any; steps: teach steps on several samples and classes."""

    inference: tuple[Region, ...]
    steps: tuple[Region, ...]
    with_head: bool = True

    @property
    def operators(self) -> tuple[Region, ...]:
        """Regions of the graph alone."""
        return self.inference[:-1] if self.with_head else self.inference


def count_figures(counted: Counted, *, how: str, clock_hz: int) -> dict[str, Figure]:
    """Return instructions of an inference and, with a head, of a teach step (mean) and of a taught sample; modelled cycles and
    milliseconds of each where known.

    Args:
        counted: the regions. how: the instructions were counted. clock_hz: of the board, for the milliseconds.
    """
    inference = sum(region.instructions for region in counted.inference)
    figures = {"instructions_per_inference": Figure(inference, "instructions", how)}
    if counted.steps:
        step = round(fmean(region.instructions for region in counted.steps))
        sample = step + sum(region.instructions for region in counted.operators)
        step_how = f"{how}; head only, replays included, mean of {len(counted.steps)}"
        figures["instructions_per_teach_step"] = Figure(step, "instructions", step_how)
        figures["instructions_per_taught_sample"] = Figure(sample, "instructions", f"{how}; extractor and teach step")
    for name, cycles in _cycle_totals(counted).items():
        figures[f"{name}cycles_model"] = Figure(cycles, "cycles", HOW_CYCLES)
        figures[f"{name}milliseconds_model"] = Figure(cycles / clock_hz * 1000, "ms", f"{HOW_CYCLES} at {clock_hz / 1e6:g} MHz")
    return figures


def _cycle_totals(counted: Counted) -> dict[str, int]:
    """Return prefix of the figures' names → modelled cycles; nothing where a region's are unknown."""
    inference, steps = _cycles(counted.inference), _cycles(counted.steps)
    if not inference or (counted.steps and not steps):
        return {}
    totals = {"": sum(inference)}
    if steps:
        mean = round(fmean(steps))
        totals |= {"teach_step_": mean, "taught_sample_": mean + sum(inference[: len(counted.operators)])}
    return totals


def memory_figures(image: Image, *, stack_bytes: int, static_bytes: int, code_bytes: int | None) -> dict[str, Figure]:
    """Return RAM and flash in their parts.

    Args:
        image: that runs. stack_bytes: high-water mark, 0: not measured. static_bytes: data and bss without arena and stack.
        code_bytes: of the firmware, None: unknown.
    """
    figures = {
        "arena_bytes": Figure(image.arena_bytes, "B", "image plan"),
        "image_bytes": Figure(len(image.data), "B", "image plan"),
        "constant_bytes": Figure(image.constant_bytes, "B", "image plan: weights, bias, rescaling constants"),
        "head_bytes": Figure(image.head_bytes, "B", "image plan: head and its factory parameters"),
        "replay_set_bytes": Figure(image.replay_set_bytes, "B", "image plan: source features and labels"),
    }
    if stack_bytes:
        ram = image.arena_bytes + stack_bytes + static_bytes
        figures["stack_bytes"] = Figure(stack_bytes, "B", "device, high-water mark of the painted stack")
        figures["static_bytes"] = Figure(static_bytes, "B", "linker")
        figures["ram_bytes"] = Figure(ram, "B", "arena (image plan) + stack (device) + static data (linker)")
    if code_bytes is not None:
        figures["code_bytes"] = Figure(code_bytes, "B", "linker")
        figures["flash_bytes"] = Figure(code_bytes + len(image.data), "B", "firmware (linker) + image")
    return figures


def work_of(bundle: Bundle | None, image: Image) -> energy.Work:
    """Return what the energy models of a model depend on; bundle: None for a plain .tflite."""
    head = bundle.head if bundle else None
    int8: frozenset[int] = int8_layers_of(bundle) if bundle else frozenset()
    saved = sum(head.layers[number].parameter_count - layer_words(head.layers[number], is_int8=True) for number in int8) if head else 0
    return energy.Work(
        frozen_macs=sum(operator.macs for operator in image.operators),
        trainable_macs=head.macs if head else 0,
        gradient_macs=head.gradient_macs if head else 0,
        constant_bytes=sum(operator.weight_bytes for operator in image.operators),
        activation_bytes=sum(operator.activation_bytes for operator in image.operators),
        parameters=head.parameter_count - saved if head else 0,
        trained=head.trained_count - saved if head else 0,
        replays=head.learning.replays_per_step if head else 0,
        head_pj_per_mac=energy.INT32_PJ_PER_MAC if int8 else energy.FLOAT32_PJ_PER_MAC,
    )


def energy_figures(work: energy.Work, calibration: energy.Calibration | None) -> dict[str, Figure]:
    """Return the energies by model; those of learning only with a head, a calibrated one only where a calibration is given."""
    figures = {"energy_nj_full": Figure(energy.full_inference_nj(work), "nJ", energy.HOW_FULL)}
    if work.parameters:
        figures = {
            "energy_nj_thesis": Figure(energy.thesis_energy_nj(work.trainable_macs), "nJ", energy.HOW_THESIS),
            **figures,
            "energy_nj_full_teach_step": Figure(energy.full_step_nj(work), "nJ", energy.HOW_FULL_STEP),
            "energy_nj_full_taught_sample": Figure(energy.full_taught_sample_nj(work), "nJ", energy.HOW_FULL_SAMPLE),
        }
    if calibration is not None:
        figures["energy_nj_calibrated"] = Figure(energy.calibrated_inference_nj(work, calibration), "nJ", calibration.how)
    return figures


def layer_rows(bundle: Bundle | None, image: Image, counted: Counted | None) -> tuple[LayerRow, ...]:
    """Return a row an operator and one for the head; instructions, cycles and energy (model `full`) add up to those of an inference.

    Args:
        bundle: None for a model without a head. image: compiled of it. counted: None: nothing was; rows are without instructions then.
    """
    regions: Sequence[Region | None] = counted.inference if counted else (None,) * (len(image.operators) + (bundle is not None))
    rows = [
        LayerRow(
            operator.name, operator.kind, operator.output_shape, operator.macs, operator.weight_bytes, operator.activation_bytes,
            region.instructions if region else None, region.cycles_model if region else None,
            energy.operator_nj(operator.macs, operator.weight_bytes + operator.activation_bytes),
            operator.kernel, operator.instructions or None, _classes(region),
        )
        for operator, region in zip(image.operators, regions[: len(image.operators)], strict=True)
    ]  # fmt: skip
    if bundle is not None:
        rows.append(_head_row(bundle, work_of(bundle, image), regions[-1]))
    return tuple(rows)


def _head_row(bundle: Bundle, work: energy.Work, region: Region | None) -> LayerRow:
    head = bundle.head
    operator = "dense" if all(layer.kind == "dense" for layer in head.layers) else "head"
    return LayerRow(
        " + ".join(layer.name for layer in head.layers), operator, (1, head.shapes[-1][2]), head.macs,
        4 * work.parameters, 4 * head.feature_count,
        region.instructions if region else None, region.cycles_model if region else None, energy.head_nj(work),
        classes=_classes(region),
    )  # fmt: skip


def _classes(region: Region | None) -> dict[str, int] | None:
    return region.profile.classes if region and region.profile else None


def histograms(counted: Counted) -> dict[str, dict[str, int]]:
    """Return instructions by class and by function, of one inference and of all counted teach steps; nothing where regions have none."""
    tallies: dict[str, dict[str, int]] = {}
    for name, regions in (("inference", counted.inference), ("teach_steps", counted.steps)):
        classes: Tally[str] = Tally()
        functions: Tally[str] = Tally()
        for region in regions:
            if region.profile is not None:
                classes.update(region.profile.classes)
                functions.update(region.profile.functions)
        if classes:
            tallies[f"{name}_classes"] = dict(classes.most_common())
            tallies[f"{name}_functions"] = dict(functions.most_common())
    return tallies


def _cycles(regions: Sequence[Region]) -> list[int]:
    """Modelled cycles of each region; none at all where one is unknown."""
    cycles = [region.cycles_model for region in regions]
    known = [count for count in cycles if count is not None]
    return known if len(known) == len(cycles) else []
