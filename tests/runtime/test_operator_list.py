# SPDX-License-Identifier: Apache-2.0
"""Every operator of kernels/operators.def has its other places under the same name: kernel with check rule and parameters, lowering,
row in SPEC.md table 2.4, parity test. And every kernel of a family has its own.
"""

import inspect
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from layers import kernels_of
from single_operators import MODELS

from tinytl.compiler import operators
from tinytl.compiler.kinds import KINDS, LIST, ROW, OperatorKind
from tinytl.compiler.variants import VARIANTS
from tinytl_bridge.paths import runtime_dir

ROOT = Path(__file__).resolve().parents[2]
SPEC = (ROOT / "SPEC.md").read_text(encoding="utf-8")
TABLE = dict(re.findall(r"^\| (\d+) \| (\w+) \|", SPEC.split("### 2.4", 1)[1].split("\n### ", 1)[0], re.MULTILINE))
LIST_TEXT = (runtime_dir() / LIST).read_text(encoding="utf-8")
PORTABLE = runtime_dir() / "kernels/portable"
VIEWS = {"reshape"}
"""The compiler makes them views of the same bytes, so none is in an image that it wrote; `test_image_check` runs their kernels."""
SHARED = {"dot_product.c", "pair_checks.c", "shape_checks.c"}
"""Of the portable folder what several operators call."""


def has_row_in_spec(kind: OperatorKind) -> bool:
    return TABLE.get(str(kind.code)) == kind.name


def kernel_text(kind: OperatorKind) -> str:
    path = PORTABLE / f"{kind.name}.c"
    return path.read_text(encoding="utf-8") if path.exists() else ""


def has_kernel(kind: OperatorKind) -> bool:
    return f"\nvoid tinytl_{kind.name}(const tinytl_call *call)\n{{" in kernel_text(kind)


def has_check_rule(kind: OperatorKind) -> bool:
    return f"\nint tinytl_rule_{kind.name}(const tinytl_call *call)\n{{" in kernel_text(kind)


def has_enum_of_parameters(kind: OperatorKind) -> bool:
    """In the kernel's file, or in a header that it includes where operators share one; an array's name stands for its first element."""
    expected = [name.removesuffix("0").upper() for name in kind.parameters if not re.fullmatch(r"[a-z]+[123]", name)]
    included = re.findall(r'#include "(kernels/[\w/]+\.h)"', kernel_text(kind))
    texts = [kernel_text(kind), *((runtime_dir() / path).read_text(encoding="utf-8") for path in included)]
    bare = (re.sub(r"/\*.*?\*/|= \d+", "", text, flags=re.DOTALL) for text in texts)
    enums = [re.findall(r"\w+", body) for text in bare for body in re.findall(r"enum \{(.*?)\}", text, re.DOTALL)]
    return not expected or any([name.removeprefix("POOL_") for name in names] == expected for names in enums)


def tells_operands(kind: OperatorKind) -> bool:
    return re.search(r"→\s+(\* )?output", kernel_text(kind).partition("*/")[0]) is not None


def has_lowering(kind: OperatorKind) -> bool:
    lowerings = [inspect.getsource(inspect.getmodule(rule.lower)) for rule in operators.RULES.values() if rule.lower]  # type: ignore[arg-type]
    return kind.name in VIEWS or any(re.search(rf"\b{kind.name.upper()}\b", text) for text in lowerings)


def has_parity_test(kind: OperatorKind) -> bool:
    return kind.name in VIEWS or any(model.partition(" ")[0] == kind.name for model in MODELS)


PLACES: dict[str, Callable[[OperatorKind], bool]] = {
    "its row in SPEC.md table 2.4": has_row_in_spec,
    "its kernel, tinytl_NAME in kernels/portable/NAME.c": has_kernel,
    "its check rule, tinytl_rule_NAME in kernels/portable/NAME.c": has_check_rule,
    "the enum of its parameters, as operators.def names them, in kernels/portable/NAME.c": has_enum_of_parameters,
    "its operands (dtype, shape) in the first comment of kernels/portable/NAME.c": tells_operands,
    "its lowering in compiler/operators/": has_lowering,
    "a parity test whose name begins with it in tests/runtime/single_operators.py": has_parity_test,
}


