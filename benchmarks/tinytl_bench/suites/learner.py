# SPDX-License-Identifier: Apache-2.0
"""The suite `learner`: heads of given shapes alone on a device, one step of learning counted, batch 1, without replay.

In: a target. Out: a `Measurement` a head: instructions of a step, bytes of its weights, and bytes that learning takes beside them:
features, values, gradients, masks and columns, as the compiler planned them. Peers' figures that are stored here were counted
once, elsewhere; they say so.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np

from tinytl.compiler.head_alone import compile_head
from tinytl.compiler.image.writer import Image
from tinytl.errors import BenchError
from tinytl.head.layers import Head, HeadLayer, dense_layer
from tinytl.head.learning import Learning
from tinytl.measurement import Figure, Measurement
from tinytl.progress import Progress, silent
from tinytl_bench.counting import Counter, Region, open_counter
from tinytl_bridge.firmware.boards import load_board, roomiest
from tinytl_bridge.target_names import emulated_board

NAME = "learner"
_STEPS = 16
_QUANTIZATION = (0.05, -3)
_HOW_PEER = "stored peer figure, not counted in this run: AIfES, -O2, batch 1, SGD, QEMU {core}"


@dataclass(frozen=True)
class LearnerRow:
    """A head to count.

    Attributes:
        peer: core → AIfES's instructions of a step there and its bytes beside the weights; cores where it was not counted are not in it.
            No core stands for another: one with an FPU takes a fraction of what one without takes.
    """

    name: str
    make: Callable[[], Head]
    peer: Mapping[str, tuple[int, int]] = field(default_factory=dict)


def _random(generator: np.random.Generator, *shape: int) -> np.ndarray:
    return generator.normal(0, 1.4 / np.sqrt(np.prod(shape[1:])), shape).astype(np.float32)


def _dense(*widths: int, weights_as: str = "float32") -> Head:
    generator = np.random.default_rng(1)
    activations = ["relu"] * (len(widths) - 2) + ["none"]
    layers = [
        dense_layer(f"dense{number}", _random(generator, out, width), _random(generator, out), activations[number])
        for number, (width, out) in enumerate(pairwise(widths))
    ]
    return Head(tuple(layers), Learning(replays_per_step=0, weights=weights_as))


def _convolution(weights_as: str = "float32") -> Head:
    generator = np.random.default_rng(1)
    weights, bias = _random(generator, 64, 3, 3, 64), _random(generator, 64)
    convolution = HeadLayer("conv", "conv_2d", weights=weights, bias=bias, activation="relu", window=(3, 3), padding=(1, 1, 1, 1))
    pool = HeadLayer("pool", "average_pool", window=(8, 8), stride=(8, 8))
    last = dense_layer("classes", _random(generator, 10, 64), _random(generator, 10))
    return Head((convolution, pool, last), Learning(replays_per_step=0, weights=weights_as), features=((8, 8, 64),))


ROWS = (
    LearnerRow("dense 64-10 float32", lambda: _dense(64, 10), {"Cortex-M4F": (77_690, 9_232), "Cortex-M3": (291_964, 9_232)}),
    LearnerRow("dense 256-64-10 float32", lambda: _dense(256, 64, 10), {"Cortex-M4F": (1_965_447, 202_672)}),
    LearnerRow("conv 3x3 64-64 + pool + dense 64-10 float32", _convolution),
    LearnerRow("dense 64-10 int8", lambda: _dense(64, 10, weights_as="int8")),
    LearnerRow("dense 256-64-10 int8", lambda: _dense(256, 64, 10, weights_as="int8")),
    LearnerRow("conv 3x3 64-64 + pool + dense 64-10 int8", lambda: _convolution("int8")),
)


def run_learner_suite(*, target: str, progress: Progress | None = None) -> tuple[Measurement, ...]:
    """Count a step of every head.

    Args:
        target: an emulated board; heads beyond a chip's limits are counted on the machine with all its memory, which counts the same, or
            not at all where there is none.

    Raises:
        BenchError: a target that cannot count instructions.
    """
    board = emulated_board(target)
    if board is None:
        raise BenchError(f"suite {NAME!r} cannot be counted on {target!r}", expected="an emulated board", hint="--target qemu:mps2-an386")
    report, measured = progress or silent, []
    with open_counter(roomiest(board)) as counter:
        for number, row in enumerate(ROWS):
            report(f"suite: {row.name}", number, len(ROWS))
            measured.append(_measured(counter, row, target, load_board(board).cpu))
        report("suite: done", len(ROWS), len(ROWS))
    return tuple(measured)


def _measured(counter: Counter, row: LearnerRow, target: str, core: str) -> Measurement:
    head = row.make()
    image = compile_head(head, [_QUANTIZATION] * len(head.feature_shapes))
    weights = 4 * image.metadata["head"]["parameter_count"]
    figures = {
        "extra_ram_bytes": Figure(image.arena_bytes - weights, "B", "image plan: all of the arena but the weights, features included"),
        "weights_bytes": Figure(weights, "B", "image plan"),
    }
    peers = {}
    if core in row.peer:
        instructions, extra_bytes = row.peer[core]
        peers["AIfES"] = {"instructions": instructions, "extra_ram_bytes": extra_bytes, "how": _HOW_PEER.format(core=core)}
    missing = dict.fromkeys(("accuracy", "instructions_per_inference"), "a step of learning alone is counted")
    limit = counter.device.info.arena_bytes
    if image.arena_bytes > limit:
        missing["instructions_per_teach_step"] = f"an arena of {image.arena_bytes:,} bytes, and the board has {limit:,}"
    else:
        figures |= _counted(counter, head, image)
    return Measurement(row.name, target, figures, (), {"peers": peers, "macs": head.macs, "missing": missing})


def _counted(counter: Counter, head: Head, image: Image) -> dict[str, Figure]:
    """Count steps on random features; labels in turn."""
    counter.device.flash(image)
    generator = np.random.default_rng(2)
    classes = head.shapes[-1][2]
    steps: list[Region] = []
    for number in range(_STEPS):
        counter.device.infer_prepared(generator.integers(-128, 128, head.feature_count).astype(np.int8))
        steps += counter.measure("step", label=number % classes)
    figures = {
        "instructions_per_teach_step": Figure(
            _mean([step.instructions for step in steps]), "instructions", f"{counter.how}, mean of {_STEPS} steps"
        ),
        "stack_bytes": Figure(counter.device.status().stack_bytes, "B", "device, high-water mark of the whole session"),
    }
    cycles = [step.cycles_model for step in steps if step.cycles_model is not None]
    if cycles:
        figures["cycles_model"] = Figure(_mean(cycles), "cycles", "cycles (Cortex-M4 model, not checked against a board)")
    return figures


def _mean(values: list[int]) -> int:
    return round(sum(values) / len(values))
