# SPDX-License-Identifier: Apache-2.0
"""Options of TFLite operators, one frozen dataclass a kind; field names are the ones of this project, not the schema's.

`READERS` turns a flatbuffer table into its dataclass. `activation` is NONE, RELU, RELU6 or RELU_N1_TO_1; others are
refused by the operator that carries them.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import tflite


@dataclass(frozen=True)
class Options:
    """Base of all options."""


@dataclass(frozen=True)
class NoOptions(Options):
    """The operator has none."""


@dataclass(frozen=True)
class ConvolutionOptions(Options):
    """extra_padding: rows and columns of zero points around the input (top, bottom, left, right), beside `padding`."""

    padding: str = "VALID"
    stride_h: int = 1
    stride_w: int = 1
    dilation_h: int = 1
    dilation_w: int = 1
    activation: str = "NONE"
    extra_padding: tuple[int, int, int, int] = (0, 0, 0, 0)


@dataclass(frozen=True)
class PoolOptions(Options):
    padding: str = "VALID"
    stride_h: int = 1
    stride_w: int = 1
    filter_h: int = 1
    filter_w: int = 1
    activation: str = "NONE"


@dataclass(frozen=True)
class FullyConnectedOptions(Options):
    activation: str = "NONE"
    keep_dims: bool = False
    weights_format: int = 0


@dataclass(frozen=True)
class ActivationOptions(Options):
    """Of ADD, SUB and MUL."""

    activation: str = "NONE"


@dataclass(frozen=True)
class ReshapeOptions(Options):
    new_shape: tuple[int, ...] | None = None


@dataclass(frozen=True)
class ReduceOptions(Options):
    keep_dims: bool = False


@dataclass(frozen=True)
class SoftmaxOptions(Options):
    beta: float = 1.0


@dataclass(frozen=True)
class ConcatenationOptions(Options):
    axis: int = 0
    activation: str = "NONE"


@dataclass(frozen=True)
class SqueezeOptions(Options):
    dims: tuple[int, ...] = ()


@dataclass(frozen=True)
class StridedSliceOptions(Options):
    begin_mask: int = 0
    end_mask: int = 0
    ellipsis_mask: int = 0
    new_axis_mask: int = 0
    shrink_axis_mask: int = 0
    offset: bool = False


@dataclass(frozen=True)
class PackOptions(Options):
    """Of PACK and UNPACK."""

    axis: int = 0


@dataclass(frozen=True)
class LeakyReluOptions(Options):
    alpha: float = 0.0


@dataclass(frozen=True)
class L2NormalizationOptions(Options):
    activation: str = "NONE"


@dataclass(frozen=True)
class ResizeOptions(Options):
    """Of RESIZE_BILINEAR and RESIZE_NEAREST_NEIGHBOR."""

    align_corners: bool = False
    half_pixel_centers: bool = False


@dataclass(frozen=True)
class TransposeConvOptions(Options):
    padding: str = "VALID"
    stride_h: int = 1
    stride_w: int = 1
    activation: str = "NONE"


@dataclass(frozen=True)
class SequenceLstmOptions(Options):
    """cell_clip: bound of the cell state in real numbers, 0 for none. time_major: [steps, batch, …] instead of [batch, steps, …]."""

    activation: str = "NONE"
    cell_clip: float = 0.0
    time_major: bool = False


OptionsKind = TypeVar("OptionsKind", bound=Options)


def options_of(options: Options, kind: type[OptionsKind]) -> OptionsKind:
    """Return the options as the kind that the operator's rule declares; the reader has made sure of it."""
    if not isinstance(options, kind):
        raise TypeError(f"options are {type(options).__name__}, not {kind.__name__}")
    return options


_ACTIVATIONS = {value: name for name, value in vars(tflite.ActivationFunctionType).items() if isinstance(value, int)}
_PADDINGS = {tflite.Padding.SAME: "SAME", tflite.Padding.VALID: "VALID"}


def _activation(table: Any) -> str:
    return _ACTIVATIONS.get(table.FusedActivationFunction(), f"number {table.FusedActivationFunction()}")


def _window(table: Any) -> dict[str, Any]:
    padding = _PADDINGS.get(table.Padding(), f"number {table.Padding()}")
    return {
        "padding": padding,
        "stride_h": table.StrideH(),
        "stride_w": table.StrideW(),
        "activation": _activation(table),
    }


def _convolution(table: Any) -> ConvolutionOptions:
    return ConvolutionOptions(**_window(table), dilation_h=table.DilationHFactor(), dilation_w=table.DilationWFactor())


def _pool(table: Any) -> PoolOptions:
    return PoolOptions(**_window(table), filter_h=table.FilterHeight(), filter_w=table.FilterWidth())


def _fully_connected(table: Any) -> FullyConnectedOptions:
    return FullyConnectedOptions(_activation(table), bool(table.KeepNumDims()), table.WeightsFormat())


def _reshape(table: Any) -> ReshapeOptions:
    if table.NewShapeIsNone():
        return ReshapeOptions()
    return ReshapeOptions(tuple(int(side) for side in table.NewShapeAsNumpy()))


def _squeeze(table: Any) -> SqueezeOptions:
    return SqueezeOptions(() if table.SqueezeDimsIsNone() else tuple(int(side) for side in table.SqueezeDimsAsNumpy()))


def _strided_slice(table: Any) -> StridedSliceOptions:
    return StridedSliceOptions(
        *(table.BeginMask(), table.EndMask(), table.EllipsisMask(), table.NewAxisMask(), table.ShrinkAxisMask()),
        bool(table.Offset()),
    )


def _resize(table: Any) -> ResizeOptions:
    return ResizeOptions(bool(table.AlignCorners()), bool(table.HalfPixelCenters()))


def _sequence_lstm(table: Any) -> SequenceLstmOptions:
    return SequenceLstmOptions(_activation(table), float(table.CellClip()), bool(table.TimeMajor()))


READERS: dict[str, Callable[[Any], Options]] = {
    "Conv2DOptions": _convolution,
    "DepthwiseConv2DOptions": _convolution,
    "Pool2DOptions": _pool,
    "FullyConnectedOptions": _fully_connected,
    "AddOptions": lambda table: ActivationOptions(_activation(table)),
    "MulOptions": lambda table: ActivationOptions(_activation(table)),
    "ReshapeOptions": _reshape,
    "ReducerOptions": lambda table: ReduceOptions(bool(table.KeepDims())),
    "SoftmaxOptions": lambda table: SoftmaxOptions(float(table.Beta())),
    "ConcatenationOptions": lambda table: ConcatenationOptions(table.Axis(), _activation(table)),
    "SqueezeOptions": _squeeze,
    "StridedSliceOptions": _strided_slice,
    "PackOptions": lambda table: PackOptions(table.Axis()),
    "UnpackOptions": lambda table: PackOptions(table.Axis()),
    "SubOptions": lambda table: ActivationOptions(_activation(table)),
    "LeakyReluOptions": lambda table: LeakyReluOptions(float(table.Alpha())),
    "L2NormOptions": lambda table: L2NormalizationOptions(_activation(table)),
    "ResizeBilinearOptions": _resize,
    "ResizeNearestNeighborOptions": _resize,
    "TransposeConvOptions": lambda table: TransposeConvOptions(**_window(table)),
    "UnidirectionalSequenceLSTMOptions": _sequence_lstm,
}
"""Schema table name → reader. Tables that are not here (PadOptions, QuantizeOptions …) have no fields."""
