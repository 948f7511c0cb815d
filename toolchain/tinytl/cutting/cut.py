# SPDX-License-Identifier: Apache-2.0
"""What a cut model is, whatever it was cut from: the one type that packing knows.

`tinytl.cutting.keras_cut.KerasCut` and `tinytl.cutting.tflite_cut.TfliteCut` are such cuts. Invariant: head(extractor(x)) is what the
model answers before its softmax or sigmoid.
"""

from dataclasses import dataclass
from typing import Any, Protocol

from tinytl.head.layers import Head


@dataclass(frozen=True)
class TrainedChannels:
    """Output channels of one convolution that train, where the others do not.

    Attributes:
        layer: name of the convolution. of: how many channels it has. numbers: those that train, ascending.
    """

    layer: str
    of: int
    numbers: tuple[int, ...]


class Cut(Protocol):
    """A model in two parts."""

    @property
    def plan(self) -> str:
        """Name of the freeze plan."""

    @property
    def extractor(self) -> Any:
        """What stays frozen: a keras.Model, or the bytes of a .tflite."""

    @property
    def head(self) -> Head:
        """What trains and all that comes behind it; its logits are the model's."""

    @property
    def frozen_macs(self) -> int:
        """Multiply-accumulates of the extractor in one forward pass of one sample."""

    @property
    def trainable_macs(self) -> int:
        """Multiply-accumulates of the head in one forward pass of one sample."""

    @property
    def channels(self) -> TrainedChannels | None:
        """Which channels of a convolution train, where the plan trains a part of them; else None."""
