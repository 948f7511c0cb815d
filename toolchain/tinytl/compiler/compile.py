# SPDX-License-Identifier: Apache-2.0
"""The compiler's two verbs: a bundle, or a bare .tflite file → `Image`. Every stage in order, nothing else.

read → infer shapes → passes → lower → join tables → plan the arena → write. No TensorFlow, no C compiler; about a second for the
largest models.
"""

from dataclasses import dataclass, replace
from math import prod
from typing import Any

from tinytl.bundle.bundle import Bundle
from tinytl.compiler.front.lowering import lower
from tinytl.compiler.front.passes import PASSES, Pass, optimize
from tinytl.compiler.front.reader import read
from tinytl.compiler.front.shapes import MAX_BYTES, infer
from tinytl.compiler.head.section import HeadPlan, plan_head
from tinytl.compiler.image.metadata import bundle_metadata, encoded, tflite_metadata
from tinytl.compiler.image.writer import Image, OperatorInfo, write_image
from tinytl.compiler.kernels.selection import POLICIES, Choices, choose, constants_of, find_choices, int8_content, timed
from tinytl.compiler.kernels.timing import ZERO_WAIT_FLASH, FlashTiming
from tinytl.compiler.memory.fitting import ArenaNeeds, fit_arena
from tinytl.compiler.memory.liveness import ArenaPlan, HeadNeeds
from tinytl.compiler.program import CONSTANT, Program, compacted
from tinytl.compiler.records import FAMILIES
from tinytl.compiler.rewriting.clamp_fusion import fuse_clamps
from tinytl.compiler.rewriting.constant_channels import fold_constant_channels
from tinytl.compiler.rewriting.table_chains import join_tables
from tinytl.errors import CompileError, UnsupportedOperator

Planned = tuple[Program, ArenaPlan]


@dataclass(frozen=True)
class CompileOptions:
    """What to compile for.

    Attributes:
        family: kernel family; `portable` runs everywhere, `dsp` on Cortex-M4, M7 and M33, `mve` on M55.
        optimize: `speed`, `size` (weights at most 1.1 times their int8 bytes) or `balanced` (2 times).
        ram_bytes: arena that the device has; None for no limit.
        flash_bytes: what the whole image may take; None for no limit.
        flash_timing: of the flash that weights are read from.
    """

    family: str = "portable"
    optimize: str = "speed"
    ram_bytes: int | None = None
    flash_bytes: int | None = None
    flash_timing: FlashTiming = ZERO_WAIT_FLASH


class Compilation:
    """One model on its way to several images: program, constant channels, kernels of a family and plans without limits are had once.

    Every image has the bytes that `compile_bundle` or `compile_tflite` gives it.

    Args:
        program: as `compile_program` returns it. head: None for a model without one. metadata, bundle_id: as `build_image` takes them.
    """

    def __init__(self, program: Program, head: HeadPlan | None, metadata: dict[str, Any], bundle_id: bytes) -> None:
        self._program, self._head, self._metadata, self._bundle_id = program, head, metadata, bundle_id
        self._choices: dict[str, Choices] = {}
        self._free: dict[tuple[str, str, FlashTiming], tuple[Image, Planned]] = {}

    def image(self, options: CompileOptions) -> Image:
        """Return the image for some options.

        Raises:
            CompileError: as `compile_bundle`.
        """
        _check_options(options)
        free, planned = self._without_limits(options)
        arena_limit, flash_limit = options.ram_bytes, options.flash_bytes
        if (arena_limit is None or free.arena_bytes <= arena_limit) and (flash_limit is None or len(free.data) <= flash_limit):
            return free
        return self._written(options, planned)[0]

    def least_bytes(self, family: str) -> int:
        """Return bytes that no image of a family is smaller than: its weights with the smallest kernels, equal ones once."""
        choices = self._choices_of(family)
        rows = zip(choices.program.operators, choices.options, strict=True)
        return sum({int8_content(choices.program, operator): min(choice.weight_bytes for choice in row) for operator, row in rows}.values())

    def _choices_of(self, family: str) -> Choices:
        if family not in self._choices:
            self._choices[family] = find_choices(self._program, family)
        return self._choices[family]

    def _without_limits(self, options: CompileOptions) -> tuple[Image, Planned]:
        kind = options.family, options.optimize, options.flash_timing
        if kind not in self._free:
            self._free[kind] = self._written(replace(options, ram_bytes=None, flash_bytes=None), None)
        return self._free[kind]

    def _written(self, options: CompileOptions, first: Planned | None) -> tuple[Image, Planned]:
        choices = timed(self._choices_of(options.family), options.flash_timing)
        return _written(choices, self._head, self._metadata, options, self._bundle_id, first)


