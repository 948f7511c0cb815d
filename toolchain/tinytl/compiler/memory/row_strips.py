# SPDX-License-Identifier: Apache-2.0
"""A stage of a program in strips of rows: `Program` → `Program` that computes the same bytes with less memory.

A stage is a run of operators with one tensor before it and one behind it. Each strip of the output's rows is computed from
the rows of the stage's input that it needs; what lies between exists for one strip at a time. Rows at a strip's edge are
computed twice, as in patch-based inference (MCUNetV2, Lin et al. 2021, arXiv:2110.15352), but strips are as wide as the
image, so their rows lie side by side in memory and every kernel runs as it is. The output grows over input rows that no
later strip reads.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

from tinytl.compiler.memory.placing import ALIGNMENT
from tinytl.compiler.memory.row_steps import stride_h
from tinytl.compiler.program import CONSTANT, Program, ProgramOperator, ProgramTensor, compacted, parameters_of

Rows = tuple[int, int]
"""First row and the one behind the last."""


@dataclass(frozen=True)
class Stage:
    """Operators `first` … `last` − 1, with the tensor that they read and the one that they leave."""

    first: int
    last: int
    source: int
    output: int


def cuts(program: Program) -> dict[int, int]:
    """Return operator number → tensor, where just one image of one batch is alive before that operator."""
    written = [*program.inputs, *(operator.outputs[0] for operator in program.operators)]
    whole: dict[int, list[int]] = {}
    for number in written:
        whole.setdefault(program.tensors[number].storage, []).append(number)
    alive = {program.tensors[number].storage for number in program.outputs}
    places: dict[int, int] = {}
    for time in range(len(program.operators), -1, -1):
        if time < len(program.operators):
            operator = program.operators[time]
            alive.discard(program.tensors[operator.outputs[0]].storage)
            alive |= {program.tensors[number].storage for number in operator.inputs} - {CONSTANT}
        numbers = [number for storage in alive for number in whole[storage]]
        if len(numbers) == 1 and program.tensors[numbers[0]].dims[:1] == (1,) and len(program.tensors[numbers[0]].dims) == 4:
            places[time] = numbers[0]
    return places


def stages(program: Program, busiest: int) -> Iterator[Stage]:
    """Yield the stages of at least two operators around the busiest one that strips can be made of."""
    places = cuts(program)
    for first in sorted((place for place in places if place <= busiest), reverse=True):
        for last in sorted(place for place in places if place > busiest and place - first > 1):
            stage = Stage(first, last, places[first], places[last])
            if not all(_by_rows(program, operator) for operator in program.operators[first:last]):
                break
            if _closed(program, stage):
                yield stage


def _closed(program: Program, stage: Stage) -> bool:
    """Tell whether its operators read the source and each other's outputs alone, and all lead to its output."""
    operators = program.operators[stage.first : stage.last]
    tensors = {stage.source}
    for operator in operators:
        if not {number for number in operator.inputs if program.tensors[number].storage != CONSTANT} <= tensors:
            return False
        tensors |= set(operator.outputs)
    read = {number for operator in operators for number in operator.inputs}
    return tensors - read == {stage.output}


def _by_rows(program: Program, operator: ProgramOperator) -> bool:
    """Tell whether every output row needs some rows of each input and constants that are the same for all rows."""
    output = program.tensors[operator.outputs[0]]
    inputs = [program.tensors[number] for number in operator.inputs]
    if len(output.dims) != 4 or output.dims[0] != 1:
        return False
    if operator.kind.by_rows:
        return inputs[0].storage != CONSTANT
    if not operator.kind.in_strips:
        return False
    activations = [tensor for tensor in inputs if tensor.storage != CONSTANT]
    constants = [tensor for tensor in inputs if tensor.storage == CONSTANT]
    return all(tensor.dims == output.dims for tensor in activations) and all(
        len(tensor.dims) < 4 or tensor.dims[1] == 1 for tensor in constants
    )


