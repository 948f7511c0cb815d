# SPDX-License-Identifier: Apache-2.0
"""Random graphs that strips of rows can be made of: tall images, rows of whole words, residuals over windowed layers, several outputs.

`tall_graph(seed)` is a pure function of its seed, as `random_graphs.random_graph` is.
"""

from random_graphs import ACTIVATIONS, GraphMaker


class TallGraphMaker(GraphMaker):
    """Channels in fours, heights odd and even, so that most rows begin where a strip may."""

    def image(self) -> tuple[int, int, int]:
        return int(self.random.integers(11, 34)), self.pick(4, 4, 8, 12), self.pick(4, 4, 8)

    def outputs(self, groups: int) -> int:
        return self.pick(4, 8, 12)

    def residual(self) -> None:
        """A block of windowed layers that keep every side, joined with its input by one of the elementwise operators."""
        start = self.current
        shape = self.shapes[start]
        for _ in range(self.pick(1, 2)):
            self.same_sides(shape)
        operator = ("ADD", "ADD", "SUB", "MUL", "MAXIMUM", "MINIMUM")[self.pick(*range(6))]
        if operator in ("MAXIMUM", "MINIMUM"):  # equal scales
            second = self.activation(shape, like=start)
            self.add_node("QUANTIZE", [self.current], second)
            self.add_node(operator, [start, second], self.activation(shape, like=start))
            return
        inputs = [start, self.current] if self.pick(0, 1) else [self.current, start]
        schema = f"{operator.capitalize()}Options"
        self.add_node(operator, inputs, self.activation(shape), schema, FusedActivationFunction=self.pick(*ACTIVATIONS))

    def same_sides(self, shape: tuple[int, ...]) -> None:
        channels, taps, dilation = shape[3], self.pick(1, 3, 5), self.pick(1, 1, 2, 5)
        depthwise = self.pick(0, 1)
        weights = self.weights((1, taps, taps, channels) if depthwise else (channels, taps, taps, channels), 3 if depthwise else 0)
        output = self.activation(shape)
        self.add_node(
            *("DEPTHWISE_CONV_2D" if depthwise else "CONV_2D", [self.current, weights, *self.bias(channels, weights)], output),
            "DepthwiseConv2DOptions" if depthwise else "Conv2DOptions",
            **{"Padding": 0, "StrideH": 1, "StrideW": 1, "DilationHFactor": dilation, "DilationWFactor": dilation},
            **({"DepthMultiplier": 1} if depthwise else {}),
            FusedActivationFunction=self.pick(*ACTIVATIONS),
        )


def tall_graph(seed: int, *, length: int = 6) -> bytes:
    """Make a model of `length` random steps; every third also gives out its input or what an earlier step made."""
    maker = TallGraphMaker(seed)
    steps = [
        *(maker.convolution, maker.convolution, maker.convolution, maker.depthwise, maker.depthwise, maker.pool, maker.residual),
        *(maker.residual, maker.residual, maker.arithmetic, maker.relu, maker.requantize, maker.pad, maker.concatenation),
    ]
    ends = [maker.input]
    for _ in range(length):
        steps[int(maker.random.integers(len(steps)))]()
        ends.append(maker.current)
    if maker.pick(0, 1):
        maker.mean()
    outputs = [maker.current] if seed % 3 else [maker.current, ends[maker.pick(*range(len(ends)))]]
    return maker.writer.bytes([maker.input], list(dict.fromkeys(outputs)))


def two_inputs(seed: int) -> bytes:
    """Make a model that adds two images, of which the second is an output too, and goes on with residuals."""
    maker = TallGraphMaker(seed)
    second = maker.activation(maker.shapes[maker.input])
    maker.add_node("ADD", [maker.input, second], maker.activation(maker.shapes[second]), "AddOptions", FusedActivationFunction=0)
    maker.residual()
    middle = maker.current
    maker.convolution()
    maker.residual()
    maker.pool()
    return maker.writer.bytes([maker.input, second], [maker.current, (second, middle)[seed % 2]])
