# SPDX-License-Identifier: Apache-2.0
"""The arena: no two buffers alive together share a byte, whatever they are; and plans are as small as can be where that
is known.
"""

from itertools import combinations, product

from hypothesis import given, settings
from hypothesis import strategies as st
from random_graphs import random_graph

from tinytl.compiler.compile import compile_program
from tinytl.compiler.memory.liveness import ArenaPlan, HeadNeeds, plan_arena
from tinytl.compiler.memory.placing import ALIGNMENT, Buffer, aligned, lower_bound, plan_memory
from tinytl.compiler.memory.row_steps import overlap_distance
from tinytl.compiler.program import Program

lifetimes = st.tuples(st.integers(0, 12), st.integers(0, 12)).map(sorted)
buffers = st.lists(
    st.builds(
        lambda size, life: Buffer("buffer", size, life[0], life[1]),
        st.integers(1, 5000),
        lifetimes,
    ),
    max_size=14,
)


@given(buffers)
@settings(max_examples=150, deadline=None)
def test_buffers_alive_together_never_overlap(wanted: list[Buffer]) -> None:
    plan = plan_memory(wanted)
    assert plan.bytes >= lower_bound(wanted)
    assert plan.bytes <= sum(aligned(buffer.bytes) for buffer in wanted)
    for buffer, offset in zip(wanted, plan.offsets, strict=True):
        assert offset % ALIGNMENT == 0
        assert offset + buffer.bytes <= plan.bytes
    for (a, at), (b, bt) in combinations(zip(wanted, plan.offsets, strict=True), 2):
        assert not a.meets(b) or at + a.bytes <= bt or bt + b.bytes <= at


@given(buffers)
@settings(max_examples=30, deadline=None)
def test_plan_is_deterministic(wanted: list[Buffer]) -> None:
    assert plan_memory(wanted) == plan_memory(wanted)


def test_chain_reuses_its_bytes() -> None:
    chain = [Buffer("a", 1000, 0, 1), Buffer("b", 2000, 1, 2), Buffer("c", 1000, 2, 3), Buffer("d", 500, 3, 4)]
    assert plan_memory(chain).bytes == lower_bound(chain) == aligned(2000) + aligned(1000)


def test_search_finds_what_greedy_misses() -> None:
    # By size, span, area or time of birth, greedy packing of these ends at 240 bytes or more.
    wanted = [
        Buffer("a", 64, 0, 2),
        Buffer("b", 80, 3, 3),
        Buffer("c", 48, 2, 3),
        Buffer("d", 80, 1, 4),
        Buffer("e", 32, 1, 2),
    ]
    assert plan_memory(wanted).bytes == lower_bound(wanted) == 224


chains = st.lists(st.tuples(st.integers(1, 3000), st.none() | st.integers(0, 3000)), min_size=1, max_size=14)


@given(chains)
@settings(max_examples=150, deadline=None)
def test_neighbours_of_a_chain_overlap_as_far_as_they_may(links: list[tuple[int, int | None]]) -> None:
    """Each buffer is read while the next is written; a link's distance says how near it may lie to the next."""
    chain = [Buffer("buffer", size, time, time + 1) for time, (size, _) in enumerate(links)]
    distances = {(time + 1, time): distance for time, (_, distance) in enumerate(links[:-1]) if distance is not None}
    plan = plan_memory(chain, distances)
    assert lower_bound(chain, distances) <= plan.bytes <= sum(aligned(buffer.bytes) for buffer in chain)
    for (read, at), (written, to), number in zip(
        zip(chain, plan.offsets, strict=True), zip(chain[1:], plan.offsets[1:], strict=False), range(len(chain)), strict=False
    ):
        apart = at + read.bytes <= to or to + written.bytes <= at
        assert apart or ((number + 1, number) in distances and at >= to + distances[number + 1, number])


def test_an_expanding_chain_needs_its_widest_buffer_and_a_distance() -> None:
    """conv, depthwise, expansion of a visual wake words model: each output begins below its input."""
    chain = [Buffer("image", 27_648, 0, 0), Buffer("a", 18_432, 0, 1), Buffer("b", 18_432, 1, 2), Buffer("c", 36_864, 2, 3)]
    distances = {(1, 0): 384, (2, 1): 0, (3, 2): 18_816}
    assert plan_memory(chain, distances).bytes == lower_bound(chain, distances) == 18_816 + 18_432


def test_empty_plan_has_no_bytes() -> None:
    assert plan_memory([]).bytes == 0


AFTERWARDS = (Buffer("columns", 40, 0, 3), Buffer("output of dense", 96, 1, 2), Buffer("gradient of dense", 96, 3, 4))
PERSISTENT = (("parameters", 100), ("replay_buffer", 64))


def planned(seed: int) -> tuple[Program, ArenaPlan]:
    program = compile_program(random_graph(seed, length=9))
    return program, plan_arena(program, HeadNeeds(AFTERWARDS, PERSISTENT, held=4))


def test_operands_of_every_operator_stay_apart() -> None:
    """On real programs: inputs, outputs and what others still need never overlap, but where in place or row by row is allowed."""
    for seed in range(25):
        program, arena = planned(seed)
        for operator in program.operators:
            output = program.tensors[operator.outputs[0]]
            for position, number in enumerate(operator.inputs):
                source = program.tensors[number]
                if source.storage < 0 or source.storage == output.storage:
                    continue
                at, to = arena.offsets[source.storage], arena.offsets[output.storage]
                apart = at + source.bytes <= to or to + output.bytes <= at
                taken_over = operator.kind.in_place and at == to and source.bytes == output.bytes
                distance = overlap_distance(program, operator)
                behind = position == 0 and distance is not None and at >= to + distance
                assert apart or taken_over or behind, (seed, operator.name)


def test_what_the_head_needs_is_apart_from_the_outputs() -> None:
    for seed in range(25):
        program, arena = planned(seed)
        outputs = [(arena.offsets[program.tensors[n].storage], program.tensors[n].bytes) for n in program.outputs]
        named = [(arena.named[name], size) for name, size in PERSISTENT]
        step = [(arena.named[each.name], each.bytes) for each in AFTERWARDS]
        for (a, a_bytes), (b, b_bytes) in product(outputs, step):
            assert a + a_bytes <= b or b + b_bytes <= a, "features stay for a whole step"
        columns, output, gradient = step
        assert columns[0] + 40 <= output[0] or output[0] + 96 <= columns[0]
        assert columns[0] + 40 <= gradient[0] or gradient[0] + 96 <= columns[0]
        for (a, a_bytes), (b, b_bytes) in combinations(outputs + named, 2):
            assert a + a_bytes <= b or b + b_bytes <= a
        end_of_activations = arena.named["parameters"]
        for each in arena.ranges:
            assert each.offset + each.bytes <= arena.bytes
            assert each.name in ("parameters", "replay_buffer") or each.offset + each.bytes <= end_of_activations


def test_arena_map_names_everything() -> None:
    program, arena = planned(3)
    names = [each.name for each in arena.ranges]
    assert {"input", *(each.name for each in AFTERWARDS), *(name for name, _ in PERSISTENT)} <= set(names)
    assert all(0 <= each.first_operator <= each.last_operator <= len(program.operators) + 4 for each in arena.ranges)
