# SPDX-License-Identifier: Apache-2.0
"""What is in a wheel for Linux: the runtime for the processor of its name, for a glibc as old as its tag says, and nothing of this machine."""

import re
import subprocess
import sys
import zipfile
from pathlib import Path

import make_wheels
import pytest
from packaging.utils import parse_wheel_filename

pytestmark = pytest.mark.long

ROOT = Path(__file__).resolve().parents[2]
LIBRARY = "tinytl_bridge/libtinytl_twin.so"
MACHINES = {"x86_64": ("ELF64", "X86-64"), "aarch64": ("ELF64", "AArch64"), "armv7l": ("ELF32", "ARM")}
LARGEST = 1_600_000
"""Bytes of a wheel."""


@pytest.fixture(params=make_wheels.COMPILERS)
def processor(request: pytest.FixtureRequest, wheels: dict[str, Path]) -> str:
    if request.param not in wheels:
        pytest.skip(make_wheels.missing_compiler(request.param))
    return str(request.param)


@pytest.fixture
def library(processor: str, wheels: dict[str, Path], tmp_path: Path) -> Path:
    with zipfile.ZipFile(wheels[processor]) as archive:
        return Path(archive.extract(LIBRARY, tmp_path))


def readelf(option: str, path: Path) -> str:
    return subprocess.run(["readelf", "-W", option, path], capture_output=True, text=True, check=True).stdout


def test_the_tag_names_the_processor_and_the_oldest_glibc(processor: str, wheels: dict[str, Path], library: Path) -> None:
    _, _, _, tags = parse_wheel_filename(wheels[processor].name)
    assert {str(tag) for tag in tags} == {f"py3-none-manylinux_2_17_{processor}", f"py3-none-manylinux2014_{processor}"}
    needed = {tuple(int(part) for part in found) for found in re.findall(r"GLIBC_(\d+)\.(\d+)", readelf("-V", library))}
    assert needed and max(needed) <= (2, 17)
    assert set(re.findall(r"NEEDED\D+\[(.+?)\]", readelf("-d", library))) <= {"libc.so.6", "libm.so.6", "ld-linux-aarch64.so.1"}


def test_auditwheel_finds_the_same_tag(processor: str, wheels: dict[str, Path]) -> None:
    show = [ROOT / "build/wheel-tools/bin/python", "-m", "auditwheel", "show", wheels[processor]]
    text = " ".join(subprocess.run(show, capture_output=True, text=True, check=True).stdout.split())
    assert f'consistent with the following platform tag: "manylinux_2_17_{processor}"' in text


def test_the_one_library_is_for_the_processor_and_stripped(processor: str, wheels: dict[str, Path], library: Path) -> None:
    header = readelf("-h", library)
    kind, machine = MACHINES[processor]
    assert re.search(rf"Class:\s+{kind}\n", header)
    assert re.search(rf"Machine:.*{machine}\n", header)
    if processor == "armv7l":
        assert re.search(r"Flags:.*Version5 EABI, hard-float ABI", header)
    sections = readelf("-S", library)
    assert ".symtab" not in sections and ".debug_info" not in sections
    with zipfile.ZipFile(wheels[processor]) as archive:
        assert [name for name in archive.namelist() if ".so" in Path(name).suffixes] == [LIBRARY]
        assert (
            f"Tag: py3-none-manylinux_2_17_{processor}\n"
            in archive.read(next(n for n in archive.namelist() if n.endswith("/WHEEL"))).decode()
        )


def test_nothing_of_this_machine_is_inside(processor: str, wheels: dict[str, Path], library: Path) -> None:
    assert not re.search(rb"/(tmp|home|root|build)/", library.read_bytes())
    with zipfile.ZipFile(wheels[processor]) as archive:
        names = archive.namelist()
        own = (str(ROOT).encode(), str(Path.home()).encode() + b"/", sys.prefix.encode())
        assert [name for name in names for path in own if path in archive.read(name)] == []
    assert not [name for name in names if name.endswith((".pyc", ".o", ".a")) or "CMakeFiles" in name]
    assert {"tinytl", "tinytl_models", "tinytl_bridge", "tinytl_bench", "tinytl_cli"} == {
        top for name in names if not (top := name.partition("/")[0]).endswith(".dist-info")
    }
    assert wheels[processor].stat().st_size < LARGEST


def test_a_second_build_gives_the_same_bytes(wheels: dict[str, Path], tmp_path: Path) -> None:
    processor = next(iter(wheels))
    build = [ROOT / "build/wheel-tools/bin/python", ROOT / "firmware_bridge/linux/make_wheels.py", processor, "-o"]
    first, second = (Path(tmp_path, name) for name in ("first", "second"))
    for out in (first, second):
        subprocess.run([*build, out], check=True, capture_output=True, timeout=300)
    (one,), (other,) = (list(out.glob("*.whl")) for out in (first, second))
    assert one.read_bytes() == other.read_bytes()
