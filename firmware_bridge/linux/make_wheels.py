# SPDX-License-Identifier: Apache-2.0
"""Wheels that carry the compiled runtime, for Linux on several processors, from one machine: `make wheels`.

In: the checkout, and Debian's cross compilers. Out: a wheel for each processor in a folder, with the platform tag that auditwheel reads
off the library's symbols. `_PYTHON_HOST_PLATFORM` tells scikit-build-core the processor, CMAKE_TOOLCHAIN_FILE the compiler; nothing of
the target runs. Equal sources give equal bytes: every time stamp is that of the last commit.
"""

import argparse
import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
OLDEST_DATE = "315532800"
"""1980-01-01, the first day that a zip file can hold."""


class Compiler(NamedTuple):
    """A cross compiler. command: its program. packages: Debian's, that hold it and its C library."""

    command: str
    packages: str


COMPILERS = {
    "x86_64": Compiler("x86_64-linux-gnu-gcc", "gcc-x86-64-linux-gnu libc6-dev-amd64-cross"),
    "aarch64": Compiler("aarch64-linux-gnu-gcc", "gcc-aarch64-linux-gnu libc6-dev-arm64-cross"),
    "armv7l": Compiler("arm-linux-gnueabihf-gcc", "gcc-arm-linux-gnueabihf libc6-dev-armhf-cross"),
}
"""Processor, as `uname -m` has it → compiler for it where it is not this machine's own."""


class WheelError(Exception):
    """A wheel that cannot be built here; the text says why and what helps."""


def own_processor() -> str:
    """Return the processor that this interpreter was built for, as `uname -m` names it."""
    return sysconfig.get_platform().removeprefix("linux-")


def missing_compiler(processor: str) -> str:
    """Say why a wheel cannot be compiled here.

    Args:
        processor: a key of `COMPILERS`.

    Returns:
        what is missing and what installs it; empty where nothing is.
    """
    native = processor == own_processor()
    command, packages = ("cc", "gcc libc6-dev") if native else COMPILERS[processor]
    return "" if shutil.which(command) else f"{command} was not found; it is in Debian's packages {packages}"


def install_compilers(processors: list[str]) -> None:
    """Ask for cross compilers through `.ci/system-packages`; where that fails, `missing_compiler` tells it.

    Args:
        processors: keys of `COMPILERS`.
    """
    foreign = [COMPILERS[processor] for processor in processors if processor != own_processor()]
    pairs = [f"{compiler.command}:{compiler.packages}" for compiler in foreign if not shutil.which(compiler.command)]
    if pairs:
        subprocess.run([ROOT / ".ci/system-packages", "--only", *pairs], check=False)


def build_wheel(processor: str, out: Path) -> Path:
    """Compile the runtime and pack the wheel.

    Args:
        processor: a key of `COMPILERS`. out: folder of the wheel; earlier wheels of the same processor there are removed.

    Returns:
        path of the wheel.

    Raises:
        WheelError: no compiler, or a build or an audit that failed, with its last lines.
    """
    if reason := missing_compiler(processor):
        raise WheelError(reason)
    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        built, audited = Path(folder, "built"), Path(folder, "audited")
        python = [sys.executable, "-m"]
        pip = [*python, "pip", "wheel", "--quiet", "--disable-pip-version-check", "--no-deps", "--wheel-dir", str(built), str(ROOT)]
        _run(f"building for {processor}", pip, _environment(processor, Path(folder, "cmake")))
        (plain,) = built.glob("*.whl")
        audit = [*python, "auditwheel", "repair", "--wheel-dir", str(audited), str(plain)]
        _run(f"auditing {plain.name}", audit, _environment(processor))
        (wheel,) = audited.glob("*.whl")
        for earlier in out.glob(f"tinytl-*_{processor}.whl"):
            earlier.unlink()
        return Path(shutil.move(wheel, out / wheel.name))


def _environment(processor: str, build: Path | None = None) -> dict[str, str]:
    """Return the environment of a build; without `build`, of the audit."""
    path = os.pathsep.join((str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)))
    values = os.environ | {"PATH": path, "SOURCE_DATE_EPOCH": commit_date()}
    if build is not None:
        values |= {"SKBUILD_BUILD_DIR": str(build), "_PYTHON_HOST_PLATFORM": f"linux-{processor}"}
        if processor != own_processor():
            values["CMAKE_TOOLCHAIN_FILE"] = str(HERE / f"{processor}.cmake")
    return values


def commit_date() -> str:
    """Return seconds since 1970 as text: SOURCE_DATE_EPOCH, else the last commit's time, else the first day of zip files."""
    if given := os.environ.get("SOURCE_DATE_EPOCH"):
        return given
    git = ["git", "-C", str(ROOT), "log", "-1", "--format=%ct"]
    answer = subprocess.run(git, capture_output=True, text=True, check=False) if shutil.which("git") else None
    return (answer.stdout.strip() if answer else "") or OLDEST_DATE


def _run(what: str, command: list[str], environment: dict[str, str]) -> None:
    done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    if done.returncode:
        raise WheelError(f"{what} failed:\n" + "\n".join(done.stdout.splitlines()[-30:]))


def main(arguments: list[str] | None = None) -> int:
    """Build the wheels that were asked for.

    Args:
        arguments: of the command line; None: this process's own.

    Returns:
        exit status: 1 where a wheel that was named could not be built, or none could.
    """
    parser = argparse.ArgumentParser(description="Build wheels of tinytl with its compiled runtime.")
    parser.add_argument("processors", nargs="*", metavar="PROCESSOR", help=f"{', '.join(COMPILERS)}; none: all with a compiler here")
    parser.add_argument("-o", "--out", type=Path, default=ROOT / "build/wheels", help="folder of the wheels (build/wheels)")
    parser.add_argument("--install-compilers", action="store_true", help="ask apt for cross compilers that are missing")
    options = parser.parse_args(arguments)
    if unknown := sorted(set(options.processors) - set(COMPILERS)):
        parser.error(f"processor {unknown[0]!r}; expected one of {', '.join(COMPILERS)}")
    processors = options.processors or list(COMPILERS)
    if options.install_compilers:
        install_compilers(processors)
    built = []
    for processor in processors:
        began = time.perf_counter()
        if not options.processors and (reason := missing_compiler(processor)):
            print(f"{processor}: skipped: {reason}")
            continue
        try:
            wheel = build_wheel(processor, options.out)
        except WheelError as error:
            print(f"{processor}: {error}", file=sys.stderr)
            return 1
        built.append(wheel)
        print(f"{processor}: {wheel} ({wheel.stat().st_size:,} bytes, {time.perf_counter() - began:.0f} s)")
    return 0 if built else 1


if __name__ == "__main__":
    sys.exit(main())
