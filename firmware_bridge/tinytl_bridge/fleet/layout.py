# SPDX-License-Identifier: Apache-2.0
"""Which words of a head's state are whose, from what an image says of itself.

In: the `head` of an image's metadata (SPEC.md section 2.9). Out: the layers that train, with their words. Whether weights are int8 is not
told there: it follows from the words that all layers have together.
"""

from collections.abc import Mapping
from typing import Any

from tinytl.compiler.head.int8_weights import row_bytes
from tinytl.errors import DeviceError
from tinytl_bridge.fleet.head_file import LayerWords

_WITH_ROWS = ("dense", "conv_2d")


def layers_of(head: Mapping[str, Any]) -> tuple[LayerWords, ...]:
    """Return the layers that train, in the order of the state.

    Args:
        head: `layers` with name, kind, shape and `trains`, the count of numbers that train; `parameter_count`, the words of the state.

    Raises:
        DeviceError: no choice of int8 layers has so many words.
    """
    told = [layer for layer in head["layers"] if layer["trains"]]
    floats = [LayerWords(layer["name"], layer["trains"]) for layer in told]
    int8 = [_with_bytes(layer) for layer in told]
    choices = (floats, int8, [*int8[:-1], *floats[-1:]])  # the last layer stays float where it grows
    for layers in choices:
        if sum(layer.words for layer in layers) == head["parameter_count"]:
            return tuple(layers)
    raise DeviceError(
        f"the model's head has {head['parameter_count']:,} words", expected=" or ".join(
            f"{sum(layer.words for layer in layers):,}" for layers in choices[:2]), hint="flash the bundle with this version of tinytl",
    )  # fmt: skip


def _with_bytes(layer: Mapping[str, Any]) -> LayerWords:
    """Return a layer as it is where its weights are int8: rows of a multiple of eight bytes, then a float bias a row."""
    rows, numbers = int(layer["shape"][-1]), int(layer["trains"])
    if layer["kind"] not in _WITH_ROWS or numbers <= rows or numbers % rows:
        return LayerWords(layer["name"], numbers)
    weights = rows * row_bytes(numbers // rows - 1) // 4
    return LayerWords(layer["name"], weights + rows, weights)
