# SPDX-License-Identifier: Apache-2.0
"""Wheels as `make wheels` builds them, for the tests that look into them and for those that use them."""

import shutil
import subprocess
import sys
from pathlib import Path

import make_wheels
import pytest
from filelock import FileLock

ROOT = Path(__file__).resolve().parents[2]
OUT = ROOT / "build/wheels"
SOURCES = ("pyproject.toml", "CMakeLists.txt", "toolchain", "models", "firmware_bridge", "benchmarks", "command_line")
LIMIT_S = 600


@pytest.fixture(scope="session")
def package_index(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Skip where pip reaches no package index."""
    pip = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--no-cache-dir", "-d", tmp_path_factory.mktemp("index"), "cobs"]
    done = subprocess.run(pip, capture_output=True, text=True, timeout=LIMIT_S, check=False)
    if done.returncode:
        pytest.skip(f"no package index is within reach: {done.stderr[-300:]}")


@pytest.fixture(scope="session")
def wheels(package_index: None) -> dict[str, Path]:
    """Wheel of each processor that has a compiler here, built by `make wheels` where a source is newer."""
    if not shutil.which("make"):
        pytest.skip("make is not installed")
    with FileLock(ROOT / "build/wheels.lock"):
        if not _fresh():
            done = subprocess.run(["make", "wheels"], cwd=ROOT, capture_output=True, text=True, timeout=LIMIT_S, check=False)
            assert done.returncode == 0, done.stdout + done.stderr
    return {processor: wheel for processor in make_wheels.COMPILERS for wheel in OUT.glob(f"*_{processor}.whl")}


def _fresh() -> bool:
    built = [path.stat().st_mtime for path in OUT.glob("*.whl")]
    places = [place for name in SOURCES for place in ((ROOT / name).rglob("*") if (ROOT / name).is_dir() else [ROOT / name])]
    newest = max(place.stat().st_mtime for place in places if place.suffix != ".pyc" and place.name != "__pycache__")
    return len(built) == len(make_wheels.COMPILERS) and min(built) > newest
