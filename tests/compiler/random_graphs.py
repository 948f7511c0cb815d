# SPDX-License-Identifier: Apache-2.0
"""Small random int8 graphs: every operator, odd sides, asymmetric padding, groups, dilation, dead channels, branches.

`random_graph(seed)` is a pure function of its seed; scales are drawn so that outputs neither vanish nor all saturate.
"""

from collections.abc import Callable

import numpy as np
from tflite_writer import ModelWriter

ACTIVATIONS = (0, 1, 3, 2)
"""NONE, RELU, RELU6, RELU_N1_TO_1 by the schema's numbers."""


class GraphMaker:
    """Grows a graph from one input; `current` is the tensor that the next operator reads."""

    def __init__(self, seed: int) -> None:
        self.random = np.random.default_rng(seed)
        self.writer = ModelWriter()
        self.shapes: dict[int, tuple[int, ...]] = {}
        self.quantization: dict[int, tuple[float, int]] = {}
        self.input = self.current = self.activation((1, *self.image()))

    def image(self) -> tuple[int, int, int]:
        """Draw the input's height, width and channels."""
        sides = self.random.integers(4, 12, 2)
        return int(sides[0]), int(sides[1]), int(self.random.integers(1, 7))

    def pick(self, *choices: int) -> int:
        return int(self.random.choice(choices))

    def activation(self, shape: tuple[int, ...], like: int | None = None) -> int:
        """Add an activation tensor with random quantization, or with another one's."""
        scale, point = float(self.random.uniform(0.02, 0.08)), int(self.random.integers(-128, 128))
        if like is not None:
            scale, point = self.quantization[like]
        number = self.writer.tensor(f"tensor {len(self.writer.tensors)}", shape, "int8", scale, point)
        self.shapes[number], self.quantization[number] = shape, (scale, point)
        return number

    def add_node(self, operator: str, inputs: list[int], output: int, schema: str = "", **fields: object) -> None:
        self.writer.node(operator, inputs, output, 1, schema, **fields)
        self.current = output

    def weights(self, shape: tuple[int, ...], dimension: int) -> int:
        """Add weights: per-channel (some channels dead) or per-tensor, zeros among them."""
        channels, fan_in = shape[dimension], int(np.prod(shape)) // shape[dimension]
        scale: float | list[float] = float(self.random.uniform(0.5, 1.5) / (60 * np.sqrt(fan_in)))
        if self.pick(0, 1, 1):
            factors = self.random.uniform(0.2, 2.0, channels) * (self.random.random(channels) > 0.15)
            scale = [float(factor) * float(scale) for factor in factors]
        data = self.random.integers(-127, 128, shape)
        return self.writer.tensor(f"weights {len(self.writer.tensors)}", shape, "int8", scale, 0, data, dimension)

    def bias(self, channels: int, weights: int, absent: list[int] | None = None) -> list[int]:
        """Add a bias, or sometimes none. absent: how the operator writes none; None: LiteRT wants one."""
        if absent is not None and not self.pick(0, 1, 1):
            return absent
        data = self.random.integers(-3000, 3000, channels)
        scales = np.atleast_1d(self.writer.tensors[weights]["scale"]) * self.quantization[self.current][0]
        name = f"bias {len(self.writer.tensors)}"
        return [self.writer.tensor(name, (channels,), "int32", scales.tolist(), data=data)]

    def window(self, sides: tuple[int, ...], filters: tuple[int, int]) -> tuple[int, tuple[int, int], tuple[int, int]]:
        """Draw padding and strides; return (padding, strides, output sides)."""
        padding = self.pick(0, 1) if all(f <= s for f, s in zip(filters, sides, strict=True)) else 0
        strides = (self.pick(1, 1, 2, 3), self.pick(1, 1, 2))
        outputs = [
            -(-side // stride) if padding == 0 else (side - reach) // stride + 1
            for side, stride, reach in zip(sides, strides, filters, strict=True)
        ]
        return padding, strides, (outputs[0], outputs[1])

    def outputs(self, groups: int) -> int:
        """Draw the channels that a convolution makes."""
        return groups * self.pick(1, 2, 3, 4)

    def convolution(self) -> None:
        _, height, width, channels = self.shapes[self.current]
        groups = self.pick(1, 1, 2) if channels % 2 == 0 else 1
        out_channels = self.outputs(groups)
        filters, dilations = (self.pick(1, 2, 3), self.pick(1, 3, 5)), (self.pick(1, 1, 2), self.pick(1, 1, 2))
        reach = tuple((f - 1) * d + 1 for f, d in zip(filters, dilations, strict=True))
        padding, strides, sides = self.window((height, width), (reach[0], reach[1]))
        weights = self.weights((out_channels, *filters, channels // groups), 0)
        output = self.activation((1, *sides, out_channels))
        self.add_node(
            *("CONV_2D", [self.current, weights, *self.bias(out_channels, weights)], output, "Conv2DOptions"),
            **{"Padding": padding, "StrideH": strides[0], "StrideW": strides[1]},
            **{"DilationHFactor": dilations[0], "DilationWFactor": dilations[1]},
            FusedActivationFunction=self.pick(*ACTIVATIONS),
        )

    def depthwise(self) -> None:
        _, height, width, channels = self.shapes[self.current]
        multiplier = self.pick(1, 1, 2)
        filters = (self.pick(2, 3), self.pick(1, 3, 4))
        padding, strides, sides = self.window((height, width), filters)
        strides = (strides[0], strides[0])  # TFLite's optimized kernels want them equal; so do converters
        sides = tuple(
            -(-s // strides[0]) if padding == 0 else (s - f) // strides[0] + 1 for s, f in zip((height, width), filters, strict=True)
        )
        weights = self.weights((1, *filters, channels * multiplier), 3)
        output = self.activation((1, *sides, channels * multiplier))
        self.add_node(
            *("DEPTHWISE_CONV_2D", [self.current, weights, *self.bias(channels * multiplier, weights, [])], output),
            *("DepthwiseConv2DOptions",),
            **{"Padding": padding, "StrideH": strides[0], "StrideW": strides[1], "DepthMultiplier": multiplier},
            **{"DilationHFactor": 1, "DilationWFactor": 1},
            FusedActivationFunction=self.pick(*ACTIVATIONS),
        )

    def pool(self) -> None:
        _, height, width, channels = self.shapes[self.current]
        filters = (self.pick(1, 2, 3), self.pick(2, 3))
        padding, strides, sides = self.window((height, width), filters)
        output = self.activation((1, *sides, channels), like=self.current)
        self.add_node(
            *(("AVERAGE_POOL_2D", "MAX_POOL_2D")[self.pick(0, 1)], [self.current], output, "Pool2DOptions"),
            **{"Padding": padding, "StrideH": strides[0], "StrideW": strides[1]},
            **{"FilterHeight": filters[0], "FilterWidth": filters[1]},
            FusedActivationFunction=self.pick(*ACTIVATIONS),
        )

    def arithmetic(self) -> None:
        """ADD or MUL of the current tensor and a branch of it, a constant, or a value a channel; in either order."""
        operator, shape = ("ADD", "MUL")[self.pick(0, 1)], self.shapes[self.current]
        start, kind = self.current, self.pick(0, 1, 2)
        if kind == 0:
            self.relu()
            other = self.current
        else:
            sides = shape if kind == 1 else shape[-1:]
            data = self.random.integers(-128, 128, sides)
            other = self.writer.tensor(f"constant {len(self.writer.tensors)}", sides, "int8", 0.03, self.pick(-9, 0, 40), data)
        inputs = [start, other] if self.pick(0, 1) else [other, start]
        output = self.activation(shape)
        self.add_node(operator, inputs, output, f"{operator.capitalize()}Options", FusedActivationFunction=self.pick(*ACTIVATIONS))

    def relu(self) -> None:
        output = self.activation(self.shapes[self.current])
        self.add_node(("RELU", "RELU6", "RELU_N1_TO_1")[self.pick(0, 1, 2)], [self.current], output)

    def pad(self) -> None:
        shape = self.shapes[self.current]
        pairs = [(0, 0), *((self.pick(0, 1, 2), self.pick(0, 1)) for _ in range(2)), (0, self.pick(0, 0, 1))]
        padded = tuple(side + sum(pair) for side, pair in zip(shape, pairs, strict=True))
        output = self.activation(padded, like=self.current)
        inputs = [self.current, self.writer.constant(f"paddings {len(self.writer.tensors)}", pairs)]
        if self.pick(0, 1):
            scale, point = self.quantization[self.current]
            value = self.pick(point, point, -3)
            inputs.append(self.writer.tensor(f"value {len(self.writer.tensors)}", (), "int8", scale, point, value))
        self.add_node("PAD" if len(inputs) == 2 else "PADV2", inputs, output)

    def concatenation(self) -> None:
        start, shape = self.current, self.shapes[self.current]
        axis = self.pick(1, 2, 3)
        joined = tuple(2 * side if dimension == axis else side for dimension, side in enumerate(shape))
        other = self.activation(shape, like=start)
        self.add_node("RELU", [start], other)
        output = self.activation(joined, like=start)
        inputs = [start, other] if self.pick(0, 1) else [other, start]
        self.add_node("CONCATENATION", inputs, output, "ConcatenationOptions", Axis=axis - self.pick(0, 4))

    def requantize(self) -> None:
        output = self.activation(self.shapes[self.current], like=self.current if self.pick(0, 1) else None)
        self.add_node("QUANTIZE", [self.current], output)

    def mean(self) -> None:
        shape = self.shapes[self.current]
        axes = ((1, 2), (2,), (-2, 1), (3,))[self.pick(0, 0, 1, 2, 3)]
        averaged = {axis % 4 for axis in axes}
        output = self.activation(tuple(1 if d in averaged else side for d, side in enumerate(shape)))
        axes_tensor = self.writer.constant(f"axes {len(self.writer.tensors)}", axes)
        self.add_node("MEAN", [self.current, axes_tensor], output, "ReducerOptions", KeepDims=True)

    def flat_end(self) -> None:
        """RESHAPE, FULLY_CONNECTED, sometimes another, SOFTMAX."""
        size = int(np.prod(self.shapes[self.current]))
        flat = self.activation((1, size), like=self.current)
        shape = self.writer.constant(f"shape {len(self.writer.tensors)}", [1, -1])
        self.add_node("RESHAPE", [self.current, shape], flat)
        for _ in range(self.pick(1, 2)):
            size, units = self.shapes[self.current][-1], self.pick(1, 3, 7, 10)
            output, weights = self.activation((1, units)), self.weights((units, size), 0)
            self.add_node(
                *("FULLY_CONNECTED", [self.current, weights, *self.bias(units, weights, [-1])], output),
                *("FullyConnectedOptions",),
                FusedActivationFunction=self.pick(*ACTIVATIONS),
            )
        probabilities = self.writer.tensor("probabilities", self.shapes[self.current], "int8", 1 / 256, -128)
        self.add_node("SOFTMAX", [self.current], probabilities, "SoftmaxOptions", Beta=1.0)


def random_graph(seed: int, *, length: int = 7) -> bytes:
    """Make a model of `length` random operators and a dense end."""
    maker = GraphMaker(seed)
    steps: list[Callable[[], None]] = [
        *(maker.convolution, maker.convolution, maker.depthwise, maker.depthwise, maker.pool, maker.arithmetic),
        *(maker.arithmetic, maker.relu, maker.pad, maker.concatenation, maker.requantize, maker.mean),
    ]
    for _ in range(length):
        steps[int(maker.random.integers(len(steps)))]()
    maker.flat_end()
    return maker.writer.bytes([maker.input], [maker.current])
