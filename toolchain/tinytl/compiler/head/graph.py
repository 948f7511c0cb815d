# SPDX-License-Identifier: Apache-2.0
"""How a device runs the head's graph: which layers run pixel by pixel together, what is stored whole, and when each buffer is needed.

In: a `Head`. Out: a `HeadGraph`. Time runs over one step of learning: 0 after the last operator, then a tick for each
group forward, one for the loss, one for each group backward. A group is a layer and those behind it that work on the same
pixels: what lies between them is one pixel at a time. A number that is needed again backwards stays whole; of an activation
only a bit an element stays (SPEC.md section 2.5).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from math import prod

from tinytl.compiler.head.int8_weights import scratch_bytes
from tinytl.compiler.memory.placing import Buffer
from tinytl.compiler.records import STORAGE_FEATURE, STORAGE_PIXEL, STORAGE_WHOLE
from tinytl.head.layers import Head, HeadLayer

FLOAT_BYTES = 4
_POOLS = ("average_pool", "max_pool")
_POINTWISE = ("add", "activation", "dropout", "scale", "concatenate")


@dataclass(frozen=True)
class HeadGraph:
    """A head as the device runs it.

    Attributes:
        class_capacity: numbers that the gradient of the logits has room for. int8: numbers of layers with such weights.
    """

    head: Head
    class_capacity: int
    int8: frozenset[int] = frozenset()

    @cached_property
    def groups(self) -> tuple[tuple[int, ...], ...]:
        """Numbers of the layers of each group."""
        groups: list[list[int]] = []
        for number in range(len(self.head.layers)):
            if groups and self._joins(number, groups[-1]):
                groups[-1].append(number)
            else:
                groups.append([number])
        return tuple(tuple(group) for group in groups)

    def joins(self, number: int) -> bool:
        """Tell whether a layer runs with the one before it."""
        return self._group_of(number)[0] != number

    @cached_property
    def last_readers(self) -> tuple[int, ...]:
        """For each value the last layer that reads it; 0 for the logits."""
        last = [0] * len(self.head.shapes)
        for number in range(len(self.head.layers)):
            for value in self.head.inputs_of(number):
                last[value] = number
        return tuple(last)

    @cached_property
    def storage(self) -> tuple[int, ...]:
        """For each value how it is stored: a `STORAGE_` number."""
        layers = range(len(self.head.layers))
        return (*(STORAGE_FEATURE for _ in self.head.feature_shapes), *(self._storage(number) for number in layers))

    def has_mask(self, number: int) -> bool:
        """Tell whether layer `number` keeps a bit for each element: for its activation, unless its output is a vector and stays."""
        value = self.head.value_of(number)
        vector = self.head.shapes[value][:2] == (1, 1) and self.storage[value] == STORAGE_WHOLE
        return self.head.wanted[value] and self.head.layers[number].activation != "none" and not vector

    @cached_property
    def columns_floats(self) -> int:
        """Numbers of the largest window that has to be copied."""
        return max(self._columns(number) for number in range(len(self.head.layers)))

    @cached_property
    def int8_scratch_bytes(self) -> int:
        """What the layers with int8 weights compute with."""
        return max((scratch_bytes(self.head.layers[number], self.pixels(number)) for number in self.int8), default=0)

    def pixels(self, number: int) -> int:
        """Return the pixels of a layer's output."""
        return prod(self.head.shapes[self.head.value_of(number)][:2])

    @property
    def end(self) -> int:
        """The last tick of a step."""
        return self._backward(0)

    def buffers(self) -> Iterator[Buffer]:
        """Yield every buffer of a step with its ticks."""
        if self.columns_floats:
            yield Buffer("columns", self.columns_floats * FLOAT_BYTES, self._forward(0), self.end)
        if self.int8:
            yield Buffer("int8 scratch", self.int8_scratch_bytes, self._forward(0), self.end)
        for number in range(len(self.head.layers)):
            yield from self._buffers_of(number)

    def _buffers_of(self, number: int) -> Iterator[Buffer]:
        value, name, group = self.head.value_of(number), self.head.layers[number].name, self._group_number(number)
        height, width, channels = self.head.shapes[value]
        pixels = height * width if self.storage[value] == STORAGE_WHOLE else 1
        forward, backward = self._forward(group), self._backward(group)
        yield Buffer(f"output of {name}", pixels * channels * FLOAT_BYTES, forward, self._last_use(number))
        if self.head.wanted[value]:
            last = number + 1 == len(self.head.layers)
            floats = max(pixels * channels, self.class_capacity if last else 0)
            first = self._loss if last else self._backward(self._group_number(self.last_readers[value]))
            yield Buffer(f"gradient of {name}", floats * FLOAT_BYTES, first, backward)
        if self.has_mask(number):
            yield Buffer(f"mask of {name}", height * width * -(-channels // 8), forward, backward)
        if self.head.layers[number].kind == "max_pool":
            yield Buffer(f"places of {name}", height * width * channels, forward, backward)

    def _last_use(self, number: int) -> int:
        """Forward: the last reader, or the loss. Backward: readers whose weights train, and an activation without a mask."""
        value = self.head.value_of(number)
        ticks = [self._loss if number + 1 == len(self.head.layers) else self._forward(self._group_number(self.last_readers[value]))]
        for reader, layer in enumerate(self.head.layers):
            if value in self.head.inputs_of(reader) and layer.weights is not None and layer.trains == "all":
                ticks.append(self._backward(self._group_number(reader)))
        if self.head.layers[number].activation != "none" and self.head.wanted[value] and not self.has_mask(number):
            ticks.append(self._backward(self._group_number(number)))
        return max(ticks)

    def _storage(self, number: int) -> int:
        value, group = self.head.value_of(number), self._group_of(number)
        readers = [reader for reader in range(len(self.head.layers)) if value in self.head.inputs_of(reader)]
        inside = bool(readers) and all(reader in group for reader in readers)
        return STORAGE_PIXEL if inside and self.head.layers[number].kind not in _POOLS else STORAGE_WHOLE

    def _joins(self, number: int, group: list[int]) -> bool:
        layer, first = self.head.layers[number], group[0]
        if layer.kind not in (*_POINTWISE, *_POOLS) or layer.trained_count:
            return False
        inputs = self.head.inputs_of(number)
        kinds = {self.head.value_of(member): self.head.layers[member].kind for member in group}
        if not any(value in kinds for value in inputs) or any(kinds.get(value) in _POOLS for value in inputs):
            return False
        return self._domain(number) == self._domain(first)

    def _domain(self, number: int) -> tuple[int, int]:
        """Pixels that a layer runs over: a pool's are those of its input."""
        pool = self.head.layers[number].kind in _POOLS
        height, width, _ = self.head.shapes[self.head.inputs_of(number)[0] if pool else self.head.value_of(number)]
        return height, width

    def _columns(self, number: int) -> int:
        layer, inputs = self.head.layers[number], self.head.inputs_of(number)
        shape, is_feature = self.head.shapes[inputs[0]], min(inputs) < len(self.head.feature_shapes)
        if number in self.int8 and (layer.window == (1, 1) or not self.head.wanted[inputs[0]]):
            return 0
        if layer.kind == "dense":
            return prod(shape) if is_feature else 0
        if layer.kind in ("conv_2d", "depthwise_conv_2d") and layer.window != (1, 1):
            return prod(layer.window) * shape[2]
        return max(self.head.shapes[value][2] for value in inputs) if is_feature else 0

    def _group_number(self, number: int) -> int:
        return next(index for index, group in enumerate(self.groups) if number in group)

    def _group_of(self, number: int) -> tuple[int, ...]:
        return self.groups[self._group_number(number)]

    def _forward(self, group: int) -> int:
        return 1 + group

    @property
    def _loss(self) -> int:
        return 1 + len(self.groups)

    def _backward(self, group: int) -> int:
        return 1 + 2 * len(self.groups) - group


def inner_count(layer: HeadLayer) -> int:
    """Return the numbers that one output number is a product of, as the layer's record says."""
    if layer.weights is None or layer.kind == "scale":
        return 1
    if layer.kind == "depthwise_conv_2d":
        return prod(layer.window)
    return int(layer.weights[0].size)
