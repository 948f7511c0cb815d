# SPDX-License-Identifier: Apache-2.0
"""A device that computes otherwise than the twin is found: one side is broken on purpose, and the traces of `teach` tell the step."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tinytl_bridge.paths import runtime_dir

SOURCES = (
    *("ground", "image", "kernels/portable", "kernels/dsp", "kernels/dsp/plain", "kernels/mve", "kernels/mve/plain"),
    *("learn", "learn/arithmetic", "learn/check", "learn/int8", "learn/layers", "link", "store", "twin"),
)
FUSED = "#define TINYTL_FUSED(a, b, c) __builtin_fmaf((a), (b), (c))"
ROUNDED_TWICE = "#define TINYTL_FUSED(a, b, c) ((a) * (b) + (c))"
COMMAND = [sys.executable, "-c", "from tinytl_cli import cli; cli()"]


def twin_from(folder: Path, old: str, new: str) -> Path:
    """Build the twin from a copy of the runtime in which one line is another."""
    copy = folder / "runtime"
    shutil.copytree(runtime_dir(), copy)
    header = copy / "learn/arithmetic/fused.h"
    text = header.read_text(encoding="utf-8")
    assert text.count(old) == 1
    header.write_text(text.replace(old, new), encoding="utf-8")
    files = [file for each in SOURCES for file in sorted((copy / each).glob("*.c")) if file.name != "family.c"]
    library = folder / "libtinytl_twin.so"
    command = [
        "cc",
        "-std=c99",
        "-O0",
        "-ffp-contract=off",
        "-fPIC",
        "-shared",
        f"-I{copy}/include",
        f"-I{copy}",
        *files,
        "-lm",
        "-o",
        library,
    ]
    subprocess.run(command, check=True, capture_output=True, timeout=300)
    return library


def trace(library: Path | None, folder: Path) -> list[str]:
    """Return what `teach --trace` prints: a line a step with the head's checksum."""
    environment = os.environ | ({"TINYTL_TWIN_LIBRARY": str(library)} if library else {})
    device = ["--target", "host", "--state", str(folder / "state")]
    teach = ["teach", *device, "--data", "uci-digits", "--samples", "30", "--trace", "--no-save"]
    for words in (["flash", "digits", *device], teach):
        ran = subprocess.run([*COMMAND, *words], check=True, env=environment, capture_output=True, text=True, timeout=120)
    return re.findall(r"step \d+: head [0-9a-f]{8}", ran.stderr)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    return trace(None, tmp_path_factory.mktemp("whole"))


@pytest.mark.long
def test_a_side_that_rounds_twice_is_found_at_once(whole: list[str], tmp_path: Path) -> None:
    broken = trace(twin_from(tmp_path, FUSED, ROUNDED_TWICE), tmp_path)
    assert len(broken) == len(whole) == 30
    assert broken[0] != whole[0]


@pytest.mark.long
def test_a_side_that_is_only_compiled_otherwise_is_equal(whole: list[str], tmp_path: Path) -> None:
    assert trace(twin_from(tmp_path, FUSED, FUSED), tmp_path) == whole
