# SPDX-License-Identifier: Apache-2.0
"""An emulated Pi that is set up: the command and the environment that start its Python.

In: what a program of the Pi is given. Out: a command line of `qemu-aarch64`, which runs one program of another processor and passes its
system calls on to this machine's kernel.
"""

from dataclasses import dataclass
from pathlib import Path

from tinytl_bridge.emulated_pi.debian import PYTHON

_KEPT = ("HOME", "PATH", "TMPDIR", "TZ")
"""Variables of this machine that the Pi's programs see; paths of this machine's Python must not reach them."""


@dataclass(frozen=True)
class EmulatedPi:
    """A Pi that is set up.

    Attributes:
        processor: as QEMU names it. emulator: path of qemu-aarch64. root: the Pi's `/`. packages: folders of its Python packages, the
            first wins.
    """

    processor: str
    emulator: str
    root: Path
    packages: tuple[Path, ...]

    def python(self, *arguments: str, emulator_arguments: tuple[str, ...] = ()) -> list[str]:
        """Return the command that runs the Pi's Python.

        Args:
            arguments: of Python. emulator_arguments: of QEMU, such as a counting plugin.
        """
        return [self.emulator, "-cpu", self.processor, "-L", str(self.root), *emulator_arguments, f"{self.root}/usr/bin/python{PYTHON}",
                *arguments]  # fmt: skip

    def environment(self, own: dict[str, str]) -> dict[str, str]:
        """Return the variables that the Pi's Python is started with.

        Args:
            own: of this process, of which few are taken.
        """
        kept = {name: own[name] for name in _KEPT if name in own}
        path = ":".join(str(folder) for folder in self.packages)
        # NumPy's BLAS would start a thread a core, which costs more here than it saves.
        return kept | {"PYTHONPATH": path, "PYTHONUNBUFFERED": "1", "LANG": "C.UTF-8", "OPENBLAS_NUM_THREADS": "1"}
