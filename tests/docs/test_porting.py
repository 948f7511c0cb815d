# SPDX-License-Identifier: Apache-2.0
"""PORTING.md: its program compiles against the headers, and its tables name the fields that the platform has."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PORTING = (ROOT / "PORTING.md").read_text(encoding="utf-8")
RUNTIME = ROOT / "firmware_bridge/runtime"
DRIVERS = """
#include <stdint.h>
static uint8_t my_uart_read(void) { return 0; }
static void my_uart_send(void *context, const uint8_t *data, uint32_t bytes) { (void)context; (void)data; (void)bytes; }
static int my_erase(void *context, uint32_t offset, uint32_t bytes) { (void)context; (void)offset; (void)bytes; return 0; }
static int my_write(void *context, uint32_t offset, const void *data, uint32_t bytes)
{ (void)context; (void)offset; (void)data; (void)bytes; return 0; }
"""


@pytest.mark.parametrize("compiler", ["gcc", "clang", "arm-none-eabi-gcc"])
def test_the_program_compiles_without_a_warning(compiler: str, tmp_path: Path) -> None:
    if shutil.which(compiler) is None:
        pytest.skip(f"{compiler} is not installed")
    (program,) = re.findall(r"```c\n(.*?)```", PORTING, flags=re.DOTALL)
    source = tmp_path / "main.c"
    source.write_text(DRIVERS + program, encoding="utf-8")
    core = ["-mcpu=cortex-m4", "-mthumb"] if compiler.startswith("arm") else []
    warnings = ["-Wall", "-Wextra", "-Wconversion", "-Wshadow", "-Werror"]
    command = [compiler, "-std=c99", "-O2", *warnings, *core, f"-I{RUNTIME}/include", "-c", str(source), "-o", str(tmp_path / "main.o")]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr


@pytest.mark.long
def test_the_files_of_step_2_are_all_that_a_port_links(tmp_path: Path) -> None:
    """As the step says: folders, the portable family's file, flags."""
    if shutil.which("gcc") is None:
        pytest.skip("gcc is not installed")
    (step,) = re.findall(r"^2\. (Compile every .*?)^3\. ", PORTING, flags=re.MULTILINE | re.DOTALL)
    named = re.findall(r"`(?:runtime/)?([\w/]+)`", step)
    folders = [folder for name in named for folder in (name, f"{name}/*")]
    assert {"ground", "image", "kernels/portable", "learn", "link", "store"} <= set(named)
    sources = [str(path) for folder in folders for path in sorted(RUNTIME.glob(f"{folder}/*.c"))]
    (program,) = re.findall(r"```c\n(.*?)```", PORTING, flags=re.DOTALL)
    (tmp_path / "main.c").write_text(DRIVERS + program, encoding="utf-8")
    flags = re.findall(r"`(-std=c99 [^`]*)`", step)[0].split()
    command = [
        "gcc",
        *flags,
        f"-I{RUNTIME}",
        f"-I{RUNTIME}/include",
        str(tmp_path / "main.c"),
        *sources,
        str(RUNTIME / "kernels/portable_family.c"),
    ]
    ran = subprocess.run([*command, "-lm", "-o", str(tmp_path / "port")], capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr


def test_every_field_of_the_platform_is_explained() -> None:
    header = (RUNTIME / "include/tinytl_platform.h").read_text(encoding="utf-8")
    (body,) = re.findall(
        r"typedef struct tinytl_platform \{(.*?)\} tinytl_platform;", re.sub(r"/\*.*?\*/", "", header, flags=re.DOTALL), re.DOTALL
    )
    fields = {re.search(r"(\w+)\)?\s*(?:\([^)]*\))?$", declaration.strip())[1] for declaration in body.split(";") if declaration.strip()}
    assert len(fields) >= 18
    assert [field for field in sorted(fields) if f"`{field}`" not in PORTING and f".{field} =" not in PORTING] == []


def test_folders_that_a_port_compiles_exist() -> None:
    for folder in ("ground", "image", "kernels/portable", "learn", "link", "store", "kernels/dsp/armv7em", "kernels/mve/armv81m"):
        assert list((RUNTIME / folder).glob("*.[cS]")), folder
