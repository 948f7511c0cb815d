# SPDX-License-Identifier: Apache-2.0
"""Before anything learns: a bundle for each plan and kind of weights, and what it costs on a device.

In: a `Subject`. Out: `Prepared`s, and sentences about plans that cannot be. Bundles and costs stay in the folder, and are taken from there
when a sweep goes on.
"""

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from tinytl import energy
from tinytl.bundle.bundle import Bundle, head_fields, read_bundle, write_bundle
from tinytl.compiler import CompileOptions, Image
from tinytl.compiler.head.int8_weights import check_int8_weights
from tinytl.cutting.plan_names import parse_plan
from tinytl.data.dataset import Dataset
from tinytl.errors import BenchError, CompileError, ModelError, TinytlError
from tinytl.exporting.export import cut_source, pack_source
from tinytl.exporting.settings import ExportSettings
from tinytl.files import write_whole
from tinytl.model_file import compile_model
from tinytl_bench.figures import work_of
from tinytl_bench.measuring import bench
from tinytl_bench.sweep.settings import SweepSettings
from tinytl_bench.sweep.subject import Subject
from tinytl_bridge.firmware.board_fit import expect_fit
from tinytl_bridge.firmware.boards import load_board, roomiest
from tinytl_bridge.firmware.compile_options import options_for_target

REPLAY_BYTES = 32 * 1024
"""Replay set in flash and replay buffer in RAM together, half and half."""


@dataclass(frozen=True)
class Costs:
    """What a bundle takes on a device.

    Attributes:
        trainable: numbers that learning changes. macs_frozen, macs_forward, macs_backward: of one sample: extractor; head, both ways.
        energy_nj_thesis, energy_nj_step, energy_nj_sample: model thesis; model full, of a step and of a taught sample.
        arena_bytes, image_bytes: as compiled for the budget's board, else with portable kernels.
        instructions_model: of the extractor, expected by the compiler's cost model; None: kernels of this family have none.
        instructions_step, instructions_inference: counted on the emulated board; None: not counted.
        misfit: why the board refuses it; empty: it does not, or there is no board.
    """

    trainable: int
    macs_frozen: int
    macs_forward: int
    macs_backward: int
    energy_nj_thesis: float
    energy_nj_step: float
    energy_nj_sample: float
    arena_bytes: int
    image_bytes: int
    instructions_model: int | None
    instructions_step: int | None = None
    instructions_inference: int | None = None
    misfit: str = ""


@dataclass(frozen=True)
class Prepared:
    """A plan with a kind of weights. bundle_path: its bundle. costs: what it takes."""

    plan: str
    weights: str
    bundle_path: Path
    costs: Costs

    @property
    def bundle(self) -> Bundle:
        """Read the bundle."""
        return read_bundle(self.bundle_path)


def prepare(subject: Subject, settings: SweepSettings, plan: str, notes: list[str]) -> Iterator[Prepared]:
    """Give a plan's bundles with their costs.

    Args:
        subject: model and data. settings: weights, board, folder. plan: freeze plan.
        notes: takes a sentence for each that cannot be.

    Raises:
        ModelError: a plan that does not work for the model, where it was asked for by name.
    """
    folder = settings.folder / "bundles"
    folder.mkdir(parents=True, exist_ok=True)
    whole: Bundle | None = None
    for weights in settings.weights:
        path = folder / f"{file_name(plan)}-{weights}.tinytl"
        if not path.is_file():
            try:
                whole = whole or _exported(subject, settings, plan, path)
            except ModelError as error:
                if plan in settings.plans:
                    raise
                notes.append(f"{plan} was left out: {error.what}")
                return
            try:
                _write_as(whole, weights, path)
            except ModelError as error:
                notes.append(f"{plan} with {weights} weights was left out: {error.what}")
                continue
        yield Prepared(plan, weights, path, _costs(path, subject, settings, notes))


def file_name(plan: str) -> str:
    """Return a plan's name as a file's: fc-conv1-25 for fc+conv1:25%."""
    return plan.replace("+", "-").replace(":", "-").replace("%", "")