@dataclass(frozen=True)
class _Window:
    """How the windows of an operator go over the rows of its input."""

    stride: int
    pad: int
    reach: int
    height: int
    place: int
    """Of pad_top among the operator's parameters."""

    def rows(self, rows: Rows) -> Rows:
        first = min(max(self.stride * rows[0] - self.pad, 0), self.height - 1)
        return first, max(min(self.stride * (rows[1] - 1) - self.pad + self.reach, self.height), first + 1)


def _window(program: Program, operator: ProgramOperator) -> _Window | None:
    if not operator.kind.by_rows:
        return None
    named, height = parameters_of(operator), program.tensors[operator.inputs[0]].dims[1]
    return _Window(stride_h(named), named["pad_top"], _reach(program, operator, named), height, list(named).index("pad_top"))


def _reach(program: Program, operator: ProgramOperator, named: Mapping[str, int]) -> int:
    """Input rows under a window."""
    if "filter_h" in named:
        return named["filter_h"]
    if operator.kernel and "taps_h" not in named:
        return 3  # Winograd and depthwise kernels are for these windows alone
    taps = named.get("taps_h") or program.tensors[operator.inputs[1]].dims[1]
    return (taps - 1) * named["dilation_h"] + 1


@dataclass
class _Strips:
    """Grows the tensors and operators of the strips of one stage."""

    program: Program
    stage: Stage
    tensors: list[ProgramTensor] = field(init=False)
    operators: list[ProgramOperator] = field(default_factory=list)
    cut: list[tuple[ProgramOperator, _Window | None]] = field(init=False)
    row_bytes: dict[int, int] = field(init=False)

    def __post_init__(self) -> None:
        self.tensors = list(self.program.tensors)
        self.storages = max(tensor.storage for tensor in self.tensors) + 1
        cut = self.program.operators[self.stage.first : self.stage.last]
        self.cut = [(operator, _window(self.program, operator)) for operator in cut]
        self.row_bytes = {
            number: self.program.tensors[number].bytes // self.program.tensors[number].dims[1]
            for operator in cut
            for number in (*operator.inputs, *operator.outputs)
            if self.program.tensors[number].storage != CONSTANT
        }

    def needed_rows(self, rows: Rows) -> dict[int, Rows]:
        """Return tensor → rows of it that a strip of the stage's output needs."""
        needed = {self.stage.output: rows}
        for operator, window in reversed(self.cut):
            rows = needed[operator.outputs[0]]
            input_rows = rows if window is None else window.rows(rows)
            for number in operator.inputs:
                if number in self.row_bytes:
                    before = needed.get(number, input_rows)
                    needed[number] = min(before[0], input_rows[0]), max(before[1], input_rows[1])
        return needed

    def add(self, needed: Mapping[int, Rows]) -> bool:
        """Append the operators of one strip; return False where a view would begin between two multiples of 16."""
        homes = {number: self._home(number, rows) for number, rows in needed.items()}
        if not all(self._aligned(number, rows[0] - homes[number][1]) for number, rows in needed.items()):
            return False
        for operator, window in self.cut:
            rows = needed[operator.outputs[0]]
            input_rows = rows if window is None else window.rows(rows)
            inputs = []
            for number in operator.inputs:
                if number not in self.row_bytes:
                    inputs.append(number)
                    continue
                if not self._aligned(number, input_rows[0] - homes[number][1]):
                    return False
                inputs.append(self._view(number, homes[number], input_rows))
            output = self._view(operator.outputs[0], homes[operator.outputs[0]], rows)
            self.operators.append(self._strip(operator, window, tuple(inputs), output, rows, input_rows))
        return True

    def _home(self, number: int, rows: Rows) -> tuple[int, int]:
        """Return the storage that holds rows of a tensor, and the row with which it begins."""
        if number in (self.stage.source, self.stage.output):
            return self.program.tensors[number].storage, 0
        self.storages += 1
        return self.storages - 1, rows[0]

    def _aligned(self, number: int, row: int) -> bool:
        return row * self.row_bytes[number] % ALIGNMENT == 0

    def _view(self, number: int, home: tuple[int, int], rows: Rows) -> int:
        tensor = self.program.tensors[number]
        dims = (1, rows[1] - rows[0], *tensor.dims[2:])
        offset = tensor.storage_offset + (rows[0] - home[1]) * self.row_bytes[number]
        self.tensors.append(ProgramTensor(tensor.name, tensor.dtype, dims, tensor.scale, tensor.zero_point, home[0], tensor.data, offset))
        return len(self.tensors) - 1

    def _strip(
        self, operator: ProgramOperator, window: _Window | None, inputs: tuple[int, ...], output: int, rows: Rows, wanted: Rows
    ) -> ProgramOperator:
        height = self.program.tensors[operator.outputs[0]].dims[1]
        count, parameters = rows[1] - rows[0], list(operator.parameters)
        if window is not None:
            parameters[window.place] = wanted[0] - (window.stride * rows[0] - window.pad)
        return replace(
            operator,
            name=f"{operator.name} rows {rows[0]}–{rows[1] - 1}",
            inputs=inputs,
            outputs=(output,),
            parameters=tuple(parameters),
            macs=operator.macs * count // height,
            instructions=operator.instructions * count // height,
        )


