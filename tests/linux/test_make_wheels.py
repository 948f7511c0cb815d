# SPDX-License-Identifier: Apache-2.0
"""`make wheels`: what is asked for, what is missing, which time the files carry. Nothing is compiled here."""

import subprocess
from pathlib import Path

import make_wheels
import pytest

ROOT = Path(__file__).resolve().parents[2]
FOREIGN = next(processor for processor in make_wheels.COMPILERS if processor != make_wheels.own_processor())


def test_make_help_lists_it() -> None:
    done = subprocess.run(["make", "help"], cwd=ROOT, capture_output=True, text=True, check=True)
    assert "make wheels     wheels for Linux on x86_64, aarch64 and armv7l" in done.stdout


@pytest.mark.parametrize("processor", make_wheels.COMPILERS)
def test_a_toolchain_file_names_the_compiler_that_apt_installs(processor: str) -> None:
    text = (ROOT / f"firmware_bridge/linux/{processor}.cmake").read_text(encoding="utf-8")
    assert f"set(CMAKE_SYSTEM_PROCESSOR {processor})" in text
    assert f"set(CMAKE_C_COMPILER {make_wheels.COMPILERS[processor].command})" in text


def test_a_missing_compiler_is_named_with_its_packages(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    command, packages = make_wheels.COMPILERS[FOREIGN]
    reason = f"{command} was not found; it is in Debian's packages {packages}"
    assert make_wheels.main([FOREIGN, "-o", str(tmp_path)]) == 1
    assert capsys.readouterr().err == f"{FOREIGN}: {reason}\n"
    assert make_wheels.main(["-o", str(tmp_path)]) == 1, "none could be built"
    assert f"{FOREIGN}: skipped: {reason}\n" in capsys.readouterr().out


def test_an_unknown_processor_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        make_wheels.main(["riscv64"])
    assert "processor 'riscv64'; expected one of x86_64, aarch64, armv7l" in capsys.readouterr().err


def test_files_carry_the_time_of_the_last_commit_or_of_source_date_epoch(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1234567890")
    assert make_wheels.commit_date() == "1234567890"
    monkeypatch.delenv("SOURCE_DATE_EPOCH")
    monkeypatch.setattr(make_wheels, "ROOT", tmp_path)
    assert make_wheels.commit_date() == "315532800", "no repository: the first day that a zip file can hold"


def test_an_extra_package_is_asked_for_alone() -> None:
    done = subprocess.run([ROOT / ".ci/system-packages", "--only", "sh:dash"], capture_output=True, text=True, check=True)
    assert done.stdout == "system: emulators and compilers are there\n"
