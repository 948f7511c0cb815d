# SPDX-License-Identifier: Apache-2.0
"""The compiler's two verbs: a bundle, or a bare .tflite file → `Image`. Every stage in order, nothing else.

read → infer shapes → passes → lower → join tables → plan the arena → write. No TensorFlow, no C compiler; about a second for the
largest models.
"""

from math import prod
from typing import Any

from tinytl.bundle import Bundle
from tinytl.compiler.head_section import HeadPlan, plan_head
from tinytl.compiler.image import Image, OperatorInfo, write_image
from tinytl.compiler.inference import MAX_BYTES, infer
from tinytl.compiler.liveness import ArenaPlan, plan_arena
from tinytl.compiler.lowering import lower
from tinytl.compiler.metadata import bundle_metadata, encoded, tflite_metadata
from tinytl.compiler.passes import PASSES, Pass, optimize
from tinytl.compiler.program import CONSTANT, Program
from tinytl.compiler.reader import read
from tinytl.compiler.records import FAMILIES
from tinytl.compiler.table_chains import join_tables
from tinytl.errors import CompileError

READY_FAMILIES = ("portable",)


def compile_bundle(bundle: Bundle, *, family: str = "portable", ram_bytes: int | None = None) -> Image:
    """Compile a bundle: extractor, trainable head, replay set and metadata in one image.

    Args:
        bundle: as `read_bundle` returns it.
        family: kernel family; `portable` runs everywhere.
        ram_bytes: arena that the target has; None for no limit.

    Returns:
        The image; the same bytes for the same bundle.

    Raises:
        CompileError: an operator, type or shape that has no kernel, a head that does not fit its extractor, an arena
            over `ram_bytes`.
    """
    program = compile_program(bundle.extractor)
    features = [program.tensors[number] for number in program.outputs]
    wrong = [feature for feature in features if feature.dtype != "int8"]
    if wrong:
        raise CompileError(
            f"the extractor's output {wrong[0].name!r} is {wrong[0].dtype}",
            expected="int8 features",
            hint="export the bundle with tinytl export",
        )
    head = plan_head(bundle, sum(prod(feature.dims) for feature in features))
    return build_image(
        program,
        head,
        bundle_metadata(bundle, program, head),
        family=family,
        ram_bytes=ram_bytes,
        bundle_id=bundle.bundle_id,
    )


def compile_tflite(data: bytes, *, family: str = "portable", ram_bytes: int | None = None) -> Image:
    """Compile an int8 .tflite model alone: an image that infers and has no head.

    Args, Raises: as `compile_bundle`; `data` holds the whole file.
    """
    program = compile_program(data)
    return build_image(program, None, tflite_metadata(program), family=family, ram_bytes=ram_bytes, bundle_id=b"")


def compile_program(data: bytes, *, passes: tuple[Pass, ...] = PASSES) -> Program:
    """Run the stages up to the program. passes: which to run; tests compare with none."""
    program = lower(optimize(infer(read(data)), passes))
    return join_tables(program) if passes else program


def build_image(
    program: Program,
    head: HeadPlan | None,
    metadata: dict[str, Any],
    *,
    family: str,
    ram_bytes: int | None,
    bundle_id: bytes,
) -> Image:
    """Run the stages after the program: plan the arena, write the image. Args, Raises: as `compile_bundle`."""
    if family not in READY_FAMILIES:
        known = "is reserved, its kernels are not there yet" if family in FAMILIES else "is unknown"
        raise CompileError(f"kernel family {family!r} {known}", expected=", ".join(READY_FAMILIES))
    arena = plan_arena(
        program,
        afterwards=head.afterwards() if head else (),
        persistent=head.persistent() if head else (),
    )
    limit = MAX_BYTES if ram_bytes is None else ram_bytes
    if arena.bytes > limit:
        raise _too_large(arena, len(program.operators), limit, head)
    written = write_image(program, arena, head, encoded(metadata), family=family, bundle_id=bundle_id)
    return Image(
        written.data,
        family,
        arena.bytes,
        arena.ranges,
        _operator_infos(program),
        written.constant_bytes,
        written.head_bytes,
        written.replay_set_bytes,
        metadata,
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
            )
        )
    return tuple(infos)


def _too_large(arena: ArenaPlan, operators: int, ram_bytes: int, head: HeadPlan | None) -> CompileError:
    """Return the refusal of an arena: what needs how much, the busiest moment, the limit."""
    persistent = dict(head.persistent()) if head else {}
    planned = arena.bytes - sum(-(-size // 16) * 16 for size in persistent.values())

    def alive(time: int) -> int:
        ranges = [each for each in arena.ranges if each.name not in persistent]
        return sum(each.bytes for each in ranges if each.first_operator <= time <= each.last_operator)

    busiest = max(range(operators + 1), key=alive)
    where = f"busiest at operator {busiest}" if busiest < operators else "busiest in the head"
    parts = [f"activations {planned:,} ({where})"]
    parts += [f"{name.replace('_', ' ')} {size:,}" for name, size in persistent.items()]
    hint = "a smaller input, fewer channels, or an earlier freeze plan"
    if "replay_buffer" in persistent:
        hint = f"replay_buffer_bytes less by {arena.bytes - ram_bytes:,} or more; {hint}"
    return CompileError(
        f"the arena needs {arena.bytes:,} bytes: {', '.join(parts)}", expected=f"at most {ram_bytes:,}", hint=hint
    )
