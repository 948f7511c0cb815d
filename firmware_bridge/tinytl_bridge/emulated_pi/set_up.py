# SPDX-License-Identifier: Apache-2.0
"""An emulated Raspberry Pi from nothing: Debian's userland, Python packages, tinytl, and what Linux says of the processor.

In: a processor's name. Out: an `EmulatedPi`. The first time takes a minute or two and the network; afterwards it is in the cache, each
part under the key of its content: packages and requirements, the wheel, the processor.
"""

import os
from pathlib import Path

from tinytl.progress import REPORTER, Progress
from tinytl_bridge.emulated_pi.cache import cache_folder, key_of, made_once
from tinytl_bridge.emulated_pi.debian import PYTHON, USERLAND, unpack_packages
from tinytl_bridge.emulated_pi.emulator import EmulatedPi
from tinytl_bridge.emulated_pi.own_wheel import own_wheel
from tinytl_bridge.emulated_pi.processors import Processor, linux_files, processor_of
from tinytl_bridge.emulated_pi.programs import EMULATOR, find_program
from tinytl_bridge.emulated_pi.python_packages import compile_ahead, install_required, requirements_of, unpack_wheel

_RECIPE = "1"
"""Part of every key: raised when a folder is filled otherwise than before."""
_PACKAGES = "opt/py"
_STAGE = "setting up an emulated Pi: Python packages"


def set_up(processor: str, progress: Progress | None = None) -> EmulatedPi:
    """Set an emulated Pi up, or take it from the cache.

    Args:
        processor: `cortex-a53`, `cortex-a72` or `cortex-a76`.
        progress: of what is not in the cache; None: whom `tinytl.progress.REPORTER` holds.

    Raises:
        DeviceError: no such processor. BuildError: a program or Debian's keyring is missing, or the network is away.
    """
    chosen, report = processor_of(processor), progress or REPORTER.get()
    emulator = find_program(EMULATOR, "runs the programs of")
    wheel = own_wheel(report)
    requirements = requirements_of(wheel)
    key = userland_key(requirements)
    userland = made_once(cache_folder() / "userlands" / key, lambda part: _fill_userland(part, wheel, report))
    own = cache_folder() / "tinytl" / key_of([_RECIPE, wheel.read_bytes()])
    made_once(own, lambda part: _fill_own(part, wheel, own))
    root = cache_folder() / "roots" / f"{key}-{key_of([_RECIPE, repr(chosen)])}-{processor}"
    made_once(root, lambda part: fill_root(part, userland, chosen))
    return EmulatedPi(processor, emulator, root, (own, root / _PACKAGES))


def userland_key(requirements: list[str]) -> str:
    """Return the key of a userland.

    Args:
        requirements: of tinytl with the extra `pi`.
    """
    return key_of([_RECIPE, PYTHON, *USERLAND, *sorted(requirements)])


def fill_root(folder: Path, userland: Path, processor: Processor) -> None:
    """Make a Pi's `/`: the userland by links, and files of its own where Linux tells what the processor is.

    Args:
        folder: empty. userland: shared by all Pis. processor: of this one.
    """
    for entry in userland.iterdir():
        (folder / entry.name).symlink_to(Path(os.path.relpath(userland.resolve(), folder.resolve().parent / "x"), entry.name))
    for name, text in linux_files(processor).items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


def _fill_userland(folder: Path, wheel: Path, report: Progress) -> None:
    unpack_packages(USERLAND, folder, report)
    report(_STAGE, 0, 2)
    install_required(wheel, folder / _PACKAGES)
    report(_STAGE, 1, 2)
    for name in (f"usr/lib/python{PYTHON}", _PACKAGES):
        compile_ahead(folder / name, told_as=Path("/", name))
    report(_STAGE, 2, 2)


def _fill_own(folder: Path, wheel: Path, told_as: Path) -> None:
    unpack_wheel(wheel, folder)
    compile_ahead(folder, told_as=told_as)
