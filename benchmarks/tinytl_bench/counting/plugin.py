# SPDX-License-Identifier: Apache-2.0
"""The counting plugin: built once from its C source, and whether this QEMU takes it."""

import hashlib
import os
import re
import shutil
import subprocess
import tempfile
from functools import cache
from pathlib import Path

from filelock import FileLock
from platformdirs import user_cache_path

from tinytl.errors import BenchError
from tinytl_bridge.targets.qemu import PROGRAM

SOURCE = Path(__file__).with_name("plugin.c")


def build_plugin() -> Path:
    """Return the plugin's shared library, compiled with the host's C compiler into the user's cache.

    Raises:
        BenchError: no compiler, or it does not compile.
    """
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        raise BenchError("the counting plugin needs a C compiler", expected="cc in the PATH", hint="sudo apt-get install -y gcc")
    chosen = os.environ.get("TINYTL_CACHE_DIR")
    folder = (Path(chosen) if chosen else user_cache_path("tinytl")) / "counting"
    folder.mkdir(parents=True, exist_ok=True)
    library = folder / f"plugin-{hashlib.sha256(SOURCE.read_bytes()).hexdigest()[:16]}.so"
    with FileLock(folder / ".lock", timeout=120):
        if not library.exists():
            made = library.with_suffix(".part")
            ran = subprocess.run(
                [compiler, "-O2", "-shared", "-fPIC", "-o", str(made), str(SOURCE)], capture_output=True, text=True, check=False
            )
            if ran.returncode:
                raise BenchError(f"the counting plugin does not compile:\n{ran.stderr.strip()[:1000]}", hint="tinytl doctor")
            made.replace(library)
    return library


@cache
def qemu_version() -> str:
    """Return QEMU's version, "" if there is no QEMU."""
    program = shutil.which(PROGRAM)
    if program is None:
        return ""
    told = subprocess.run([program, "--version"], capture_output=True, text=True, check=False).stdout
    found = re.search(r"version (\d+\.\d+)", told)
    return found.group(1) if found else "?"


@cache
def plugins_work() -> bool:
    """Return whether this QEMU loads the plugin: tries it on a machine without a CPU."""
    program = shutil.which(PROGRAM)
    if program is None:
        return False
    with tempfile.TemporaryDirectory() as scratch:
        plugin = f"{build_plugin()},out={scratch}/counts"
        command = [program, "-machine", "mps2-an386", "-plugin", plugin, "-display", "none", "-monitor", "stdio", "-nodefaults", "-S"]
        ran = subprocess.run(command, input="quit\n", capture_output=True, text=True, check=False, timeout=30)
        return ran.returncode == 0 and Path(scratch, "counts").exists()
