# SPDX-License-Identifier: Apache-2.0
"""Which kernels are chosen: the fastest, but none that saves next to nothing beside the others."""

from layer_chains import Chain

from tinytl.compiler import compile_tflite


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
