# SPDX-License-Identifier: Apache-2.0
"""The operators of an image, SPEC.md table 2.4: code, name, parameters in order, where the output may lie.

They are read from the runtime's one list, kernels/operators.def, so a new operator changes nothing here. Each is an attribute
of this module under its name in capitals: `from tinytl.compiler.kinds import CONV_2D`.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass

from tinytl.runtime_lists import runtime_list

LIST = "kernels/operators.def"
ROW = re.compile(r"^OPERATOR\((\d+), (\w+), ([\w |]+), (\d+),((?:\s*\"[^\"\n]*\")+)\)$", re.MULTILINE)
"""One operator of the list: code, name, traits, number of parameters, their names in quotes."""


@dataclass(frozen=True)
class OperatorKind:
    """One row of the table.

    Attributes:
        code: opcode in the operator record. name: as in the table and of the kernel.
        parameters: names of the int32 parameters, in order; arrays of a number a dimension (pad, slice, transpose) count four each.
        in_place: the output may take over the bytes of an input that is as large.
        by_rows: the portable kernel makes the output's rows in order from rows of input 0, which the output may then grow over.
        in_strips: works place by place, and `row_strips` may cut it.
    """

    code: int
    name: str
    parameters: tuple[str, ...] = ()
    in_place: bool = False
    by_rows: bool = False
    in_strips: bool = False


def read_kinds(text: str) -> dict[int, OperatorKind]:
    """Return opcode → kind of a list. text: as kernels/operators.def."""
    return {kind.code: kind for kind in map(_kind, ROW.finditer(text))}


def _kind(row: re.Match[str]) -> OperatorKind:
    code, name, traits, _, quoted = row.groups()
    names = re.findall(r"[\w\[\]]+", quoted)
    parameters = tuple(parameter for listed in names for parameter in _numbered(listed))
    has = [trait in traits.split(" | ") for trait in ("IN_PLACE", "BY_ROWS", "IN_STRIPS")]
    return OperatorKind(int(code), name, parameters, *has)


def _numbered(listed: str) -> list[str]:
    name, array, _ = listed.partition("[4]")
    return [f"{name}{dimension}" for dimension in range(4)] if array else [name]


KINDS: dict[int, OperatorKind] = read_kinds(runtime_list(LIST))
"""Opcode → kind."""
_BY_NAME = {kind.name.upper(): kind for kind in KINDS.values()}


def _named(name: str) -> OperatorKind:
    """Return the kind of that name in capitals."""
    if name in _BY_NAME:
        return _BY_NAME[name]
    raise AttributeError(f"{LIST} has no operator {name.lower()!r}")


__getattr__: Callable[[str], OperatorKind] = _named
"""Makes the kinds attributes of this module. (A variable, because mypy takes a function's type for unknown where it is imported.)"""