def _exported(subject: Subject, settings: SweepSettings, plan: str, path: Path) -> Bundle:
    """Export with float32 weights; replay set and buffer share `REPLAY_BYTES`, where there is something to remember."""
    source = subject.source
    half = REPLAY_BYTES // 2 if subject.shares_labels and settings.replays else 0
    wishes = ExportSettings(  # under a name that no later run takes for a bundle with its own kind of weights
        plan=plan, out=path.with_name(f"{file_name(plan)}-exported.tinytl"), seed=settings.seed,
        channel_dataset=subject.taught if parse_plan(plan).percent else None,
        learning={"replays_per_step": settings.replays if half else 0, "replay_buffer_bytes": half},
    )  # fmt: skip
    parts = cut_source(source, wishes)
    if parts.head.learning.loss != "softmax_cross_entropy":
        raise BenchError(f"{subject.path.name} ends in {parts.head.learning.loss}", expected="a softmax, or logits: a sweep judges by them")
    wishes = replace(wishes, replay_samples=half // (parts.head.feature_count + 2))
    try:
        return pack_source(source, parts, wishes)
    finally:
        wishes.out.unlink(missing_ok=True)


def _write_as(bundle: Bundle, weights: str, path: Path) -> None:
    head = replace(bundle.head, learning=replace(bundle.head.learning, weights=weights))
    check_int8_weights(head, grows=False)
    write_bundle(replace(bundle, head=head, manifest={**bundle.manifest, "name": path.stem, "head": head_fields(head)}), path)


def _costs(path: Path, subject: Subject, settings: SweepSettings, notes: list[str]) -> Costs:
    """Return what a bundle costs, from an earlier run where it has it: counting takes a while."""
    kept = path.with_suffix(".costs.json")
    bundle = read_bundle(path)
    key = {"bundle": bundle.bundle_id.hex(), "board": settings.budget.board, "count": settings.count}
    if kept.is_file():
        try:
            document = json.loads(kept.read_bytes())
            if document.pop("of") == key:
                return Costs(**document)
        except (ValueError, KeyError, TypeError):
            pass  # measured again
    costs = _measured(bundle, path, subject, settings, notes)
    write_whole(kept, json.dumps({"of": key, **asdict(costs)}, indent=1).encode())
    return costs


def _measured(bundle: Bundle, path: Path, subject: Subject, settings: SweepSettings, notes: list[str]) -> Costs:
    image, misfit = _compiled(bundle, settings.budget.board)
    work, expected = work_of(bundle, image), [operator.instructions for operator in image.operators]
    step, inference = _counted(path, subject, settings, notes)
    return Costs(
        bundle.head.trained_count, work.frozen_macs, work.trainable_macs, work.gradient_macs, energy.thesis_energy_nj(work.trainable_macs),
        energy.full_step_nj(work), energy.full_taught_sample_nj(work), image.arena_bytes, len(image.data),
        sum(expected) if expected and all(expected) else None, step, inference, misfit,
    )  # fmt: skip


def _compiled(bundle: Bundle, board: str | None) -> tuple[Image, str]:
    """Compile within a board's memory; where that cannot be, without limits, with the board's reason."""
    if board is None:
        return compile_model(bundle), ""
    options = options_for_target(board)
    try:
        return expect_fit(bundle, board), ""
    except CompileError as error:
        return compile_model(bundle, CompileOptions(options.family, flash_timing=options.flash_timing)), error.what


def _counted(path: Path, subject: Subject, settings: SweepSettings, notes: list[str]) -> tuple[int | None, int | None]:
    """Count a step and an inference, where the budget names an emulated board; note why that was not possible."""
    board = settings.budget.board
    if board is None or not settings.count or load_board(board).qemu is None:
        return None, None
    try:
        return count_instructions(path, subject.source.dataset, board)
    except TinytlError as error:
        notes.append(f"instructions of {path.stem} were not counted: {error.what}")
        return None, None


def count_instructions(path: Path, source: Dataset, board: str) -> tuple[int, int]:
    """Count a teach step and an inference on an emulated board, or on the same machine with all its memory, which counts the same.

    Args:
        path: of a bundle. source: its source task. board: its name.

    Raises:
        BuildError, DeviceError: no emulator, or no compiler for the board.
    """
    figures = bench(path, target=f"qemu:{roomiest(board)}", dataset=source, samples=1).figures
    return int(figures["instructions_per_teach_step"].value), int(figures["instructions_per_inference"].value)
