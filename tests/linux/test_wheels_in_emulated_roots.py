# SPDX-License-Identifier: Apache-2.0
"""`pip install 'tinytl[pi]'` and the first commands of a user, on 64-bit and 32-bit Arm: Debian's Python there, run by qemu-user.

Nothing may be compiled, TensorFlow may not come along, and what is learned there has the bytes that it has here.
"""

import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from emulated_root import SYSTEMS, EmulatedRoot, unpacked

import tinytl_models

pytestmark = pytest.mark.long

MOST_MB = 200
"""Of tinytl[pi] with all that it pulls in, Debian's NumPy on 32-bit Arm among it."""
SAMPLES = 12
COMMAND = ("-c", "from tinytl_cli import main; main()")
"""What the script `tinytl` does."""
NOT_THERE = ("tensorflow", "keras", "msgspec", "setuptools")


@pytest.fixture(scope="module", params=SYSTEMS)
def machine(request: pytest.FixtureRequest, wheels: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> EmulatedRoot:
    """The system with `tinytl[pi]` in it, by Debian's own pip, which refuses whatever is no wheel."""
    system = SYSTEMS[request.param]
    if request.param not in wheels:
        pytest.skip("no wheel: the cross compiler is missing")
    root = unpacked(system)
    prefix = tmp_path_factory.mktemp("prefix")
    wheel = wheels[request.param]
    pip = ("-m", "pip", "install", "--no-cache-dir", "--no-compile", "--only-binary=:all:", "--prefix", prefix)
    done = root.run(*pip, f"tinytl[pi] @ file://{wheel}")
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    (package,) = prefix.rglob("tinytl_cli")
    if sys.version_info[:2] == (3, 11):  # the same bytecode: most of an emulated start is saved
        subprocess.run([sys.executable, "-m", "compileall", "-q", "--invalidation-mode", "unchecked-hash", package.parent], check=False)
    return replace(root, installed=package.parent)


@pytest.fixture(scope="module")
def samples(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Pictures of noise with the labels of the digits, as .npz; the test split also as .npy."""
    generator, folder = np.random.default_rng(5), tmp_path_factory.mktemp("samples")
    x = generator.integers(0, 256, (SAMPLES + 10, 28, 28, 1), np.uint8)
    y = np.arange(SAMPLES + 10, dtype=np.int64) % 10
    names = np.array([str(digit) for digit in range(10)])
    np.savez(folder / "noise.npz", x_train=x[:-10], y_train=y[:-10], x_test=x[-10:], y_test=y[-10:], classes=names)
    np.save(folder / "noise.npy", x[-10:])
    return folder


def tinytl(machine: EmulatedRoot, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Run the command there."""
    done = machine.run(*COMMAND, *arguments)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return done


def here(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Run the command of this machine."""
    return subprocess.run([sys.executable, *COMMAND, *arguments], capture_output=True, text=True, check=True, timeout=300)


def steps_of(done: subprocess.CompletedProcess[str]) -> list[str]:
    """The lines of `--trace`: the CRC-32 of the head after each step."""
    return [line for line in done.stderr.splitlines() if line.startswith("step ")]


def megabytes(folder: Path) -> float:
    return (
        sum(path.stat().st_size for path in folder.rglob("*") if path.is_file() and not path.is_symlink() and path.suffix != ".pyc") / 1e6
    )


def test_it_is_small_and_brings_neither_tensorflow_nor_a_compiler(machine: EmulatedRoot) -> None:
    assert machine.installed is not None
    there = {path.name.lower() for path in machine.installed.iterdir()}
    assert not [name for name in there for unwanted in NOT_THERE if name.startswith(unwanted)]
    assert not list(machine.folder.glob("usr/bin/*gcc*"))
    debian = [
        machine.folder / "usr/lib/python3/dist-packages/numpy",
        *machine.folder.glob("usr/lib/*/blas"),
        *machine.folder.glob("usr/lib/*/lapack"),
    ]
    size = megabytes(machine.installed) + sum(megabytes(folder) for folder in debian)
    print(f"{machine.system.architecture}: tinytl[pi] and all it needs: {size:.0f} MB")
    assert size < MOST_MB


def test_it_imports_and_says_what_it_is(machine: EmulatedRoot) -> None:
    done = machine.run(
        "-c", "import tinytl, tinytl_bridge, platform, sys; print(platform.machine(), 'tensorflow' in sys.modules, 'PIL' in sys.modules)"
    )
    processor = next(name for name, system in SYSTEMS.items() if system == machine.system)
    assert done.stdout.split() == [processor, "False", "False"], done.stderr
    assert re.fullmatch(r"tinytl, version \d+\.\d+\.\d+\n", tinytl(machine, "--version").stdout)


def test_the_interpreter_of_the_extra_loads(machine: EmulatedRoot) -> None:
    module = "ai_edge_litert" if machine.system.architecture == "arm64" else "tflite_runtime"
    done = machine.run("-c", f"from {module}.interpreter import Interpreter; print(Interpreter.__name__)")
    assert done.stdout == "Interpreter\n", done.stderr


def test_the_head_has_the_bytes_that_it_has_here(machine: EmulatedRoot, samples: Path, tmp_path: Path) -> None:
    there, own = ("--target", "host", "--state", tmp_path / "there"), ("--target", "host", "--state", tmp_path / "here")
    assert "holds no model: an empty device" in tinytl(machine, "info", *there).stdout
    flash, infer = ("flash", "digits", "--json"), ("infer", "--input", samples / "noise.npy", "--json")
    assert tinytl(machine, *flash, *there).stdout == here(*flash, *own).stdout
    assert tinytl(machine, *infer, *there).stdout == here(*infer, *own).stdout
    teach = ("teach", "--data", samples / "noise.npz", "--samples", str(SAMPLES), "--trace")
    ours = steps_of(here(*teach, *own))
    assert len(ours) == SAMPLES
    assert steps_of(tinytl(machine, *teach, *there)) == ours


def test_images_for_every_board_are_compiled_as_here(machine: EmulatedRoot) -> None:
    bundle = Path(tinytl_models.__file__).parent / "bundles/digits.tinytl"
    assert tinytl(machine, "inspect", bundle).stdout == here("inspect", bundle).stdout


def test_an_older_processor_is_refused_before_it_meets_an_unknown_instruction(machine: EmulatedRoot, tmp_path: Path) -> None:
    if machine.system.architecture == "arm64":
        pytest.skip("each 64-bit Arm has NEON")
    older = replace(machine, system=replace(machine.system, cpu="cortex-a9"))
    done = older.run(*COMMAND, "flash", "digits", "--target", "host", "--state", tmp_path)
    assert done.returncode == 1
    assert (
        "this processor has no VFPv4, which the runtime of this wheel was compiled for; expected a Raspberry Pi 2 or newer" in done.stderr
    )


def test_a_picture_needs_pillow_which_32_bit_arm_has_from_debian(machine: EmulatedRoot, tmp_path: Path) -> None:
    pytest.importorskip("PIL.Image").new("L", (28, 28), 200).save(tmp_path / "grey.png")
    tinytl(machine, "flash", "digits", "--target", "host", "--state", tmp_path)
    done = machine.run(*COMMAND, "infer", "--target", "host", "--state", tmp_path, "--input", tmp_path / "grey.png")
    if machine.system.architecture == "arm64":
        assert done.returncode == 0, done.stderr
    else:
        assert "pictures need Pillow, which cannot be imported here: No module named 'PIL'; expected the package pillow" in done.stderr
        assert "sudo apt install python3-pil" in done.stderr and "Traceback" not in done.stderr
