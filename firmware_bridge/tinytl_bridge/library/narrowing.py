# SPDX-License-Identifier: Apache-2.0
"""The inner kernels that a library's model never calls, left out: a model whose layers all rescale one way needs one of two.

A kernel chooses its inner kernel by parameters of the layer. Where no layer has some values of them, the inner kernel of those values
is not linked, its name stands for one that is, and the variant's rule refuses an image that would call it.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import product

from tinytl.compiler.image.reader import StoredOperator
from tinytl.compiler.variants import VARIANTS

_VALUES = {"rescaling": {0: "saturating", 1: "signed"}, "stride": {1: "1", 2: "2"}}
"""Parameter → value → how the inner kernel's name says it."""
_INNER = {
    "conv_2d_panels_s16": "tinytl_tile_s16_{rescaling}",
    "conv_2d_panels_s8": "tinytl_tile_s8_{rescaling}",
    "depthwise_3x3": "tinytl_depthwise_rows_{stride}_{rescaling}",
    "depthwise_windows": "tinytl_taps_{rescaling}",
}
"""Variant → its inner kernels."""


@dataclass(frozen=True)
class Narrowing:
    """stands_for: inner kernel that is not linked → one that is. conditions: variant → C expression on a call, where there is one."""

    stands_for: dict[str, str]
    conditions: dict[str, str]


def narrow(operators: Iterable[StoredOperator]) -> Narrowing:
    """Return what the operators of a model do not need."""
    layers: dict[str, list[StoredOperator]] = {}
    for operator in operators:
        if operator.record.kernel:
            layers.setdefault(VARIANTS[operator.record.opcode, operator.record.kernel].name, []).append(operator)
    stands_for: dict[str, str] = {}
    conditions = {}
    for name, pattern in _INNER.items():
        parameters = [parameter for parameter in _VALUES if f"{{{parameter}}}" in pattern]
        used = sorted({tuple(layer.parameters[parameter] for parameter in parameters) for layer in layers.get(name, ())})
        left_out = [values for values in product(*(_VALUES[parameter] for parameter in parameters)) if values not in used]
        if used and left_out:
            stands_for |= {_inner(pattern, parameters, values): _inner(pattern, parameters, used[0]) for values in left_out}
            conditions[name] = _condition(layers[name][0], parameters, used)
    return Narrowing(stands_for, conditions)


def _inner(pattern: str, parameters: list[str], values: tuple[int, ...]) -> str:
    return pattern.format(**{parameter: _VALUES[parameter][value] for parameter, value in zip(parameters, values, strict=True)})


def _condition(layer: StoredOperator, parameters: list[str], used: list[tuple[int, ...]]) -> str:
    places = [list(layer.parameters).index(parameter) for parameter in parameters]
    terms = [" && ".join(f"call->params[{place}] == {value}" for place, value in zip(places, values, strict=True)) for values in used]
    return terms[0] if len(terms) == 1 else " || ".join(f"({term})" for term in terms)


def with_stand_ins(text: str, stands_for: dict[str, str]) -> str:
    """Return a C file in which names of inner kernels that are left out stand for others, after its includes."""
    lines = [f"#define {name} {other} /* of layers that this model has not */" for name, other in stands_for.items() if name in text]
    if not lines:
        return text
    end = text.index("\n", text.rindex("#include")) + 1
    return text[:end] + "\n" + "\n".join(lines) + "\n" + text[end:]
