# SPDX-License-Identifier: Apache-2.0
"""From what the demo saw to the report's `Story`."""

import numpy as np

from tinytl.bundle.bundle import Bundle
from tinytl.compiler import Image
from tinytl.compiler.image.slot import saved_head_bytes, slot_header_bytes
from tinytl.data import Dataset
from tinytl.measurement import Measurement
from tinytl.model_file import compile_model
from tinytl.report import (
    Accuracies,
    BoardFacts,
    BundleFacts,
    Confusion,
    Epoch,
    EvaluationPoint,
    Example,
    FlashRegion,
    LearningCurve,
    MemoryMap,
    Picture,
    Story,
)
from tinytl.training.pretraining import Run
from tinytl_bench.demo.facts import DemoSettings, Taught
from tinytl_bridge.firmware.boards import Board, load_board
from tinytl_bridge.firmware.build import build_firmware
from tinytl_bridge.firmware.compile_options import options_for_target
from tinytl_bridge.target_names import emulated_board

EXAMPLES = 12


def tell(
    settings: DemoSettings, run: Run, bundle: Bundle, tasks: tuple[Dataset, Dataset], taught: Taught,
    twin: tuple[np.ndarray, float], measured: Measurement, versions: dict[str, str], seconds: float,
    beside: tuple[str, ...] = (),
) -> Story:  # fmt: skip
    """Return the story of one demo.

    Args:
        settings: of the demo. run: its pretraining. bundle: that was taught. tasks: source and target. taught: what was seen on the device.
        twin: its head after the same steps and its accuracy on the target. measured: on the same target. versions: program → version.
        seconds: wall clock. beside: how this run lies beside others of other seeds, a line each figure.
    """
    board = load_board(emulated_board(settings.target) or settings.target)
    image = compile_model(bundle, options_for_target(settings.target))
    source, target = tasks
    return Story(
        title="New handwriting, learned on a Cortex-M4",
        bundle=_bundle(bundle, image, source, target),
        board=BoardFacts(
            settings.target, board.name, board.cpu, board.clock_hz, board.memory.ram_bytes, board.memory.flash_bytes,
            "Emulated in QEMU, with the memory limits and the clock of an STM32F405.",
        ),
        learning=bundle.head.learning,
        accuracies=_accuracies(taught, twin),
        curve=_curve(taught),
        confusion=_confusion(target, taught),
        measurement=measured,
        memory=_memory(board, bundle, image, taught),
        versions=versions,
        commands=_commands(settings, bundle.head.learning.learning_rate),
        seconds=seconds,
        examples=_examples(target, taught),
        pretraining=_epochs(run),
        beside=beside,
    )  # fmt: skip


def _bundle(bundle: Bundle, image: Image, source: Dataset, target: Dataset) -> BundleFacts:
    manifest = bundle.manifest
    frozen = sum(count for operator in image.operators for count in [operator.weight_bytes])
    return BundleFacts(
        manifest["name"], manifest["model"], manifest["plan"], source.name, target.name, frozen, bundle.head.parameter_count,
        manifest["macs"]["frozen"], manifest["macs"]["trainable"],
    )  # fmt: skip


def _accuracies(taught: Taught, twin: tuple[np.ndarray, float]) -> Accuracies:
    first, last = taught.points[0], taught.points[-1]
    assert first.source is not None and last.source is not None
    return Accuracies(
        source_before=first.source.accuracy,
        source_after=last.source.accuracy,
        target_before=first.target.accuracy,
        target_after=last.target.accuracy,
        target_after_power_cycle=taught.after_power_cycle.accuracy,
        target_on_twin=twin[1],
        head_equal_after_power_cycle=taught.head.tobytes() == taught.head_after_power_cycle.tobytes(),
        head_equal_on_twin=taught.head.tobytes() == twin[0].tobytes(),
        source_samples=len(first.source.predictions),
        target_samples=len(first.target.predictions),
    )


def _curve(taught: Taught) -> LearningCurve:
    points = tuple(EvaluationPoint(p.samples, p.target.accuracy, p.source.accuracy if p.source else None) for p in taught.points)
    return LearningCurve(tuple(s.predicted == s.label for s in taught.steps), tuple(s.loss for s in taught.steps), points)


def _confusion(target: Dataset, taught: Taught) -> Confusion:
    def matrix(predictions: np.ndarray) -> tuple[tuple[int, ...], ...]:
        counts = np.zeros((len(target.classes),) * 2, int)
        np.add.at(counts, (target.y_test, predictions), 1)
        return tuple(tuple(int(count) for count in row) for row in counts)

    return Confusion(target.classes, matrix(taught.points[0].target.predictions), matrix(taught.points[-1].target.predictions))


def _memory(board: Board, bundle: Bundle, image: Image, taught: Taught) -> MemoryMap:
    memory, firmware = board.memory, build_firmware(board.name)
    head = slot_header_bytes(memory.program_bytes) + saved_head_bytes(len(taught.head), 0)
    sizes = (
        ("firmware", memory.firmware_bytes, firmware.text_bytes + firmware.data_bytes),
        ("model A", memory.model_slot_bytes, slot_header_bytes(memory.program_bytes) + len(image.data)),
        ("model B", memory.model_slot_bytes, 0),
        ("head A", memory.head_slot_bytes, head),
        ("head B", memory.head_slot_bytes, 0),
    )
    regions, offset = [], 0
    for name, size, used in sizes:
        regions.append(FlashRegion(name, offset, size, used))
        offset += size
    arena = image.arena_map, image.arena_bytes, memory.arena_bytes
    return MemoryMap(tuple(regions), *arena, taught.stack_bytes, taught.static_bytes, len(image.operators))


def _examples(target: Dataset, taught: Taught) -> tuple[Example, ...]:
    """Half of them samples that the device got wrong before, all shown with both answers."""
    before, after = taught.points[0].target.predictions, taught.points[-1].target.predictions
    wrong = np.flatnonzero(before != target.y_test)[: EXAMPLES // 2]
    right = np.flatnonzero(before == target.y_test)[: EXAMPLES - len(wrong)]
    return tuple(
        Example(Picture.from_array(target.x_test[index]), int(target.y_test[index]), int(before[index]), int(after[index]))
        for index in (*wrong, *right)
    )


def _epochs(run: Run) -> tuple[Epoch, ...]:
    history = run.history
    checked = history.get("val_accuracy", [None] * len(history["loss"]))
    return tuple(Epoch(*values) for values in zip(history["loss"], history["accuracy"], checked, strict=True))


def _commands(settings: DemoSettings, learning_rate: float) -> tuple[str, ...]:
    out, target = settings.out, settings.target
    return (
        f"tinytl pretrain --model ds-cnn --data mnist-5k --out {out}/run --epochs {settings.epochs} --seed {settings.seed}",
        f"tinytl export {out}/run --plan last-dense -o {out}/digits.tinytl --learning-rate {learning_rate:g} --seed {settings.seed}",
        f"tinytl flash {out}/digits.tinytl --target {target} --state {out}/state",
        f"tinytl teach --target {target} --state {out}/state --data uci-digits --samples {settings.samples} --seed {settings.seed}",
        f"tinytl bench {out}/digits.tinytl --target {target} --data mnist-5k",
        f"tinytl report {out}/story.json -o {out}/report.html",
    )
