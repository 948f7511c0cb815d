# SPDX-License-Identifier: Apache-2.0
"""Constant and unread channels: folded where that changes no byte, kept where it would."""

import numpy as np
import pytest
from layer_chains import SAME, VALID, Chain
from parity import assert_outputs_equal, samples_for, whole_image

from tinytl.compiler.compile import compile_program
from tinytl.compiler.rewriting.constant_channels import fold_constant_channels
from tinytl_bridge.twin import TwinModel


def channels(data: bytes, *, fold: bool) -> list[int]:
    program = compile_program(data, fold=fold)
    return [program.tensors[operator.outputs[0]].dims[-1] for operator in program.operators]


def chain(seed: int, point: int, padding: int) -> bytes:
    made = Chain(seed, point=point)
    made.layer("CONV_2D", 1, 12, dead=(0, 3, 4, 5, 11))
    made.layer("DEPTHWISE_CONV_2D", 3, 12, padding=padding, dead=(1,))
    made.layer("CONV_2D", 1, 16, dead=(2, 7), unread=(6, 8))
    made.layer("CONV_2D", 3, 8, padding=padding, dead=(0, 1, 2, 3))
    made.pool()
    made.layer("CONV_2D", 1, 5)
    return made.bytes()


@pytest.mark.parametrize("padding", [SAME, VALID])
@pytest.mark.parametrize("point", [-128, -5])
@pytest.mark.parametrize("seed", range(6))
def test_folding_changes_no_byte(seed: int, point: int, padding: int) -> None:
    data = chain(seed, point, padding)
    assert sum(channels(data, fold=True)) < sum(channels(data, fold=False))
    assert_outputs_equal(data, samples_for(data, 50, seed=seed))
    assert_outputs_equal(data, samples_for(data, 8, seed=seed), family="dsp")


def test_channels_stay_in_fours_and_the_output_stays_whole() -> None:
    data = chain(1, -128, VALID)
    assert channels(data, fold=False) == [12, 12, 16, 8, 8, 5]
    folded = channels(data, fold=True)
    assert all(count % 4 == 0 for count in folded[:-1]) and folded[-1] == 5
    assert folded[:3] == [4, 4, 16]  # of 12, 6 are dead here or behind and 2 unread; of 16, 2 are dead, which is no four


def test_a_constant_beside_the_zero_point_stays_where_windows_reach_over_the_edge() -> None:
    made = Chain(0, point=-128)
    made.layer("CONV_2D", 1, 8, dead=(0, 1, 2, 3))
    made.writer.tensors[2]["data"][:4] = 30_000  # far above the zero point
    made.layer("CONV_2D", 3, 4, padding=SAME)
    data = made.bytes()
    assert channels(data, fold=True) == [8, 4]
    made = Chain(0, point=-128)
    made.layer("CONV_2D", 1, 8, dead=(0, 1, 2, 3))
    made.writer.tensors[2]["data"][:4] = 30_000
    made.layer("CONV_2D", 3, 4, padding=VALID)
    data = made.bytes()
    assert channels(data, fold=True) == [4, 4]
    assert_outputs_equal(data, samples_for(data, 20))


def test_saturated_channels_are_constant_too() -> None:
    """Weights alone do not make a channel alive: one whose every sum lies beyond the clamp is constant."""
    made = Chain(4)
    made.layer("CONV_2D", 1, 8)
    made.writer.tensors[2]["data"][:4] = -(2**20)
    made.layer("CONV_2D", 1, 4)
    data = made.bytes()
    assert channels(data, fold=True) == [4, 4]
    assert_outputs_equal(data, samples_for(data, 20))


def test_any_multiple_can_be_asked_for() -> None:
    program = compile_program(chain(2, -128, VALID), fold=False)
    ones = fold_constant_channels(program, 1)
    assert [ones.tensors[each.outputs[0]].dims[-1] for each in ones.operators][:3] == [
        4,
        4,
        13,
    ]  # 2 of 16 are dead, 1 never leaves the clamp
    sample = np.random.default_rng(0).integers(-128, 128, (1, 7, 6, 8)).astype(np.int8)
    found, expected = (TwinModel(whole_image(each).data).invoke(sample)[0] for each in (ones, program))
    np.testing.assert_array_equal(found, expected)


def test_nothing_to_fold_returns_the_same_program() -> None:
    made = Chain(3)
    made.layer("CONV_2D", 1, 8)
    made.layer("CONV_2D", 1, 4)
    program = compile_program(made.bytes(), fold=False)
    assert fold_constant_channels(program) is program


def test_what_keeps_channels_apart_loses_none_that_its_input_keeps() -> None:
    """Nobody reads four channels of the depthwise layer, but its input is the caller's."""
    made = Chain(5)
    made.layer("DEPTHWISE_CONV_2D", 3, 8)
    made.layer("CONV_2D", 1, 4, unread=(1, 2, 3, 6))
    data = made.bytes()
    assert channels(data, fold=True) == [8, 4]
    assert_outputs_equal(data, samples_for(data, 20))


def test_a_view_with_other_channels_keeps_them_apart_from_those_of_its_storage() -> None:
    """Nobody reads four channels of the depthwise layer, but its input is an image of twice as many, reshaped."""
    made = Chain(7)
    made.layer("CONV_2D", 1, 16, dead=(0, 1, 2, 3))
    made.reshape(7, 12, 8)
    made.layer("DEPTHWISE_CONV_2D", 3, 8)
    made.layer("CONV_2D", 1, 4, unread=(1, 2, 3, 6))
    data = made.bytes()
    assert channels(data, fold=True) == [16, 8, 4]
    assert_outputs_equal(data, samples_for(data, 20))


def test_two_readers_keep_the_channels_that_either_needs() -> None:
    made = Chain(6)
    made.layer("CONV_2D", 1, 8)
    shared, shape = made.current, made.shape
    made.layer("DEPTHWISE_CONV_2D", 3, 8)
    made.layer("CONV_2D", 1, 4, unread=(0, 1, 2, 3))
    first = made.current
    made.current, made.shape = shared, shape
    made.layer("CONV_2D", 1, 4, unread=(0, 1, 4, 5))
    data = made.writer.bytes([made.input], [first, made.current])
    assert channels(data, fold=True) == [8, 8, 4, 4]
    assert_outputs_equal(data, samples_for(data, 20))
