# SPDX-License-Identifier: Apache-2.0
"""Coverage-guided fuzzers of what comes from outside: commands of a session, contents of the store, states of a head.

Targets are `harness/fuzz_NAME.c`, with blocks of exactly their size under address and undefined-behaviour sanitizers; inputs that reach
everything so far are `corpora/NAME.txt`, a line of hex digits each. libFuzzer goes on from them; what breaks a target is printed.
"""

import os
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from building import HARNESS, LEARNER, SANITIZERS, STRICT, compile_c, compiler, sources
from graph_heads import HEADS, INT8_HEADS
from head_image import head_image
from test_power_cuts import write_image

from tinytl_bridge.paths import runtime_dir, twin_library

SHORT = bool(os.environ.get("TINYTL_SHORT"))
SECONDS = 30 if SHORT else 600
TARGETS = ("session", "store", "head")
MAX_BYTES = {"session": 2048, "store": 1024, "head": 600}
CORPORA = Path(__file__).parent / "corpora"


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Where the targets find images: two with dense layers, a guard and room for classes; one with int8 weights, one with a convolution."""
    folder = tmp_path_factory.mktemp("images")
    images = [
        write_image(folder / "one", (12, 6, 8), 4, 1),
        write_image(folder / "other", (9, 5, 7), 3, 2),
        folder / "int8",
        folder / "convolution",
    ]
    images[2].write_bytes(head_image(INT8_HEADS["int8: windows that cover one pixel"]))
    images[3].write_bytes(head_image(HEADS["one dimension"]))
    return os.environ | {"TINYTL_FUZZED_IMAGES": "\n".join(map(str, images)), "ASAN_OPTIONS": "detect_leaks=0"}


def files_of(target: str, folder: Path) -> list[Path]:
    """Write a corpus out, a file for each input."""
    folder.mkdir()
    files = []
    for number, line in enumerate((CORPORA / f"{target}.txt").read_text().splitlines()):
        files.append(folder / f"{number:03}")
        files[-1].write_bytes(bytes.fromhex(line))
    return files


def parts(target: str) -> list[Path]:
    return [HARNESS / f"fuzz_{target}.c", HARNESS / "fuzzed_device.c", HARNESS / "frames.c"]


@pytest.mark.parametrize("target", TARGETS)
def test_the_corpus_breaks_nothing(target: str, environment: dict[str, str], tmp_path: Path) -> None:
    """Input by input on the twin, without sanitizers; among them every one that once broke something."""
    files, twin = files_of(target, tmp_path / "corpus"), twin_library()
    program = compile_c(tmp_path / "replay", [HARNESS / "fuzz_replay.c", *parts(target), twin], *STRICT, "-O1", f"-Wl,-rpath,{twin.parent}")
    ran = subprocess.run([program, *files], capture_output=True, text=True, timeout=60, check=False, env=environment)
    assert ran.returncode == 0, f"ended with {ran.returncode}: {ran.stdout}{ran.stderr}"
    assert ran.stdout == f"{len(files)} files\n" and len(files) > 20


@pytest.fixture(scope="module")
def runtime_objects(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """The runtime for libFuzzer, compiled once for all targets."""
    folder, root = tmp_path_factory.mktemp("objects"), runtime_dir()
    probe = subprocess.run([compiler("clang"), "-print-resource-dir"], capture_output=True, text=True, check=True)
    if not list(Path(probe.stdout.strip()).glob("lib/*/libclang_rt.fuzzer*")):
        pytest.skip("needs libFuzzer: libclang-rt-dev")
    files = [root / "kernels/portable_family.c", *sources("ground", "image", "kernels/portable", *LEARNER, "link", "store")]

    def compiled(file: Path) -> Path:
        return compile_c(folder / f"{file.parent.name}_{file.stem}.o", [file], *FUZZED, "-fsanitize=fuzzer-no-link", "-c", name="clang")

    with ThreadPoolExecutor(2) as pool:
        return list(pool.map(compiled, files))


FUZZED = ("-std=c99", "-O1", "-g", *SANITIZERS)


@pytest.mark.long
@pytest.mark.parametrize("target", TARGETS)
def test_inputs_that_find_new_ways(target: str, runtime_objects: list[Path], environment: dict[str, str], tmp_path: Path) -> None:
    corpus = files_of(target, tmp_path / "corpus")[0].parent
    program = compile_c(tmp_path / "fuzz", [*parts(target), *runtime_objects], *FUZZED, "-fsanitize=fuzzer", name="clang")
    limits = [
        f"-max_total_time={SECONDS}",
        f"-max_len={MAX_BYTES[target]}",
        "-timeout=20",
        "-seed=1",
        f"-artifact_prefix={tmp_path}/broken-",
    ]
    ran = subprocess.run([program, *limits, corpus], capture_output=True, text=True, timeout=SECONDS + 120, check=False, env=environment)
    broken = [path.read_bytes().hex() for path in tmp_path.glob("broken-*")]
    assert ran.returncode == 0 and not broken, f"an input breaks fuzz_{target}.c: {' '.join(broken)}\n{ran.stderr[-4000:]}"
    assert "DONE" in ran.stderr
