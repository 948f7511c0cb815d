# SPDX-License-Identifier: Apache-2.0
"""The parts of an emulated Pi: what they are made of, and what is said where one cannot be had."""

import os
import zipfile
from pathlib import Path

import pytest

from tinytl.errors import BuildError
from tinytl.progress import silent
from tinytl_bridge.emulated_pi import debian, own_wheel, set_up
from tinytl_bridge.emulated_pi.emulator import EmulatedPi
from tinytl_bridge.emulated_pi.processors import processor_of
from tinytl_bridge.emulated_pi.programs import run_program
from tinytl_bridge.emulated_pi.python_packages import requirements_of
from tinytl_bridge.emulated_pi.set_up import fill_root, userland_key

METADATA = """Metadata-Version: 2.2
Name: tinytl
Requires-Dist: numpy>=1.26
Requires-Dist: keras>=3.12; extra == "host"
Requires-Dist: ai-edge-litert>=1.0; platform_machine != "armv7l" and extra == "pi"

Requires-Dist: words of the description
"""


def wheel_of(path: Path, metadata: str) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("tinytl-0.dist-info/METADATA", metadata)
    return path


def test_a_userland_is_keyed_by_what_a_pi_requires(tmp_path: Path) -> None:
    required = requirements_of(wheel_of(tmp_path / "a.whl", METADATA))
    assert required == ["numpy>=1.26", 'ai-edge-litert>=1.0; platform_machine != "armv7l" and extra == "pi"']
    newer = requirements_of(wheel_of(tmp_path / "b.whl", METADATA.replace("numpy>=1.26", "numpy>=2")))
    other = requirements_of(wheel_of(tmp_path / "c.whl", METADATA.replace("keras", "torch")))
    assert userland_key(newer) != userland_key(required) == userland_key(other) == userland_key(required[::-1])


def test_no_wheel_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.whl").write_bytes(b"no zip")
    with pytest.raises(BuildError, match=r"a\.whl cannot be read as a wheel: File is not a zip file\nhint: make wheels builds one"):
        requirements_of(tmp_path / "a.whl")
    monkeypatch.setenv(own_wheel.NAMED, str(tmp_path / "none.whl"))
    with pytest.raises(BuildError, match=r"TINYTL_PI_WHEEL=.*none\.whl is no file; expected a wheel of tinytl for aarch64"):
        own_wheel.own_wheel(silent)


def test_another_source_is_another_wheel(tmp_path: Path) -> None:
    for name in ("pyproject.toml", "CMakeLists.txt", "README.md"):
        (tmp_path / name).write_text(name)
    source = tmp_path / "toolchain/tinytl/a.py"
    source.parent.mkdir(parents=True)
    keys = []
    for text in ("1", "2"):
        source.write_text(text)
        keys.append(own_wheel.source_key(tmp_path))
    source.with_suffix(".pyc").write_text("compiled")
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests/a.py").write_text("3")
    assert own_wheel.source_key(tmp_path) == keys[1] != keys[0]


def test_a_root_is_the_userland_with_a_pi_of_its_own(tmp_path: Path) -> None:
    userland, root = tmp_path / "userlands/key", tmp_path / "roots/.part-x"
    (userland / "usr/bin").mkdir(parents=True)
    root.mkdir(parents=True)
    fill_root(root, userland, processor_of("cortex-a53"))
    moved = root.rename(root.with_name("key-cortex-a53"))
    assert (moved / "usr/bin").is_dir() and not (moved / "usr").readlink().is_absolute()
    assert "0xd03" in (moved / "proc/cpuinfo").read_text() and not (userland / "proc").exists()


def test_a_pi_sees_nothing_of_this_machines_python() -> None:
    pi = EmulatedPi("cortex-a72", "/usr/bin/qemu-aarch64", Path("/pi"), (Path("/own"), Path("/pi/opt/py")))
    command = pi.python("-c", "pass", emulator_arguments=("-plugin", "p.so"))
    assert command[:5] == ["/usr/bin/qemu-aarch64", "-cpu", "cortex-a72", "-L", "/pi"]
    assert command[5:] == ["-plugin", "p.so", "/pi/usr/bin/python3.11", "-c", "pass"]
    values = pi.environment({"HOME": "/home/me", "PYTHONHOME": "/x", "LD_LIBRARY_PATH": "/x", "VIRTUAL_ENV": "/x"})
    assert values["PYTHONPATH"] == "/own:/pi/opt/py" and values["HOME"] == "/home/me" and "/x" not in values.values()


@pytest.mark.parametrize(
    ("ask", "program", "hint"),
    [
        (lambda: set_up("cortex-a72"), "qemu-aarch64", "sudo apt-get install -y qemu-user$"),
        (
            lambda: debian.unpack_packages(("libc6",), Path("x"), silent),
            "apt-get",
            "a system with apt is needed: Debian, Ubuntu, or a container",
        ),
    ],
)
def test_a_missing_program_is_told(ask, program: str, hint: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(
        BuildError, match=rf"{program}, which .* an emulated Pi, was not found; expected {program} in the PATH\nhint: {hint}"
    ):
        ask()


def test_a_failed_program_is_told_in_its_words() -> None:
    command = ["sh", "-c", "echo first; echo 'E: no route to host' >&2; exit 100"]
    with pytest.raises(BuildError, match=r"fetching failed \(exit code 100\):\nE: no route to host\nhint: is the network there\?"):
        run_program("fetching", command, hint="is the network there?")


@pytest.fixture
def ubuntu(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A machine that is no Debian; returns where it would have Debian's keyring."""
    (tmp_path / "os-release").write_text('NAME="Ubuntu"\nID=ubuntu\nID_LIKE=debian\n')
    monkeypatch.setattr(debian, "_OS_RELEASE", tmp_path / "os-release")
    monkeypatch.setattr(debian, "KEYRING", tmp_path / "keyring.gpg")
    monkeypatch.delenv(debian.MIRROR, raising=False)
    return tmp_path / "keyring.gpg"


def test_another_system_needs_debians_keyring(ubuntu: Path) -> None:
    text = r"system is 'ubuntu', without Debian's keyring .*keyring\.gpg; expected Debian, or .*\nhint: sudo apt-get install -y debian-archive-keyring"
    with pytest.raises(BuildError, match=text):
        debian.source_lines("/usr/bin/apt-get")


def test_another_system_takes_the_public_mirror_or_the_named_one(ubuntu: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ubuntu.touch()
    assert debian.source_lines("/usr/bin/apt-get") == [f"deb [signed-by={ubuntu}] https://deb.debian.org/debian bookworm main"]
    monkeypatch.setenv(debian.MIRROR, "http://mirror.example/debian/")
    assert debian.source_lines("/usr/bin/apt-get") == [f"deb [signed-by={ubuntu}] http://mirror.example/debian bookworm main"]


def test_the_machines_apt_is_only_read(tmp_path: Path) -> None:
    if not os.access("/usr/bin/apt-config", os.X_OK):
        pytest.skip("needs apt")
    text = debian.own_configuration(tmp_path, ["deb http://mirror.example/debian bookworm main"]).read_text()
    assert f'Dir::State "{tmp_path}";' in text and f'Dir::Cache "{tmp_path / "cache"}";' in text and 'APT::Architecture "arm64";' in text
    assert "Invoke" not in text and text.index("#clear Acquire::Languages;") < text.index('Acquire::Languages "none";')
