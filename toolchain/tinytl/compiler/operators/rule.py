# SPDX-License-Identifier: Apache-2.0
"""What the compiler knows of one TFLite operator (`Rule`), and the checks that rules share.

Every check raises a CompileError that begins with the node's place. Rules see a graph whose constants are arrays and
whose shapes are inferred up to the node.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from tinytl.compiler.arithmetic.multipliers import ACTIVATIONS, DOMAINS, activation_range
from tinytl.compiler.graph import Graph, Node, Tensor
from tinytl.compiler.options import NoOptions, Options
from tinytl.compiler.program import Builder

Shape = tuple[int, ...]
MAX_SIDE = 2**15


@dataclass(frozen=True)
class Rule:
    """One TFLite operator.

    Attributes:
        operator: TFLite's name. versions: largest version that is understood; smaller ones mean less.
        shape: output shape from the inputs.
        lower: takes graph, node, builder: appends to the builder the image operator that computes the node, a node of the graph, or
            refuses the node. None where `fold` always replaces it.
        fold: value of the output where it is known before the model runs, or None.
        schema: name of the options table. options: used where the file has no table.
        many: the operator may have several outputs; each is lowered as a node of its own.
        states: positions of inputs that are variables of the operator, zero when an inference begins.
        view: only dims change, or only the dims seen matter: inputs and outputs may have more than 4 of them.
    """

    operator: str
    versions: int
    shape: Callable[[Graph, Node], Shape]
    lower: Callable[[Graph, Node, Builder], None] | None
    fold: Callable[[Graph, Node], np.ndarray | None] | None = None
    schema: str = ""
    options: Options = field(default_factory=NoOptions)
    many: bool = False
    states: tuple[int, ...] = ()
    view: bool = False


def same_shape(graph: Graph, node: Node) -> Shape:
    """Shape rule of operators that work element by element."""
    return graph.input(node, 0).shape


def quantized_input(graph: Graph, node: Node, position: int, dtypes: tuple[str, ...] = ("int8",)) -> Tensor:
    """Return an input after checking that it is quantized as a whole, to one of `dtypes`.

    Args:
        graph: with its shapes inferred. node: one of its nodes. position: of the input. dtypes: names of the types that are taken.
    """
    return _quantized(node, graph.input(node, position), f"input {position}", dtypes)


def quantized_output(graph: Graph, node: Node, dtypes: tuple[str, ...] = ("int8",)) -> Tensor:
    """Return the output after the same checks.

    Args:
        graph: with its shapes inferred. node: one of its nodes. dtypes: names of the types that are taken.
    """
    return _quantized(node, graph.output(node), "the output", dtypes)


def _quantized(node: Node, tensor: Tensor, role: str, dtypes: tuple[str, ...]) -> Tensor:
    require_dtype(node, tensor, role, dtypes)
    quantization = tensor.quantization
    if quantization is None:
        raise node.refuse(f"{role} is {tensor.dtype} without scale and zero point", expected="a quantized tensor")
    if len(quantization.scales) != 1:
        raise node.refuse(f"{role} has {len(quantization.scales)} scales", expected="one (per-tensor quantization)")
    if not 0 < float(tensor.scale) < float("inf"):
        raise node.refuse(f"{role} has scale {float(tensor.scale):g}", expected="a finite scale > 0")
    low, high = DOMAINS[tensor.dtype]
    if not low <= tensor.zero_point <= high:
        raise node.refuse(f"{role} has zero point {tensor.zero_point}", expected=f"{low} to {high}")
    return tensor


def require_dtype(node: Node, tensor: Tensor, role: str, dtypes: tuple[str, ...]) -> None:
    """Refuse a tensor of any other type.

    Args:
        node: named by a refusal. tensor: one of its inputs or its output. role: how the refusal calls it, e.g. "input 0".
        dtypes: names of the types that are taken.
    """
    if tensor.dtype in dtypes:
        return
    hint = ""
    if tensor.dtype == "float32":
        hint = "quantize the model to int8 (converter.optimizations, a representative dataset, TFLITE_BUILTINS_INT8)"
    raise node.refuse(f"{role} is {tensor.dtype}", expected=" or ".join(dtypes), hint=hint)


def require_rank(node: Node, tensor: Tensor, role: str, rank: int) -> Shape:
    """Return the shape of a tensor that must have `rank` dimensions.

    Args:
        node: named by a refusal. tensor: one of its inputs or its output. role: how the refusal calls it.
        rank: dimensions that it must have.
    """
    if len(tensor.shape) != rank:
        raise node.refuse(f"{role} has shape {list(tensor.shape)}", expected=f"{rank} dimensions")
    return tensor.shape


def require_equal_quantization(node: Node, a: Tensor, b: Tensor, role: str) -> None:
    """Refuse two tensors of an operator that only moves or compares bytes, if their bytes mean different numbers.

    Args:
        node: named by a refusal. a: an input. b: the output; both quantized as a whole. role: how the refusal calls `a`.
    """
    if (a.scale, a.zero_point) != (b.scale, b.zero_point):
        raise node.refuse(
            f"{role} has scale {float(a.scale):g} and zero point {a.zero_point}, the output {float(b.scale):g} and {b.zero_point}",
            expected="the same",
        )


def constant_input(graph: Graph, node: Node, position: int, role: str) -> np.ndarray:
    """Return the content of an input that must be known before the model runs.

    Args:
        graph: that holds the node. node: named by a refusal. position: of the input. role: how the refusal calls it, e.g. "the weights".
    """
    tensor = graph.input(node, position)
    if tensor.data is None:
        raise node.refuse(f"{role} (input {position}) are computed by the graph", expected="constants")
    return tensor.data


def clamp(node: Node, activation: str, output: Tensor) -> tuple[int, int]:
    """Return act_min, act_max of a fused activation.

    Args:
        node: named by a refusal. activation: TFLite's name of it. output: int8 or uint8, quantized as a whole.
    """
    if activation not in ACTIVATIONS:
        raise node.refuse(f"fused activation {activation} is not supported", expected=", ".join(ACTIVATIONS))
    return activation_range(activation, output.dtype, output.scale, output.zero_point)


def require_positive(node: Node, **values: int) -> None:
    """Refuse strides, dilations or filter sides outside 1 … 32,768."""
    for name, value in values.items():
        if not 1 <= value <= MAX_SIDE:
            raise node.refuse(f"{name} is {value}", expected=f"1 to {MAX_SIDE:,}")


def require_one_image(node: Node, tensor: Tensor, role: str = "input 0") -> Shape:
    """Return the shape of an input that must be one image [1, height, width, channels].

    Args:
        node: named by a refusal. tensor: one of its inputs or its output. role: how the refusal calls it.
    """
    shape = require_rank(node, tensor, role, 4)
    if shape[0] != 1:
        raise node.refuse(f"{role} has shape {list(shape)}", expected="a batch of 1")
    return shape


def window_side(node: Node, side: int, reach: int, stride: int, padding: str) -> tuple[int, int]:
    """Return (output side, padding before) of a window along one dimension, as TFLite computes them.

    SAME: output = ⌈side / stride⌉, padding = max((output − 1) × stride + reach − side, 0), the smaller half before.
    VALID: output = ⌊(side − reach) / stride⌋ + 1, no padding.

    Args:
        node: named by a refusal. side: of the input, `MAX_SIDE` at most, like the reach. reach: (filter − 1) × dilation + 1.
        stride: 1 or more. padding: "SAME" or "VALID".
    """
    if max(side, reach) > MAX_SIDE:
        raise node.refuse(f"a side of {side} under a window of {reach}", expected=f"at most {MAX_SIDE:,}")
    if padding == "SAME":
        output = -(-side // stride)
        return output, max((output - 1) * stride + reach - side, 0) // 2
    if padding != "VALID":
        raise node.refuse(f"padding {padding} is not supported", expected="SAME, VALID")
    if reach > side:
        raise node.refuse(f"a window of {reach} does not fit into {side}", expected="a window no larger than its input")
    return (side - reach) // stride + 1, 0
