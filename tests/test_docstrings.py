# SPDX-License-Identifier: Apache-2.0
"""Public functions and methods with three or more arguments say in `Args:` what each of them is.

One line of `Args:` may name several: `low, high: (channels,) int64: smallest and largest sum. shift: …`. Where another docstring has the
same arguments, ``Args: as `Class.method`.`` is enough, also ``Args, Raises: as for `function`.``
"""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
ROOMS = ("toolchain/tinytl", "firmware_bridge/tinytl_bridge", "benchmarks/tinytl_bench", "models/tinytl_models")
FILES = [path for room in ROOMS for path in sorted((ROOT / room).rglob("*.py"))]
FEWEST_ARGUMENTS = 3
SAME_AS = re.compile(r"\bArgs(, \w+)*: as (for )?`[\w.]+`")
Function = ast.FunctionDef | ast.AsyncFunctionDef


def public_functions(body: list[ast.stmt], owner: ast.ClassDef | None = None) -> Iterator[tuple[ast.ClassDef | None, Function]]:
    """Functions of a module and methods of its classes whose name, and their class's, has no leading underscore; `__init__` counts."""
    for statement in body:
        if isinstance(statement, ast.ClassDef) and not statement.name.startswith("_"):
            yield from public_functions(statement.body, statement)
        elif isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef) and (statement.name == "__init__" or statement.name[0] != "_"):
            yield owner, statement


def names_of_arguments(function: Function, *, is_method: bool) -> list[str]:
    """All of them in order, without the self or cls of a method."""
    given = function.args
    positional = [each.arg for each in (*given.posonlyargs, *given.args)]
    is_static = any(isinstance(each, ast.Name) and each.id == "staticmethod" for each in function.decorator_list)
    rest = [each.arg for each in (given.vararg, *given.kwonlyargs, given.kwarg) if each is not None]
    return positional[1 if is_method and not is_static else 0 :] + rest


def section(docstring: str, title: str) -> str:
    """Text under `title:` up to the next line that is not further in; empty without one."""
    found = re.search(rf"^{title}:(.*(?:\n(?:[ \t]+.*)?)*)", docstring, re.MULTILINE)
    return found[1] if found else ""


def undescribed(source: str) -> list[str]:
    """`function: argument, argument` for each public function of three or more arguments with some that its docstring does not name."""
    found = []
    for owner, function in public_functions(ast.parse(source).body):
        names = names_of_arguments(function, is_method=owner is not None)
        docstring = ast.get_docstring(function) or ""
        text = section(docstring, "Args")
        if owner and function.name == "__init__":
            described = ast.get_docstring(owner) or ""
            text += section(described, "Args") + section(described, "Attributes")
        missing = [name for name in names if not re.search(rf"\b{name}[:,]", text)]
        if len(names) >= FEWEST_ARGUMENTS and missing and not SAME_AS.search(docstring):
            found.append(f"{f'{owner.name}.' if owner else ''}{function.name}: {', '.join(missing)}")
    return found


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_docstring_names_every_argument(path: Path) -> None:
    assert not undescribed(path.read_text(encoding="utf-8"))


def test_an_argument_without_a_word_is_found() -> None:
    head = "class A:\n  def run(self, first, second, *, third=1, **more):\n"
    args = "    Args:\n      first, second: what. third: how.\n"
    assert undescribed(f'{head}    """x"""\n') == ["A.run: first, second, third, more"]
    assert undescribed(f'{head}    """x\n\n{args}\n    Returns:\n      more: y.\n    """\n') == ["A.run: more"]
    assert undescribed(f'{head}    """x\n\n    Args: as `B.run`.\n    """\n') == []
    assert undescribed("def run(first, second): ...\nclass _B:\n  def run(self, a, b, c): ...\n") == []
