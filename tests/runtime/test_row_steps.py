# SPDX-License-Identifier: Apache-2.0
"""Outputs that grow over their own input: as near as rows allow, and not nearer."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from layers import LayerMaker, inputs_for, layer, variants
from parity import assert_images_equal, samples_for
from random_graphs import GraphMaker
from test_image_check import Change, changed

from tinytl.compiler import compile_tflite, read_image
from tinytl.compiler.compile import compile_program
from tinytl.compiler.image.reader import ImageContents
from tinytl.compiler.kinds import CONV_2D, FULLY_CONNECTED
from tinytl.compiler.memory.placing import aligned
from tinytl.compiler.memory.row_steps import overlap_distance, row_steps
from tinytl.compiler.program import Program, ProgramOperator, ProgramTensor
from tinytl_bridge.twin import TwinModel

WINDOWED = ("conv_2d", "conv_2d_3x3", "pixelwise", "one_channel", "depthwise", "depthwise_windows")


def convolution(in_side: int, in_row: int, out_side: int, out_row: int, stride: int, pad: int) -> tuple[Program, ProgramOperator]:
    tensors = (
        ProgramTensor("in", "int8", (1, in_side, 1, in_row), storage=0),
        ProgramTensor("out", "int8", (1, out_side, 1, out_row), storage=1),
    )
    operator = ProgramOperator(CONV_2D, "conv", (0,), (1,), (pad, 0, stride, 1, 1, 1, -128, 127), 0)
    return Program(tensors, (operator,), (0,), (1,)), operator


@given(st.integers(1, 12), st.integers(1, 9), st.integers(1, 4), st.integers(1, 9), st.integers(1, 5), st.integers(0, 3))
@settings(max_examples=300, deadline=None)
def test_distance_is_the_least_that_keeps_rows_alive(in_side: int, in_row: int, stride: int, out_row: int, taps: int, pad: int) -> None:
    """Byte by byte: what a row step writes never meets what it or a later one reads."""
    pad = min(pad, taps - 1)
    out_side = max(1, (in_side + 2 * pad - taps) // stride + 1)
    program, operator = convolution(in_side, in_row, out_side, out_row, stride, pad)

    def safe(distance: int) -> bool:
        for y in range(out_side):
            first = min(max(stride * y - pad, 0), in_side)
            if (y + 1) * out_row > distance + first * in_row:
                return False
        return True

    found = overlap_distance(program, operator)
    assert found is not None and safe(found) and (found == 0 or not safe(found - 1))


def test_only_windowed_operators_overlap() -> None:
    program, operator = convolution(4, 4, 4, 4, 1, 1)
    dense = ProgramOperator(FULLY_CONNECTED, "dense", operator.inputs, operator.outputs, (-128, 127), 0)
    assert row_steps(dense) is None and overlap_distance(program, dense) is None


def places(contents: ImageContents) -> tuple[int, int]:
    (source,), (output,) = contents.inputs, contents.outputs
    return contents.tensors[source].offset, contents.tensors[output].offset


@pytest.mark.parametrize("kind", WINDOWED)
def test_layers_of_every_kernel_lie_as_near_as_they_may(kind: str) -> None:
    """So the tests of all kernels, on the twin and on boards, run them at that distance."""
    overlapping = 0
    for seed in range(12):
        data = layer(kind, seed)
        families = (image for family in ("dsp", "mve") for image in variants(data, family).values())
        for image in (compile_tflite(data), *families):
            contents = read_image(image.data)
            (operator,) = compile_program(data, fold=False).operators if image.family == "portable" else (None,)
            above, below = places(contents)
            out_bytes = contents.tensors[contents.outputs[0]].bytes
            if operator is not None:
                distance = aligned(overlap_distance(compile_program(data, fold=False), operator) or 0)
                assert above - below == distance or distance >= aligned(out_bytes)
            overlapping += below <= above < below + out_bytes
    assert overlapping > 12


class WholeRows(GraphMaker):
    """Rows of whole multiples of 16 bytes: the arena's alignment adds nothing to a distance."""

    def image(self) -> tuple[int, int, int]:
        return int(self.random.integers(3, 14)), int(self.random.integers(3, 9)), 16

    def outputs(self, groups: int) -> int:
        return self.pick(16, 32)


@pytest.mark.parametrize("step", ["convolution", "depthwise", "pool"])
def test_random_layers_at_exactly_the_distance(step: str) -> None:
    """Groups, dilation, depth multipliers, both poolings, every stride and padding; each kernel of each layer."""
    exact = 0
    for seed in range(40):
        maker = WholeRows(seed)
        getattr(maker, step)()
        data = maker.writer.bytes([maker.input], [maker.current])
        images = [compile_tflite(data), *(image for family in ("dsp", "mve") for image in variants(data, family).values())]
        assert_images_equal(data, samples_for(data, 4, seed=seed), images)
        above, below = places(read_image(images[0].data))
        program = compile_program(data)
        distance = overlap_distance(program, program.operators[0])
        exact += above - below == distance < program.tensors[program.outputs[0]].bytes
    assert exact > 30


@pytest.mark.parametrize("name", ["portable", "panels s16", "panels s8", "winograd 2×2", "winograd 4×4"])
def test_rows_nearer_are_wrong(name: str) -> None:
    """Else the distance would not be what the tests of kernels try."""
    data = LayerMaker(0).convolution((12, 24, 16), (3, 3), 16)
    image = compile_tflite(data) if name == "portable" else variants(data, "dsp")[name]
    contents = read_image(image.data)
    above, below = places(contents)
    rows = 2 * contents.dims(contents.inputs[0])[2] * 16
    assert above - below >= rows  # the layer is padded
    nearer = TwinModel(changed(image.data, Change("", tensors={contents.inputs[0]: {"offset": above - rows}})))
    sample = inputs_for(contents.dims(contents.inputs[0]), 1)[0]
    right = TwinModel(image.data).invoke(sample)[0]
    np.testing.assert_array_equal(right, TwinModel(compile_tflite(data).data).invoke(sample)[0])
    assert not np.array_equal(nearer.invoke(sample)[0], right)
