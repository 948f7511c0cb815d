# SPDX-License-Identifier: Apache-2.0
"""Every operator of SPEC.md table 2.4 is there as reader, lowering, shape rule, kernel and parity test, under one name."""

import inspect
import re
from pathlib import Path

import pytest
from single_operators import MODELS

from tinytl.compiler import operators
from tinytl.compiler.kinds import KINDS
from tinytl.compiler.variants import VARIANTS
from tinytl_bridge.paths import runtime_dir

SPEC = (Path(__file__).resolve().parents[2] / "SPEC.md").read_text(encoding="utf-8")
TABLE = dict(re.findall(r"^\| (\d+) \| (\w+) \|", SPEC.split("### 2.4", 1)[1].split("\n### ", 1)[0], re.MULTILINE))
VIEWS = {"reshape"}
"""The compiler makes them views of the same bytes, so none is in an image that it wrote; `test_image_check` runs their kernels."""


@pytest.mark.parametrize(("code", "name"), TABLE.items())
def test_operator_is_complete(code: str, name: str) -> None:
    runtime = runtime_dir()
    assert KINDS[int(code)].name == name
    lowerings = [inspect.getsource(inspect.getmodule(rule.lower)) for rule in operators.RULES.values() if rule.lower]
    assert name in VIEWS or any(re.search(rf"\b{name.upper()}\b", text) for text in lowerings), "no lowering"
    rules = "".join(path.read_text(encoding="utf-8") for path in sorted((runtime / "image").glob("rules*.c")))
    assert re.search(rf"^(static )?int rule_{name}\(const tinytl_call \*call\)$", rules, re.MULTILINE), "no shape rule"
    assert f"void tinytl_{name}(const tinytl_call *call)" in (runtime / f"kernels/portable/{name}.c").read_text(encoding="utf-8")
    assert name in VIEWS or any(model.partition(" ")[0] == name for model in MODELS), "no parity test"


def test_table_is_as_long_as_the_list() -> None:
    listed = (runtime_dir() / "kernels/operators.def").read_text(encoding="utf-8")
    assert re.findall(r"^OPERATOR\((\d+), (\w+),", listed, re.MULTILINE) == list(TABLE.items())


@pytest.mark.parametrize(("family", "section"), [("dsp", "2.7"), ("mve", "2.8")])
def test_kernels_of_a_family_are_in_spec_compiler_and_runtime(family: str, section: str) -> None:
    """SPEC.md's table, the compiler's variants and the runtime's list name the same kernels with as many parameters."""
    text = SPEC.split(f"### {section}", 1)[1].split("\n### ", 1)[0].split("\n## ", 1)[0]
    rows = re.findall(r"^\| (\w+) \| (\d+) \| (\w+) \|", text, re.MULTILINE)
    variants = [each for each in VARIANTS.values() if (each.number > 64) == (family == "mve")]
    known = {(each.kind.name, str(each.number), each.name): len(each.parameters) for each in variants}
    assert {tuple(row) for row in rows} == set(known)
    listed = (runtime_dir() / f"kernels/{family}/variants.def").read_text(encoding="utf-8")
    found = re.findall(r"^VARIANT\((\w+), (\d+), (\w+), (\d+)\)", listed, re.MULTILINE)
    assert {(kind, number, name): int(count) for kind, number, name, count in found} == known