def missing_places(kind: OperatorKind) -> list[str]:
    return [place.replace("NAME", kind.name) for place, is_there in PLACES.items() if not is_there(kind)]


@pytest.mark.parametrize("kind", KINDS.values(), ids=lambda kind: kind.name)
def test_operator_has_all_its_places(kind: OperatorKind) -> None:
    missing = missing_places(kind)
    assert not missing, f"operator {kind.name} lacks {'; '.join(missing)}"


def test_operator_without_places_is_told_which() -> None:
    assert missing_places(OperatorKind(99, "invented", ("axis",))) == [place.replace("NAME", "invented") for place in PLACES]


def test_list_is_read_whole_and_in_order() -> None:
    """A row that the reader passes over would be an operator that the compiler does not know."""
    assert len(ROW.findall(LIST_TEXT)) == len(re.findall(r"^OPERATOR\(", LIST_TEXT, re.MULTILINE)) == len(KINDS)
    assert list(KINDS) == list(range(1, len(KINDS) + 1))
    assert {str(code): kind.name for code, kind in KINDS.items()} == TABLE
    for code, name, traits, count, _ in ROW.findall(LIST_TEXT):
        assert len(KINDS[int(code)].parameters) == int(count), f"operator {name} has another number of names than parameters"
        assert set(traits.split(" | ")) <= {"NO_TRAITS", "IN_PLACE", "BY_ROWS", "IN_STRIPS"}, f"operator {name} has unknown traits"


def test_every_portable_kernel_is_in_the_list() -> None:
    assert {path.name for path in PORTABLE.glob("*.c")} - SHARED == {f"{kind.name}.c" for kind in KINDS.values()}


def test_kernels_know_nothing_of_the_image() -> None:
    """image/ calls kernels through one header and never the other way round."""

    def included(folder: str) -> set[str]:
        texts = (path.read_text(encoding="utf-8") for path in (runtime_dir() / folder).rglob("*.[ch]"))
        return {header for text in texts for header in re.findall(r'#include "([^"]+)"', text)}

    assert not [header for header in included("kernels") if header.startswith("image/")]
    assert {header for header in included("image") if header.startswith("kernels/")} == {"kernels/operators.h", "kernels/linked.def"}


def test_recipes_name_files_that_exist() -> None:
    """CONTRIBUTING.md, from «A new operator» on."""
    recipes = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8").split("## A new operator", 1)[1]
    paths = re.findall(r"`([\w./]+/[\w./]*|[A-Z]+\.md)`", recipes)
    assert len(paths) > 30
    assert not [path for path in paths if not (ROOT / path).exists()]


@pytest.mark.parametrize(("family", "section"), [("dsp", "2.7"), ("mve", "2.8")])
def test_kernels_of_a_family_are_in_spec_compiler_and_runtime(family: str, section: str) -> None:
    """SPEC.md's table, the compiler's variants and the runtime's list name the same kernels with as many parameters."""
    text = SPEC.split(f"### {section}", 1)[1].split("\n### ", 1)[0].split("\n## ", 1)[0]
    rows = re.findall(r"^\| (\w+) \| (\d+) \| (\w+) \|", text, re.MULTILINE)
    variants = [VARIANTS[key] for key in kernels_of(family)]
    known = {(each.kind.name, str(each.number), each.name): len(each.parameters) for each in variants}
    assert {tuple(row) for row in rows} == set(known)
    listed = (runtime_dir() / f"kernels/{family}/variants.def").read_text(encoding="utf-8")
    found = re.findall(r"^VARIANT\((\w+), (\d+), (\w+), (\d+)\)", listed, re.MULTILINE)
    assert {(kind, number, name): int(count) for kind, number, name, count in found} == known
