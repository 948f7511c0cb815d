# SPDX-License-Identifier: Apache-2.0
"""Plain values checked against frozen dataclasses, in pure Python, so that it runs on every processor.

In: plain values, as `decode` returns them, and a type. Out: an instance of the type with every field checked; what is wrong is told with
the field's path and its value. Types are those of `dataclasses` and `typing`: classes, `list`, `tuple`, `dict`, `Literal`, unions, numbers,
texts, bytes (base64 in JSON), and `Annotated` with `Bounds`. Nothing is guessed: a text is no number, a bool no int; only a whole number is
taken for a float. Keys that a class does not have are passed over; a field's metadata "key" is its name in JSON.
"""

import base64
import binascii
import math
import reprlib
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, fields, is_dataclass
from functools import cache
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

_NAMES = {bool: "true or false", int: "a whole number", float: "a number", str: "a text", bytes: "a text in base64", NoneType: "null"}
_LONGEST = 80  # characters of a value in an error


class FieldError(ValueError):
    """A field that is missing or not what its type says.

    Attributes:
        path: e.g. "layers[0].kind"; empty: the whole. what: "is 7", or "is missing". expected: what would be right; empty of a missing one.
    """

    def __init__(self, path: str, what: str, expected: str = "") -> None:
        self.path, self.what, self.expected = path, what, expected
        super().__init__(f"{path or 'all'!r} {what}" + (f"; expected {expected}" if expected else ""))


@dataclass(frozen=True)
class Bounds:
    """What an annotated value keeps to.

    Attributes:
        ge, le: lowest and highest value. gt, lt: values that are just too low and too high. shortest, longest: length of a text or a list.
    """

    ge: float = -math.inf
    le: float = math.inf
    gt: float = -math.inf
    lt: float = math.inf
    shortest: int = 0
    longest: float = math.inf

    def hold(self, value: Any) -> bool:
        """Tell whether a number, or the length of a text or list, keeps to them; a NaN does not."""
        if not isinstance(value, int | float):
            return self.shortest <= len(value) <= self.longest
        above = self.ge <= value and (self.gt < value or self.gt == -math.inf)
        return above and value <= self.le and (value < self.lt or self.lt == math.inf)

    def __str__(self) -> str:
        limits = {"at least": self.ge, "above": self.gt, "at most": self.le, "below": self.lt}
        said = [f"{word} {limit}" for word, limit in limits.items() if math.isfinite(limit)]
        if math.isfinite(self.ge) and math.isfinite(self.le):
            said = [f"{self.ge} to {self.le}"]
        if self.shortest or self.longest < math.inf:
            said.append(f"{self.shortest} to {self.longest} long" if self.longest < math.inf else f"at least {self.shortest} long")
        return " and ".join(said)


def convert(value: Any, kind: Any, path: str = "") -> Any:
    """Build typed data of plain values.

    Args:
        value: as `decode` returns it; tuples are taken for lists. kind: a type. path: of the value, for errors.

    Returns:
        an instance of `kind`.

    Raises:
        FieldError: naming the first field that is missing or wrong. What a class's own `__post_init__` raises is passed on.
    """
    origin = get_origin(kind)
    if kind is Any:
        return value
    if origin is Annotated:
        base, bounds = get_args(kind)
        return _bounded(value, base, bounds, path)
    if origin in (Union, UnionType):
        return _one_of(value, get_args(kind), path)
    if origin is Literal:
        matching = [choice for choice in get_args(kind) if type(choice) is type(value) and choice == value]
        return matching[0] if matching else _refuse(value, kind, path)
    if origin in (list, tuple):
        return _sequence(value, kind, origin, path)
    if origin is dict:
        key_kind, value_kind = get_args(kind)
        items = value.items() if isinstance(value, Mapping) else _refuse(value, kind, path)
        return {convert(key, key_kind, path): convert(item, value_kind, f"{path}.{key}".lstrip(".")) for key, item in items}
    if is_dataclass(kind):
        return _instance(value, kind, path)
    return _scalar(value, kind, path)


