# SPDX-License-Identifier: Apache-2.0
"""The counting plugin: built once from its C source, and whether this QEMU takes it.

QEMU itself decides: it is started with the plugin and told to quit before an instruction runs. One without plugins, or with a plugin
API that no longer knows version 1, says so and ends.
"""

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
_PROBE_TIMEOUT_S = 30


def build_plugin() -> Path:
    """Return the plugin's shared library, compiled with the host's C compiler into the user's cache.

    Raises:
        BenchError: no compiler, or it does not compile.
    """
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        raise BenchError("the counting plugin needs a C compiler", expected="cc in the PATH", hint="sudo apt-get install -y gcc")
    cache_root = os.environ.get("TINYTL_CACHE_DIR")
    folder = (Path(cache_root) if cache_root else user_cache_path("tinytl")) / "counting"
    folder.mkdir(parents=True, exist_ok=True)
    library = folder / f"plugin-{hashlib.sha256(SOURCE.read_bytes()).hexdigest()[:16]}.so"
    with FileLock(folder / ".lock", timeout=120):
        if not library.exists():
            part = library.with_suffix(".part")
            command = [compiler, "-std=c99", "-O2", "-shared", "-fPIC", "-o", str(part), str(SOURCE)]
            ran = subprocess.run(command, capture_output=True, text=True, check=False)
            if ran.returncode:
                raise BenchError(f"the counting plugin does not compile:\n{ran.stderr.strip()[:1000]}", hint="tinytl doctor")
            part.replace(library)
    return library


def qemu_version(name: str = PROGRAM) -> str:
    """Return QEMU's version, "" if there is no QEMU. name: of the program."""
    program = shutil.which(name)
    return _version(program) if program else ""


def plugin_refusal() -> str:
    """Return why this QEMU does not take the plugin, in its own words; "" if it does.

    Raises:
        BenchError: there is no QEMU, or the plugin cannot be built.
    """
    program = shutil.which(PROGRAM)
    if program is None:
        raise BenchError(f"{PROGRAM} was not found", expected="QEMU in the PATH", hint="sudo apt-get install -y qemu-system-arm")
    return _refusal(program, build_plugin())


@cache
def _version(program: str) -> str:
    output = subprocess.run([program, "--version"], capture_output=True, text=True, check=False).stdout
    match = re.search(r"version (\d+\.\d+)", output)
    return match.group(1) if match else "?"


@cache
def _refusal(program: str, library: Path) -> str:
    with tempfile.TemporaryDirectory() as scratch:
        counts = Path(scratch, "counts")
        command = [program, "-machine", "mps2-an386", "-plugin", f"{library},out={counts}", "-display", "none", "-monitor", "stdio"]
        try:
            ran = subprocess.run(
                [*command, "-nodefaults", "-S"], input="quit\n", capture_output=True, text=True, check=False, timeout=_PROBE_TIMEOUT_S
            )
        except subprocess.TimeoutExpired:
            return f"no answer within {_PROBE_TIMEOUT_S} s with the plugin"
        if ran.returncode == 0 and counts.exists():
            return ""
        said = ran.stderr.strip().rpartition("\n")[2]
        return said.rpartition(": ")[2] or f"exit code {ran.returncode} with the plugin"
