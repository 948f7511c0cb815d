# SPDX-License-Identifier: Apache-2.0
"""The counting plugin as a file: built once, without warnings, and what is said where a part of it is missing."""

import shutil
import subprocess
from pathlib import Path

import pytest

from tinytl.errors import BenchError
from tinytl_bench.counting import plugin
from tinytl_bridge.paths import runtime_dir

WARNINGS = ("-std=c99", "-Wall", "-Wextra", "-Wconversion", "-Wshadow", "-pedantic", "-Werror")


@pytest.mark.parametrize("compiler", ["gcc", "clang"])
def test_the_plugin_compiles_without_warnings(compiler: str, tmp_path: Path) -> None:
    if not shutil.which(compiler):
        pytest.skip(f"{compiler} is not installed")
    command = [compiler, *WARNINGS, "-O2", "-fPIC", "-c", str(plugin.SOURCE), "-o", str(tmp_path / "plugin.o")]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr


@pytest.mark.parametrize(
    ("compiler", "mark"),
    [
        ("aarch64-linux-gnu-gcc", 0xAA0B03EB.to_bytes(4, "little")),
        ("arm-linux-gnueabihf-gcc -marm", 0xE1A0B00B.to_bytes(4, "little")),
        ("arm-linux-gnueabihf-gcc -mthumb", 0x46DB.to_bytes(2, "little")),
    ],
)
def test_the_twins_mark_is_what_the_plugin_looks_for(compiler: str, mark: bytes, tmp_path: Path) -> None:
    program, *flags = compiler.split()
    if not shutil.which(program):
        pytest.skip(f"{program} is not installed")
    root, library = runtime_dir(), tmp_path / "mark.so"
    command = [program, *flags, *WARNINGS, "-O2", "-fPIC", "-shared", "-nostdlib", f"-I{root / 'include'}", str(root / "twin/mark.c")]
    subprocess.run([*command, "-o", str(library)], check=True)
    shown = subprocess.run(["readelf", "-Ws", str(library)], capture_output=True, text=True, check=True).stdout
    address = next(int(line.split()[1], 16) & ~1 for line in shown.splitlines() if line.endswith(" tinytl_twin_mark"))
    assert library.read_bytes()[address : address + len(mark)] == mark, "the first instruction"


def test_the_plugin_is_built_once(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("TINYTL_CACHE_DIR", str(tmp_path))
    first = plugin.build_plugin()
    stamp = first.stat().st_mtime_ns
    assert plugin.build_plugin() == first and first.stat().st_mtime_ns == stamp
    assert tmp_path in first.parents


def test_another_source_is_another_plugin(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("TINYTL_CACHE_DIR", str(tmp_path))
    first = plugin.build_plugin()
    changed = tmp_path / "plugin.c"
    changed.write_bytes(plugin.SOURCE.read_bytes() + b"\n")
    monkeypatch.setattr(plugin, "SOURCE", changed)
    assert plugin.build_plugin() != first


def test_no_compiler_is_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    text = r"the counting plugin needs a C compiler; expected cc in the PATH\nhint: sudo apt-get install -y gcc"
    with pytest.raises(BenchError, match=text):
        plugin.build_plugin()


def test_a_compile_error_is_shown(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    broken = tmp_path / "plugin.c"
    broken.write_text("int broken(")
    monkeypatch.setattr(plugin, "SOURCE", broken)
    monkeypatch.setenv("TINYTL_CACHE_DIR", str(tmp_path))
    with pytest.raises(BenchError, match=r"(?s)the counting plugin does not compile:\n.*error.*\nhint: tinytl doctor"):
        plugin.build_plugin()


def test_no_qemu_is_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert plugin.qemu_version() == ""
    text = r"qemu-system-arm was not found; expected QEMU in the PATH\nhint: sudo apt-get install -y qemu-system-arm"
    with pytest.raises(BenchError, match=text):
        plugin.plugin_refusal()


def test_a_qemu_without_plugins_is_quoted(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    bare = tmp_path / "qemu-system-arm"
    bare.write_text("#!/bin/sh\necho 'qemu-system-arm: -plugin: invalid option' >&2\nexit 1\n")
    bare.chmod(0o755)
    monkeypatch.setattr(plugin.shutil, "which", lambda name, which=shutil.which: str(bare) if name == plugin.PROGRAM else which(name))
    assert plugin.plugin_refusal() == "invalid option"