def _refuse(value: Any, kind: Any, path: str) -> Any:
    shown = "null" if value is None else reprlib.repr(value)
    if len(shown) > _LONGEST:
        shown = f"a list of {len(value)}" if isinstance(value, list | tuple) else shown[:_LONGEST] + "…"
    raise FieldError(path, f"is {shown}", _named(kind))


def _named(kind: Any) -> str:
    """Say what a value of a type is."""
    origin = get_origin(kind)
    if origin is Annotated:
        base, bounds = get_args(kind)
        return f"{_named(base)}, {bounds}"
    if origin in (Union, UnionType):
        names = [_named(member) for member in get_args(kind)]
        return (", or " if any("," in name for name in names) else " or ").join(names)
    if origin is Literal:
        return " or ".join(repr(choice) for choice in get_args(kind))
    if origin is tuple and get_args(kind)[-1] is not Ellipsis:
        return f"a list of {len(get_args(kind))}"
    return "a list" if origin in (list, tuple) else _NAMES.get(kind, "an object")


def _bounded(value: Any, base: Any, bounds: Bounds, path: str) -> Any:
    try:
        converted = convert(value, base, path)
    except FieldError as error:
        if error.path != path or not error.expected:
            raise
        _refuse(value, Annotated[base, bounds], path)
    return converted if bounds.hold(converted) else _refuse(value, Annotated[base, bounds], path)


def _one_of(value: Any, kinds: tuple[Any, ...], path: str) -> Any:
    """Take the member of a union whose very type the value has, else the first that takes it."""
    problem: FieldError | None = None
    for kind in sorted(kinds, key=lambda kind: type(value) is not kind):
        try:
            return convert(value, kind, path)
        except FieldError as error:
            # What is wrong inside a value says more than that the value is none of these.
            problem = error if error.path != path else problem
    if problem is not None:
        raise problem
    return _refuse(value, Union[kinds], path)  # noqa: UP007 - made of a tuple


def _sequence(value: Any, kind: Any, origin: type, path: str) -> Any:
    kinds = get_args(kind)
    if not isinstance(value, list | tuple):
        return _refuse(value, kind, path)
    if origin is list or kinds[-1] is Ellipsis:
        kinds = (kinds[0],) * len(value)
    if len(kinds) != len(value):
        return _refuse(value, kind, path)
    return origin(convert(item, each, f"{path}[{index}]") for index, (item, each) in enumerate(zip(value, kinds, strict=True)))


@cache
def fields_of(kind: type) -> tuple[tuple[str, str, Any, bool], ...]:
    """Return (name, key in JSON, type, whether it must be there) of each field of a dataclass. kind: the class."""
    hints = get_type_hints(kind, include_extras=True)
    return tuple(
        (each.name, each.metadata.get("key", each.name), hints[each.name], each.default is MISSING and each.default_factory is MISSING)
        for each in fields(kind)
    )


def _instance(value: Any, kind: Any, path: str) -> Any:
    if not isinstance(value, Mapping):
        return _refuse(value, kind, path)
    given = {}
    for name, key, hint, required in fields_of(kind):
        if key in value:
            given[name] = convert(value[key], hint, f"{path}.{key}".lstrip("."))
        elif required:
            raise FieldError(f"{path}.{key}".lstrip("."), "is missing")
    return kind(**given)


def _scalar(value: Any, kind: Any, path: str) -> Any:
    if kind is NoneType:
        return value if value is None else _refuse(value, kind, path)
    if kind is bytes and isinstance(value, str):
        try:
            return base64.b64decode(value, validate=True)
        except (binascii.Error, ValueError):
            return _refuse(value, kind, path)
    number = int | float if kind is float else kind
    if not isinstance(value, number) or (isinstance(value, bool) and kind is not bool):
        return _refuse(value, kind, path)
    try:
        return float(value) if kind is float else value
    except OverflowError:
        return _refuse(value, kind, path)
