# SPDX-License-Identifier: Apache-2.0
"""Multiply-accumulates of Keras layers, from shapes alone.

In: a built layer with the shapes of one call. Out: MACs of one forward pass of one sample. What has no weights to
multiply counts 0: pooling, activations, additions, and batch-norm, which the converter folds. A separable convolution comes as its two.
"""

from collections.abc import Sequence
from math import prod
from typing import Any

_CONVOLUTIONS = ("Conv1D", "Conv2D", "Conv3D", "DepthwiseConv1D", "DepthwiseConv2D")
_TRANSPOSED = ("Conv1DTranspose", "Conv2DTranspose", "Conv3DTranspose")


def layer_macs(layer: Any, input_shape: Sequence[int | None], output_shape: Sequence[int | None]) -> int:
    """Count the MACs of one call of a layer: positions × weights that meet at each.

    Args:
        layer: a built Keras layer, channels last.
        input_shape, output_shape: of the call, batch first.
    """
    kind = type(layer).__name__
    if kind == "Dense" or kind in _CONVOLUTIONS:
        return _positions(output_shape) * prod(layer.kernel.shape)
    if kind in _TRANSPOSED:
        return _positions(input_shape) * prod(layer.kernel.shape)
    return 0


def _positions(shape: Sequence[int | None]) -> int:
    """Places that a kernel visits: the sides between batch and channels."""
    return prod(side or 1 for side in shape[1:-1])