def prepare(model: Bundle | bytes) -> Compilation:
    """Run what no target has a say in. model: a bundle, or the whole file of a .tflite. Raises CompileError as `compile_bundle`."""
    if not isinstance(model, Bundle):
        program = compile_program(model)
        return Compilation(program, None, tflite_metadata(program), b"")
    try:
        program = compile_program(model.extractor)
    except UnsupportedOperator as error:
        raise CompileError(error.what, expected=error.expected, hint=f"{error.hint}, or cut before it (an earlier freeze plan)") from error
    features = [program.tensors[number] for number in program.outputs]
    wrong = [feature for feature in features if feature.dtype != "int8"]
    if wrong:
        raise CompileError(
            f"the extractor's output {wrong[0].name!r} is {wrong[0].dtype}",
            expected="int8 features",
            hint="export the bundle with tinytl export",
        )
    head = plan_head(model, sum(prod(feature.dims) for feature in features))
    return Compilation(program, head, bundle_metadata(model, program, head), model.bundle_id)


def compile_bundle(
    bundle: Bundle,
    *,
    family: str = "portable",
    optimize: str = "speed",
    ram_bytes: int | None = None,
    flash_bytes: int | None = None,
    flash_timing: FlashTiming = ZERO_WAIT_FLASH,
) -> Image:
    """Compile a bundle: extractor, trainable head, replay set and metadata in one image.

    Args:
        bundle: as `read_bundle` returns it.
        family, optimize, ram_bytes, flash_bytes, flash_timing: as in `CompileOptions`.

    Returns:
        The image; the same bytes for the same bundle.

    Raises:
        CompileError: an operator, type or shape that has no kernel, a head that does not fit its extractor, an arena
            over `ram_bytes`.
    """
    return prepare(bundle).image(CompileOptions(family, optimize, ram_bytes, flash_bytes, flash_timing))


def compile_tflite(
    data: bytes,
    *,
    family: str = "portable",
    optimize: str = "speed",
    ram_bytes: int | None = None,
    flash_bytes: int | None = None,
    flash_timing: FlashTiming = ZERO_WAIT_FLASH,
) -> Image:
    """Compile an int8 .tflite model alone: an image that infers and has no head.

    Args, Raises: as `compile_bundle`; `data` holds the whole file.
    """
    return prepare(data).image(CompileOptions(family, optimize, ram_bytes, flash_bytes, flash_timing))


def compile_program(data: bytes, *, passes: tuple[Pass, ...] = PASSES, fold: bool = True) -> Program:
    """Run the stages up to the program.

    Args:
        data: whole .tflite file. passes: over the graph; with none, clamps and tables stay apart as well, which tests compare with.
        fold: whether channels that are constant, or that nobody reads, are left out.
    """
    program = lower(optimize(infer(read(data)), passes))
    program = fuse_clamps(join_tables(program)) if passes else program
    return compacted(fold_constant_channels(program)) if fold else program


def build_image(program: Program, head: HeadPlan | None, metadata: dict[str, Any], options: CompileOptions, *, bundle_id: bytes) -> Image:
    """Run the stages after the program: choose kernels, plan the arena, write.

    Args:
        program: as `compile_program` returns it. head: None for a model without one. metadata: what JSON can hold.
        options: what to compile for. bundle_id: 16 bytes; of a bare .tflite none, which becomes zeros.

    Raises:
        CompileError: as `compile_bundle`.
    """
    _check_options(options)
    return Compilation(program, head, metadata, bundle_id).image(options)


def _check_options(options: CompileOptions) -> None:
    if options.family not in FAMILIES:
        raise CompileError(f"kernel family {options.family!r} is unknown", expected=", ".join(FAMILIES))
    if options.optimize not in POLICIES:
        raise CompileError(f"policy {options.optimize!r} is unknown", expected=", ".join(POLICIES))


