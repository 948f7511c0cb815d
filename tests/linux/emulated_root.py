# SPDX-License-Identifier: Apache-2.0
"""Debian 12's Python for another processor in a folder, run by qemu-user: where a wheel is installed and used as on a Pi.

In: Debian's name of the processor. Out: an `EmulatedRoot`. apt fetches with lists of its own, dpkg-deb unpacks; no root rights, and nothing
of this machine's Python is seen from inside. What was unpacked is kept in `build/test-roots`.
"""

import os
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest
from filelock import FileLock

CACHE = Path(__file__).resolve().parents[2] / "build/test-roots"
KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"
USERLAND = ("python3-minimal", "python3.11", "python3-pip", "libpython3-stdlib", "libc6", "libstdc++6", "libgcc-s1")
LIMIT_S = 600


@dataclass(frozen=True)
class System:
    """A system that a Pi may run.

    Attributes:
        architecture: Debian's name. emulator, cpu: qemu-user's. packages: of Debian, what the README has one install there.
    """

    architecture: str
    emulator: str
    cpu: str
    packages: tuple[str, ...] = ()


SYSTEMS = {
    "aarch64": System("arm64", "qemu-aarch64", "cortex-a72"),
    "armv7l": System("armhf", "qemu-arm", "cortex-a7", ("python3-numpy",)),
}


@dataclass(frozen=True)
class EmulatedRoot:
    """A system's `/`, and a folder that pip installed into. installed: the latter's site-packages; None: nothing yet."""

    system: System
    folder: Path
    installed: Path | None = None

    def run(self, *arguments: str | Path, path: Path | None = None, limit_s: int = LIMIT_S) -> subprocess.CompletedProcess[str]:
        """Run Python in the system.

        Args:
            arguments: of Python. path: put before the packages that are installed. limit_s: wall clock.
        """
        places = [str(place) for place in (path, self.installed) if place is not None]
        own = {"PYTHONPATH": os.pathsep.join(places), "PYTHONDONTWRITEBYTECODE": "1", "OPENBLAS_NUM_THREADS": "1"}
        python = [self.system.emulator, "-cpu", self.system.cpu, "-L", self.folder, self.folder / "usr/bin/python3.11", *arguments]
        kept = {
            name: value for name, value in os.environ.items() if name in ("HOME", "PATH", "TMPDIR") or name.startswith(("PIP_", "XDG_"))
        }
        return subprocess.run(python, env=kept | own, capture_output=True, text=True, timeout=limit_s, check=False)


def unpacked(system: System) -> EmulatedRoot:
    """Return a system with Debian's packages alone; skips the test where they cannot be had."""
    if missing := [program for program in (system.emulator, "apt-get", "dpkg-deb") if not shutil.which(program)]:
        pytest.skip(f"{missing[0]} is not installed")
    if not Path(KEYRING).exists():
        pytest.skip("this is no Debian: its keyring is missing")
    folder = CACHE / system.architecture
    CACHE.mkdir(parents=True, exist_ok=True)
    with FileLock(f"{folder}.lock"):
        if not folder.exists():
            _unpack(system, folder)
    return EmulatedRoot(system, folder)


def _unpack(system: System, folder: Path) -> None:
    scratch, part = folder.with_suffix(".apt"), folder.with_suffix(".part")
    for rubbish in (scratch, part):
        shutil.rmtree(rubbish, ignore_errors=True)
    (scratch / "lists/partial").mkdir(parents=True)
    (scratch / "archives/partial").mkdir(parents=True)
    (scratch / "status").touch()
    ask = ["apt-get", "indextargets", "--format", "$(REPO_URI)", "Created-By: Packages"]
    places = [
        line for line in subprocess.run(ask, capture_output=True, text=True, check=True).stdout.splitlines() if "security" not in line
    ]
    if not places:
        pytest.skip("apt knows no repository of Debian")
    (scratch / "sources.list").write_text(f"deb [signed-by={KEYRING}] {places[0]} bookworm main\n", encoding="utf-8")
    options: Mapping[str, str | Path] = {
        "APT::Architecture": system.architecture, "APT::Architectures::": system.architecture, "APT::Install-Recommends": "false",
        "APT::Sandbox::User": "root", "APT::Update::Error-Mode": "any", "Acquire::Languages": "none", "Acquire::Retries": "3",
        "Dir::State::lists": scratch / "lists", "Dir::State::status": scratch / "status", "Dir::Cache": scratch,
        "Dir::Etc::sourcelist": scratch / "sources.list", "Dir::Etc::sourceparts": "-", "Dir::Etc::preferencesparts": "-",
    }  # fmt: skip
    apt = ["apt-get", "-qq", *(word for name, value in options.items() for word in ("-o", f"{name}={value}"))]
    for command in (["update"], ["install", "-y", "--download-only", *USERLAND, *system.packages]):
        done = subprocess.run([*apt, *command], capture_output=True, text=True, timeout=LIMIT_S, check=False)
        if done.returncode:
            pytest.skip(f"Debian's packages are not within reach: {done.stderr[-300:]}")
    for package in sorted((scratch / "archives").glob("*.deb")):
        subprocess.run(["dpkg-deb", "-x", package, part], check=True)
    # The alternatives system would have made these links, and no package's scripts were run.
    for name in ("blas", "lapack"):
        for found in part.glob(f"usr/lib/*/{name}/lib{name}.so.3"):
            (found.parents[1] / found.name).symlink_to(f"{name}/{found.name}")
    shutil.rmtree(scratch)
    part.rename(folder)
