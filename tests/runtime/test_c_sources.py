# SPDX-License-Identifier: Apache-2.0
"""The runtime compiles without a warning, on 64 and 32 bits, and keeps what it promises: no writable globals, no foreign symbols."""

import subprocess
from pathlib import Path

import pytest
from building import FAMILIES, HARNESS, LEARNER, STRICT, compiler, sources

from tinytl_bridge.paths import runtime_dir

RUNTIME = sources("ground", "image", "kernels/portable", *FAMILIES, *LEARNER, "link", "store", "twin")
CORTEX_M4 = ("-mcpu=cortex-m4", "-mthumb", "-mfloat-abi=hard", "-mfpu=fpv4-sp-d16")
ALLOWED = {"memcpy", "memset", "memcmp", "memmove", "strlen", "fmaf", "_GLOBAL_OFFSET_TABLE_"}
"""What the runtime may ask of a C library."""


def compiled(folder: Path, name: str, files: list[Path], *flags: str) -> list[Path]:
    """Compile each file to an object; fail with the compiler's words. Files of one name lie in folders of their own."""
    root = runtime_dir()
    command = [compiler(name), *STRICT, "-O2", "-ffp-contract=off", *flags, f"-I{root}", f"-I{root}/include", "-c"]
    for parent in sorted({file.parent for file in files}):
        objects = folder / "-".join(parent.parts[-2:])
        objects.mkdir()
        here = [str(file) for file in files if file.parent == parent]
        ran = subprocess.run([*command, *here], cwd=objects, capture_output=True, text=True, check=False)
        assert ran.returncode == 0, ran.stderr
    return sorted(folder.rglob("*.o"))


@pytest.fixture(scope="module")
def objects(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """The runtime by gcc; without position-independent code constants with addresses lie in read-only data, as on a board."""
    return compiled(tmp_path_factory.mktemp("objects"), "gcc", RUNTIME, "-fno-pic", "-fno-pie")


def test_gcc_has_no_warning(objects: list[Path]) -> None:
    assert len(objects) == len(RUNTIME)


def test_the_cross_compiler_has_no_warning(tmp_path: Path) -> None:
    """What 32 bits make of types; what only a whole compilation finds, as of numbers that were never set, gcc finds above."""
    compiled(tmp_path, "arm-none-eabi-gcc", RUNTIME, *CORTEX_M4, "-fsyntax-only")


@pytest.mark.long
def test_the_cross_compiler_has_no_warning_when_it_makes_code(tmp_path: Path) -> None:
    assert len(compiled(tmp_path, "arm-none-eabi-gcc", RUNTIME, *CORTEX_M4)) == len(RUNTIME)


@pytest.mark.long
def test_clang_has_no_warning(tmp_path: Path) -> None:
    """Clang finds all that it warns of before it makes code."""
    compiled(tmp_path, "clang", RUNTIME, "-fsyntax-only")


def test_harnesses_have_no_warning(tmp_path: Path) -> None:
    assert compiled(tmp_path, "gcc", sorted(HARNESS.glob("*.c")))


def test_header_is_one_for_c_plus_plus(tmp_path: Path) -> None:
    """People's firmware is often C++."""
    source = tmp_path / "user.cpp"
    source.write_text('#include "tinytl.h"\n#include "tinytl_session.h"\nuint32_t mask() { return tinytl_family_mask(); }\n')
    command = [compiler("g++"), "-std=c++11", "-Wall", "-Wextra", "-pedantic", "-Werror", f"-I{runtime_dir()}/include", "-c", str(source)]
    ran = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr


def symbols(objects: list[Path]) -> list[tuple[str, str]]:
    """Return (kind, name) of every symbol, kinds as `nm` names them."""
    listed = subprocess.run(["nm", *map(str, objects)], capture_output=True, text=True, check=True).stdout
    return [(words[-2], words[-1]) for words in map(str.split, listed.splitlines()) if len(words) >= 2 and len(words[-2]) == 1]


def test_no_writable_global_and_every_name_has_the_prefix(objects: list[Path]) -> None:
    found = symbols(objects)
    assert {name for kind, name in found if kind in "BbCDdGgSs"} == set(), "writable"
    assert not [name for kind, name in found if kind in "TR" and not name.startswith("tinytl_")]
    assert {name for kind, name in found if kind == "U" and not name.startswith("tinytl_")} <= ALLOWED