def _written(
    choices: Choices, head: HeadPlan | None, metadata: dict[str, Any], options: CompileOptions, bundle_id: bytes, first: Planned | None
) -> tuple[Image, Planned]:
    """Choose kernels and plan the arena, anew with less room for constants until the image is short enough; write.

    first: program and plan that no limit had a say in, where they are known.
    """
    room = None
    while True:
        program, arena = _chosen_and_planned(choices, head, options, room, first if room is None else None)
        written = write_image(program, arena, head, encoded(metadata), family=options.family, bundle_id=bundle_id)
        limit = len(written.data) if options.flash_bytes is None else options.flash_bytes
        if len(written.data) <= limit:
            break
        room, before = constants_of(program) - (len(written.data) - limit), room
        if before is not None and room >= before:
            raise _too_long(written.data, written.constant_bytes, limit)
    image = Image(
        written.data,
        options.family,
        arena.bytes,
        arena.ranges,
        _operator_infos(program),
        written.constant_bytes,
        written.head_bytes,
        written.replay_set_bytes,
        metadata,
    )
    return image, (program, arena)


def _chosen_and_planned(
    choices: Choices, head: HeadPlan | None, options: CompileOptions, room: int | None, first: Planned | None
) -> Planned:
    """Choose kernels and plan the arena.

    room: what the constants may take. first: what comes out without limits, where it is known.
    """

    def chosen(scratch: dict[int, int]) -> Program:
        return choose(choices, options.optimize, flash_bytes=room, scratch_bytes=scratch)

    limit = MAX_BYTES if options.ram_bytes is None else options.ram_bytes
    needs = HeadNeeds(tuple(head.graph.buffers()), head.persistent(), head.graph.end) if head else HeadNeeds()
    program, arena, fits = fit_arena(chosen, ArenaNeeds(needs, limit), first=first)
    if not fits:
        raise _too_large(arena, program, limit, head)
    return program, arena


def _too_long(data: bytes, constant_bytes: int, limit: int) -> CompileError:
    """Return the refusal of an image that is too long with the smallest kernels."""
    return CompileError(
        f"the image needs {len(data):,} bytes, {constant_bytes:,} of them weights and tables: {len(data) - limit:,} more than there are",
        expected=f"at most {limit:,}",
        hint="fewer channels, or a board with more flash",
    )


def _operator_infos(program: Program) -> tuple[OperatorInfo, ...]:
    infos = []
    for index, operator in enumerate(program.operators):
        touched = [program.tensors[number] for number in (*operator.inputs, *operator.outputs)]
        infos.append(
            OperatorInfo(
                index,
                operator.name,
                operator.kind.name,
                program.tensors[operator.outputs[0]].dims,
                operator.macs,
                sum(tensor.bytes for tensor in touched if tensor.storage == CONSTANT),
                sum(tensor.bytes for tensor in touched if tensor.storage != CONSTANT),
                operator.scratch_bytes,
                operator.kernel_name,
                operator.instructions,
            )
        )
    return tuple(infos)


def _too_large(arena: ArenaPlan, program: Program, ram_bytes: int, head: HeadPlan | None) -> CompileError:
    """Return the refusal of an arena: what needs how much, the busiest moment, the limit."""
    persistent = dict(head.persistent()) if head else {}
    planned = arena.bytes - sum(-(-size // 16) * 16 for size in persistent.values())
    operators = len(program.operators)
    busiest = max(range(1 + max((arena_range.last_operator for arena_range in arena.ranges), default=0)), key=arena.bytes_alive)
    behind = "busiest in the head's step" if head else "no operator"
    where = f"busiest at operator {busiest}, {program.operators[busiest].name!r}" if busiest < operators else behind
    parts = [f"activations {planned:,} ({where})"]
    parts += [f"{name} {size:,}" for name, size in persistent.items()]
    missing = arena.bytes - ram_bytes
    hint = "a smaller input, fewer channels, or an earlier freeze plan" if head else "a smaller input, or fewer channels"
    if "replay buffer" in persistent:
        hint = f"replay_buffer_bytes less by {missing:,} or more; {hint}"
    what = f"the arena needs {arena.bytes:,} bytes, {missing:,} more than there are: {', '.join(parts)}"
    return CompileError(what, expected=f"at most {ram_bytes:,}", hint=hint)