def in_strips(program: Program, stage: Stage, rows: int) -> Program | None:
    """Return the program with a stage in strips, without the tensors that nobody reads any more. Args, Returns: as `with_strips`."""
    strips = with_strips(program, stage, rows)
    return None if strips is None else compacted(strips)


def with_strips(program: Program, stage: Stage, rows: int) -> Program | None:
    """Return the program with a stage in strips of some output rows each.

    Args:
        program: with its kernels chosen. stage: as `stages` yields it. rows: of the stage's output in a strip, > 0.

    Returns:
        None where a strip would begin between two multiples of 16 bytes.
    """
    strips, height = _Strips(program, stage), program.tensors[stage.output].dims[1]
    needs = [strips.needed_rows((first, min(first + rows, height))) for first in range(0, height, rows)]
    if not all(strips.add(needed) for needed in needs):
        return None
    operators = (*program.operators[: stage.first], *strips.operators, *program.operators[stage.last :])
    distances = {**program.distances, **_distance(program, stage, needs)}
    return replace(program, tensors=tuple(strips.tensors), operators=operators, distances=distances)


def strip_macs(program: Program, stage: Stage, rows: int) -> int:
    """Return the multiply-accumulates of a program with a stage in strips. Args: as `with_strips`."""
    strips, height = _Strips(program, stage), program.tensors[stage.output].dims[1]
    total = sum(operator.macs for operator in (*program.operators[: stage.first], *program.operators[stage.last :]))
    for first in range(0, height, rows):
        needed = strips.needed_rows((first, min(first + rows, height)))
        for operator, _ in strips.cut:
            output_rows = needed[operator.outputs[0]]
            total += operator.macs * (output_rows[1] - output_rows[0]) // program.tensors[operator.outputs[0]].dims[1]
    return total


def _distance(program: Program, stage: Stage, needs: list[dict[int, Rows]]) -> dict[tuple[int, int], int]:
    """Return how near the stage's output may lie to its input: all of a strip is read before its output is written."""
    source, output = program.tensors[stage.source], program.tensors[stage.output]
    if stage.source in program.operators[stage.last - 1].inputs or source.storage_offset or output.storage_offset:
        return {}
    in_row, out_row = source.bytes // source.dims[1], output.bytes // output.dims[1]
    ends = [needed[stage.output][1] * out_row for needed in needs]
    starts = [needed[stage.source][0] * in_row for needed in needs[1:]] + [source.bytes]
    return {(output.storage, source.storage): max(0, *(end - start for end, start in zip(ends, starts, strict=True)))}
