# SPDX-License-Identifier: Apache-2.0
"""Chains of layers as .tflite files, layer by layer as a test wants them: dead and unread channels, strides, poolings, residuals."""

from math import ceil

import numpy as np
from tflite_writer import ModelWriter

SAME, VALID, RELU = 0, 1, 1


class Chain:
    """A chain of layers with dead channels; `point` is the zero point of every activation behind the first layer."""

    def __init__(self, seed: int, *, sides: tuple[int, int] = (7, 6), channels: int = 8, point: int = -128) -> None:
        self.random = np.random.default_rng(seed)
        self.writer = ModelWriter()
        self.point, self.scale = point, 0.05
        self.shape: tuple[int, ...] = (1, *sides, channels)
        self.input = self.current = self.writer.tensor("in", self.shape, "int8", self.scale, 3)

    def layer(
        self,
        kind: str,
        taps: int,
        outputs: int,
        *,
        padding: int = SAME,
        stride: int = 1,
        dead: tuple[int, ...] = (),
        unread: tuple[int, ...] = (),
    ) -> None:
        """dead: outputs without a weight, whose bias makes them constant; unread: inputs without a weight."""
        depthwise = kind == "DEPTHWISE_CONV_2D"
        depth = self.shape[3]
        shape = (1, taps, taps, depth) if depthwise else (outputs, taps, taps, depth)
        data = self.random.integers(-127, 128, shape)
        data[(..., list(dead)) if depthwise else (list(dead),)] = 0
        if not depthwise:
            data[..., list(unread)] = 0
        scale = 1.0 / (40 * np.sqrt(data.size / outputs))
        weights = self.writer.tensor(f"w{self.current}", shape, "int8", [scale] * outputs, 0, data, 3 if depthwise else 0)
        bias_data = self.random.integers(-2000, 4000, outputs)
        bias = self.writer.tensor(f"b{self.current}", (outputs,), "int32", [scale * self.scale] * outputs, data=bias_data)
        self.shape = self._windowed(taps, stride, padding, outputs)
        out = self.writer.tensor(f"t{self.current}", self.shape, "int8", self.scale, self.point)
        schema = "DepthwiseConv2DOptions" if depthwise else "Conv2DOptions"
        extra = {"DepthMultiplier": 1} if depthwise else {}
        self.writer.node(
            *(kind, [self.current, weights, bias], out, 1, schema),
            **{"Padding": padding, "StrideH": stride, "StrideW": stride, "DilationHFactor": 1, "DilationWFactor": 1},
            FusedActivationFunction=RELU,
            **extra,
        )
        self.current = out

    def pool(self) -> None:
        """Average everything."""
        self._pooled("AVERAGE_POOL_2D", self.shape[1:3], 1, VALID, (1, 1, 1, self.shape[3]))

    def max_pool(self, side: int, *, stride: int) -> None:
        self._pooled("MAX_POOL_2D", (side, side), stride, SAME, self._windowed(side, stride, SAME, self.shape[3]))

    def reshape(self, *sides: int) -> None:
        """See the current tensor with other sides."""
        self.shape = (1, *sides)
        out = self.writer.tensor(f"r{self.current}", self.shape, "int8", self.scale, self.point)
        self.writer.node("RESHAPE", [self.current, self.writer.constant(f"sides{self.current}", self.shape)], out)
        self.current = out

    def add(self, other: int) -> None:
        """Add an earlier tensor of the same shape."""
        out = self.writer.tensor(f"s{self.current}", self.shape, "int8", self.scale, self.point)
        self.writer.node("ADD", [other, self.current], out, 1, "AddOptions", FusedActivationFunction=RELU)
        self.current = out

    def _windowed(self, taps: int, stride: int, padding: int, channels: int) -> tuple[int, ...]:
        cut = 0 if padding == SAME else taps - 1
        return (1, *(ceil((side - cut) / stride) for side in self.shape[1:3]), channels)

    def _pooled(self, kind: str, sides: tuple[int, ...], stride: int, padding: int, shape: tuple[int, ...]) -> None:
        out = self.writer.tensor(f"p{self.current}", shape, "int8", self.scale, self.point)
        self.writer.node(
            *(kind, [self.current], out, 1, "Pool2DOptions"),
            **{"Padding": padding, "StrideH": stride, "StrideW": stride, "FilterHeight": sides[0], "FilterWidth": sides[1]},
        )
        self.shape, self.current = shape, out

    def bytes(self) -> bytes:
        return self.writer.bytes([self.input], [self.current])
