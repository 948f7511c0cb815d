# SPDX-License-Identifier: Apache-2.0
"""Which kernels are chosen: the fastest, but none that saves next to nothing beside the others."""

from layer_chains import Chain

from tinytl.compiler import compile_tflite
from tinytl.compiler.kernels.timing import FlashTiming, InnerLoops, modelled_cycles


def kernels(data: bytes) -> list[str]:
    return [operator.kernel for operator in compile_tflite(data, family="dsp").operators if operator.kind == "depthwise_conv_2d"]


def small_layer_behind(sides: tuple[int, int]) -> bytes:
    made = Chain(0, sides=sides, channels=256)
    if sides != (3, 3):
        made.layer("DEPTHWISE_CONV_2D", 3, 256)
        made.max_pool(8, stride=7)
    made.layer("DEPTHWISE_CONV_2D", 3, 256)
    return made.bytes()


def test_a_kernel_is_linked_for_what_it_saves() -> None:
    """Alone, a small layer gets the kernel that is fastest for it; behind a large one, the large one's, whose code is there anyway."""
    assert kernels(small_layer_behind((3, 3))) == ["taps"]
    assert kernels(small_layer_behind((20, 20))) == ["row pairs", "row pairs"]


def test_wait_states_favour_few_bytes() -> None:
    """16-bit weights take fewer instructions; bytes are read in half as many lines."""
    made = Chain(0, sides=(12, 12), channels=16)
    made.layer("CONV_2D", 1, 16)
    for waits, kernel in ((0, "panels s16"), (5, "panels s8")):
        image = compile_tflite(made.bytes(), family="dsp", flash_timing=FlashTiming(waits, 16))
        assert [each.kernel for each in image.operators if each.kind == "conv_2d"] == [kernel]
    s16, s8 = InnerLoops(11, 21, 32) * 1000, InnerLoops(14, 20, 16) * 1000
    cycles = [[modelled_cycles(each.instructions, each, FlashTiming(waits, 16)) for each in (s16, s8)] for waits in (0, 5)]
    assert cycles == [[21_000, 20_000], [31_000, 25_000]]


def test_what_surrounds_the_loops_counts_too() -> None:
    assert modelled_cycles(1_100, InnerLoops(1_000, 1_800, 1_600), FlashTiming(2, 8)) == 1_800 + 400 + 150
