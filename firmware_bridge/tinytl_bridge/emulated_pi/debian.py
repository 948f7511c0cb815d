# SPDX-License-Identifier: Apache-2.0
"""Debian 12's userland for arm64 in a folder: apt fetches, dpkg-deb unpacks. No root rights, no chroot, nothing of it runs.

In: names of packages. Out: a folder as a Pi's `/`. apt works on lists and a cache of its own: of the machine's it reads where Debian's
packages lie, and the keyring that proves them.
"""

import os
import re
import shutil
from pathlib import Path
from tempfile import TemporaryDirectory

from tinytl.errors import BuildError
from tinytl.progress import Progress
from tinytl_bridge.emulated_pi.programs import find_program, run_program

RELEASE = "bookworm"
SUITES = (RELEASE, f"{RELEASE}-updates", f"{RELEASE}-security")
PYTHON = "3.11"
USERLAND = ("python3-minimal", f"python{PYTHON}", "libpython3-stdlib", "libc6", "libstdc++6", "libgcc-s1")
"""What the agent, NumPy and LiteRT need. apt adds what these depend on."""
KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
MIRROR = "TINYTL_DEBIAN_MIRROR"
PUBLIC_MIRROR = "https://deb.debian.org/debian"
_OS_RELEASE = Path("/etc/os-release")
_UNREAD = ("usr/share/doc", "usr/share/man", "usr/share/locale", "usr/share/info", "usr/share/lintian")
_STAGE = "setting up an emulated Pi: Debian's packages"
_NETWORK = "is the network there? sudo apt-get update must work on this machine"


def unpack_packages(names: tuple[str, ...], root: Path, progress: Progress) -> None:
    """Fetch Debian packages for arm64 with all they depend on, and unpack them.

    Args:
        names: of the packages. root: folder that becomes a Pi's `/`. progress: of unpacking.

    Raises:
        BuildError: apt, dpkg-deb or Debian's keyring is missing, or the packages cannot be had; in apt's words.
    """
    apt, unpack = find_program("apt-get", "fetches the packages of"), find_program("dpkg-deb", "unpacks the packages of")
    with TemporaryDirectory(prefix="tinytl-apt-") as scratch:
        progress(_STAGE, 0, 1)
        own = {"APT_CONFIG": str(own_configuration(Path(scratch), source_lines(apt)))}
        run_program("fetching Debian's list of packages", [apt, "update", "-qq"], hint=_NETWORK, environment=own)
        fetch = [apt, "install", "-y", "-qq", "--download-only", *names]
        run_program("fetching Debian's packages", fetch, hint=_NETWORK, environment=own)
        packages = sorted(Path(scratch, "cache/archives").glob("*.deb"))
        for index, package in enumerate(packages):
            run_program(f"unpacking {package.name}", [unpack, "-x", package, root], hint="is the disk full? 500 MB are needed")
            progress(_STAGE, index + 1, len(packages))
    for folder in _UNREAD:
        shutil.rmtree(root / folder, ignore_errors=True)


def source_lines(apt: str) -> list[str]:
    """Return the lines of a sources.list: TINYTL_DEBIAN_MIRROR if set, else this Debian's own, else the public mirror.

    Args:
        apt: path of apt-get.

    Raises:
        BuildError: Debian's keyring is missing, or apt knows no repository.
    """
    mirror, system = os.environ.get(MIRROR, "").rstrip("/"), _system()
    if not KEYRING.exists():
        raise BuildError(
            f"an emulated Pi is made of Debian's packages; this machine's system is {system!r}, without Debian's keyring {KEYRING}",
            expected="Debian, or its keyring on another system with apt", hint="sudo apt-get install -y debian-archive-keyring",
        )  # fmt: skip
    if system != "debian":
        mirror = mirror or PUBLIC_MIRROR
    places = {RELEASE: mirror} if mirror else _own_places(apt)
    return [f"deb [signed-by={KEYRING}] {place} {suite} main" for suite, place in places.items()]


def _system() -> str:
    text = _OS_RELEASE.read_text(encoding="utf-8") if _OS_RELEASE.exists() else ""
    match = re.search(r'^ID="?([\w.-]+)"?$', text, re.MULTILINE)
    return match.group(1) if match else "?"


def _own_places(apt: str) -> dict[str, str]:
    """Return suite → address, as this machine's apt has them; of another Debian's suites, those of the same names in ours."""
    listed = run_program(
        "asking apt where Debian's packages lie",
        [apt, "indextargets", "--format", "$(REPO_URI) $(RELEASE)", "Created-By: Packages"],
        hint="apt-get indextargets must list Debian's repositories; /etc/apt/sources.list names them",
    )
    there: dict[str, str] = {}
    for line in listed.splitlines():
        address, _, suite = line.partition(" ")
        there.setdefault(suite.partition("-")[2].partition("/")[0], address)
    if "" not in there:
        raise BuildError("apt knows no repository of Debian", hint=f"{MIRROR}={PUBLIC_MIRROR} names one")
    return {suite: there[kind] for suite in SUITES if (kind := suite.partition("-")[2]) in there}


def own_configuration(folder: Path, sources: list[str]) -> Path:
    """Write a configuration that keeps apt away from the machine's own state and hooks; of the machine's it takes how to reach a network.

    Args:
        folder: gets lists, cache and state. sources: lines of sources.list.
    """
    for name in ("lists/partial", "cache/archives/partial", "none.d"):
        (folder / name).mkdir(parents=True)
    (folder / "status").touch()
    (folder / "sources.list").write_text("\n".join(sources) + "\n", encoding="utf-8")
    asked = ["apt-config", "dump", "--no-empty", "--format", '%F "%v";%n', "Acquire"]
    network = run_program("asking apt how it reaches the network", asked, hint="apt-config dump must work")
    values = {
        "APT::Architecture": "arm64", "APT::Install-Recommends": "false", "APT::Sandbox::User": "", "APT::Update::Error-Mode": "any",
        "Acquire::Languages": "none", "Dir::State": folder, "Dir::State::lists": folder / "lists", "Dir::State::status": folder / "status",
        "Dir::Cache": folder / "cache", "Dir::Etc::main": "/dev/null", "Dir::Etc::parts": folder / "none.d",
        "Dir::Etc::sourceparts": folder / "none.d", "Dir::Etc::sourcelist": folder / "sources.list",
        "Dir::Etc::preferences": folder / "none", "Dir::Etc::preferencesparts": folder / "none.d", "APT::Keep-Downloaded-Packages": "true",
    }  # fmt: skip
    own = "".join(f'{name} "{value}";\n' for name, value in values.items())
    path = folder / "apt.conf"
    path.write_text(network + "#clear Acquire::Languages;\n" + own + 'APT::Architectures { "arm64"; };\n', encoding="utf-8")
    return path
