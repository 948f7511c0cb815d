# SPDX-License-Identifier: Apache-2.0
"""Layers for the kernels of every family: random shapes, padding, strides, zero points, activations and scales, and extremes.

`layer(kind, seed)` is a pure function of its arguments and returns the bytes of a .tflite file of one operator.
"""

from math import ceil

import numpy as np
from tflite_writer import ModelWriter

from tinytl.compiler import CompileOptions, Image
from tinytl.compiler.compile import build_image, compile_program
from tinytl.compiler.image.metadata import tflite_metadata
from tinytl.compiler.image.reader import read_image
from tinytl.compiler.kernels.selection import find_choices, with_kernels
from tinytl.compiler.variants import VARIANTS

NONE, RELU, RELU6 = 0, 1, 3
SAME, VALID = 0, 1
KINDS = (
    *("conv_2d", "conv_2d_3x3", "pixelwise", "one_channel", "depthwise", "depthwise_windows"),
    *("fully_connected", "add", "average_pool", "mean"),
)


class LayerMaker:
    """Draws one layer."""

    def __init__(self, seed: int) -> None:
        self.random = np.random.default_rng(seed)
        self.writer = ModelWriter()
        self.extreme = seed % 4 == 3
        self.in_scale, self.in_point = 0.05, int(self.random.choice([-128, -128, -3, 0, 127, 41]))
        self.activation = int(self.random.choice([NONE, NONE, RELU, RELU, RELU6]))
        self.out_point = -128 if self.activation == RELU and seed % 3 else int(self.random.choice([-128, -17, 0, 9]))

    def pick(self, *choices: int) -> int:
        return int(self.random.choice(choices))

    def weights(self, shape: tuple[int, ...], dimension: int) -> tuple[int, list[float]]:
        """Weights within ±127; of an extreme layer all at the ends. One channel in eight is dead."""
        channels, fan_in = shape[dimension], int(np.prod(shape)) // shape[dimension]
        data = self.random.integers(-127, 128, shape)
        if self.extreme:
            data = np.where(data < 0, -127, 127)
        dead = self.random.random(channels) < 0.125
        data = np.where(dead.reshape([-1 if d == dimension else 1 for d in range(len(shape))]), 0, data)
        scales = self.random.uniform(0.1, 1.0, channels) / (60 * np.sqrt(fan_in))
        if self.random.random() < 0.3:
            scales[:] = scales[0]
        return self.writer.tensor("weights", shape, "int8", scales.tolist(), 0, data, dimension), scales.tolist()

    def bias(self, channels: int, scales: list[float]) -> int:
        data = self.random.integers(-6000, 6000, channels)
        return self.writer.tensor("bias", (channels,), "int32", [scale * self.in_scale for scale in scales], data=data)

    def input(self, shape: tuple[int, ...]) -> int:
        return self.writer.tensor("in", shape, "int8", self.in_scale, self.in_point)

    def output(self, shape: tuple[int, ...]) -> int:
        scale = 6 / 255 if self.activation == RELU6 else 0.04
        return self.writer.tensor("out", shape, "int8", scale, -128 if self.activation == RELU6 else self.out_point)

    def window(
        self, sides: tuple[int, int, int], filters: tuple[int, int], outputs: int, strides: tuple[int, int], dilation: int
    ) -> tuple[int, tuple[int, int]]:
        reach = [(taps - 1) * dilation + 1 for taps in filters]
        padding = self.pick(SAME, VALID) if all(r <= s for r, s in zip(reach, sides[:2], strict=True)) else SAME
        made = [
            ceil(side / stride) if padding == SAME else (side - taps) // stride + 1
            for side, stride, taps in zip(sides[:2], strides, reach, strict=True)
        ]
        return padding, (made[0], made[1])

    def convolution(
        self,
        sides: tuple[int, int, int],
        filters: tuple[int, int],
        outputs: int,
        strides: tuple[int, int] = (1, 1),
        dilation: int = 1,
        *,
        depthwise: bool = False,
    ) -> bytes:
        padding, out_sides = self.window(sides, filters, outputs, strides, dilation)
        shape = (1, *filters, outputs) if depthwise else (outputs, *filters, sides[2])
        first = self.input((1, *sides))
        weights, scales = self.weights(shape, 3 if depthwise else 0)
        bias, out = self.bias(outputs, scales), self.output((1, *out_sides, outputs))
        name = "DepthwiseConv2DOptions" if depthwise else "Conv2DOptions"
        extra = {"DepthMultiplier": outputs // sides[2]} if depthwise else {}
        self.writer.node(
            *("DEPTHWISE_CONV_2D" if depthwise else "CONV_2D", [first, weights, bias], out, 1, name),
            **{"Padding": padding, "StrideH": strides[0], "StrideW": strides[1]},
            **{"DilationHFactor": dilation, "DilationWFactor": dilation, "FusedActivationFunction": self.activation},
            **extra,
        )
        return self.writer.bytes([first], [out])

    def side(self) -> int:
        return self.pick(*range(3, 13))

    def conv_2d(self) -> bytes:
        stride, dilation = self.pick(1, 2, 3), self.pick(1, 1, 2)
        filters = (self.pick(1, 2, 3, 5), self.pick(1, 3, 4))
        sides = (self.side(), self.side(), self.pick(1, 2, 3, 4, 5, 8, 12))
        return self.convolution(sides, filters, self.pick(2, 3, 4, 5, 7, 9), (stride, self.pick(1, 2, stride)), dilation)

    def conv_2d_3x3(self) -> bytes:
        return self.convolution((self.side(), self.side(), self.pick(4, 8, 16, 64)), (3, 3), self.pick(2, 3, 5, 8))

    def pixelwise(self) -> bytes:
        return self.convolution((self.side(), self.side(), self.pick(4, 12, 64, 68, 132)), (1, 1), self.pick(2, 3, 6, 7))

    def one_channel(self) -> bytes:
        return self.convolution((self.side(), self.side(), 1), (3, 3), self.pick(2, 8), (2, 2), depthwise=True)

    def depthwise(self) -> bytes:
        channels, stride = self.pick(4, 8, 12), self.pick(1, 2)
        return self.convolution((self.side(), self.side(), channels), (3, 3), channels, (stride, stride), depthwise=True)

    def depthwise_windows(self) -> bytes:
        channels, dilation = self.pick(1, 3, 4, 8, 16, 20, 40), self.pick(1, 1, 2)
        filters = (self.pick(1, 2, 3, 5), self.pick(1, 3, 4, 5))
        strides = (self.pick(1, 2, 3), self.pick(1, 2))
        return self.convolution((self.side(), self.side(), channels), filters, channels, strides, dilation, depthwise=True)

    def fully_connected(self) -> bytes:
        width, outputs = self.pick(1, 3, 4, 63, 64, 65, 66, 132), self.pick(4, 5, 6, 7, 8, 13)
        first = self.input((1, width))
        weights, scales = self.weights((outputs, width), 0)
        bias, out = self.bias(outputs, scales), self.output((1, outputs))
        self.writer.node(
            *("FULLY_CONNECTED", [first, weights, bias], out, 1, "FullyConnectedOptions"),
            FusedActivationFunction=self.activation,
        )
        return self.writer.bytes([first], [out])

    def add(self) -> bytes:
        shape = (1, self.side(), self.side(), self.pick(1, 3, 8))
        first = self.input(shape)
        scale, point = float(self.random.uniform(0.01, 0.1)), self.pick(-128, 0, 99)
        second = self.writer.tensor("b", shape, "int8", scale, point, self.random.integers(-128, 128, shape))
        out = self.writer.tensor("out", shape, "int8", float(self.random.uniform(0.04, 0.15)), self.out_point)
        self.writer.node("ADD", [first, second], out, 1, "AddOptions", FusedActivationFunction=self.activation)
        return self.writer.bytes([first], [out])

    def average_pool(self) -> bytes:
        sides, filters = (self.side(), self.side(), self.pick(4, 8, 11, 24)), (self.pick(1, 2, 3), self.pick(1, 2, 3))
        strides = (self.pick(1, 2), self.pick(1, 2))
        padding, made = self.window(sides, filters, sides[2], strides, 1)
        first = self.input((1, *sides))
        out = self.writer.tensor("out", (1, *made, sides[2]), "int8", self.in_scale, self.in_point)
        self.writer.node(
            *("AVERAGE_POOL_2D", [first], out, 1, "Pool2DOptions"),
            **{"Padding": padding, "StrideH": strides[0], "StrideW": strides[1], "FilterHeight": filters[0], "FilterWidth": filters[1]},
            FusedActivationFunction=self.activation,
        )
        return self.writer.bytes([first], [out])

    def mean(self) -> bytes:
        sides = (self.side(), self.side(), self.pick(4, 8, 11, 24))
        first, out = self.input((1, *sides)), self.output((1, sides[2]))
        self.writer.node("MEAN", [first, self.writer.constant("axes", [1, 2])], out, 1, "ReducerOptions", KeepDims=False)
        return self.writer.bytes([first], [out])


def kernels_of(family: str) -> set[tuple[int, int]]:
    """Return (opcode, kernel number) of all kernels of a family."""
    return {key for key, variant in VARIANTS.items() if (variant.number > 64) == (family == "mve")}


def kernel_of(image: bytes) -> tuple[int, int]:
    """Return (opcode, kernel number) of an image's first operator."""
    record = read_image(image).operators[0].record
    return record.opcode, record.kernel


def layer(kind: str, seed: int) -> bytes:
    """Return one layer. kind: one of KINDS."""
    return getattr(LayerMaker(seed), kind)()


def inputs_for(dims: tuple[int, ...], seed: int) -> list[np.ndarray]:
    """Return random bytes, all at one end, all at the other, and the ends mixed."""
    random = np.random.default_rng(seed)
    mixed = np.where(random.random(dims) < 0.5, -128, 127).astype(np.int8)
    return [random.integers(-128, 128, dims).astype(np.int8), mixed, np.full(dims, -128, np.int8), np.full(dims, 127, np.int8)]


def variants(data: bytes, family: str) -> dict[str, Image]:
    """Return one image for each kernel of a family that takes the model's only operator, by the kernel's title."""
    choices = find_choices(compile_program(data), family)
    made = {}
    for choice in choices.options[0][1:]:
        program = with_kernels(choices.program, [choice])
        made[program.operators[0].kernel_name] = build_image(program, None, tflite_metadata(program), CompileOptions(family), bundle_id=b"")
    return made
