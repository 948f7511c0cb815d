# SPDX-License-Identifier: Apache-2.0
"""A counting device: an emulated board whose regions between marks are counted, whatever way this QEMU allows.

With plugins: exact instructions, classes and modelled cycles of each region. Without: instructions from `-icount` and the board's timer, to
one tick (0.04 µs of 1.024 µs an instruction), and no cycles. `how` says which.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from tinytl.errors import BenchError
from tinytl_bench.counting.plugin import build_plugin, plugins_work, qemu_version
from tinytl_bench.counting.profile import BlockCount, Disassembly, Profile, profile
from tinytl_bridge.build import build_firmware
from tinytl_bridge.device import Device, Measured
from tinytl_bridge.targets.qemu import QemuTarget

ICOUNT = ("-icount", "shift=10,align=off,sleep=off")
_NANOSECONDS_PER_INSTRUCTION = 1024


@dataclass(frozen=True)
class Region:
    """One counted region. profile: None where QEMU has no plugins."""

    instructions: int
    profile: Profile | None

    @property
    def cycles_model(self) -> int | None:
        """Cycles by the Cortex-M4 model."""
        return self.profile.cycles if self.profile else None


@dataclass(frozen=True)
class Counter:
    """A device that counts. how: the words that go with its figures."""

    device: Device
    how: str
    counts: Path | None
    code: Disassembly | None

    def measure(self, what: Measured, *, sample: np.ndarray | None = None, label: int = 0, iterations: int = 0) -> tuple[Region, ...]:
        """Have something measured (`Device.measure`); returns its regions."""
        before = len(self._marked()) if self.counts else 0
        ticks = self.device.measure(what, sample=sample, label=label, iterations=iterations)
        if self.counts is None or self.code is None:
            tick_ns = 1e9 / self.device.info.tick_hz
            return tuple(Region(round(count * tick_ns / _NANOSECONDS_PER_INSTRUCTION), None) for count in ticks)
        marked = self._marked()[before:]
        if len(marked) != 2 * len(ticks):
            raise BenchError(f"{len(marked)} marks were counted for {len(ticks)} regions", expected=str(2 * len(ticks)))
        profiles = [profile(blocks, self.code) for blocks in marked[1::2]]
        return tuple(Region(each.instructions, each) for each in profiles)

    def _marked(self) -> list[list[BlockCount]]:
        """Blocks that ran before each mark and after the one before it."""
        assert self.counts is not None
        regions: list[list[BlockCount]] = []
        for line in self.counts.read_text(encoding="ascii").splitlines():
            first, *rest = line.split()
            if first == "M":
                regions.append([])
            else:
                regions[-1].append(BlockCount(int(first, 16), *(int(number) for number in rest)))
        return regions


@contextmanager
def open_counter(board: str, *, plugin: bool | None = None) -> Iterator[Counter]:
    """Start a board that counts, on a fresh non-volatile memory of its own.

    Args:
        plugin: True or False to insist on the plugin or on `-icount`; None takes the plugin where it works.

    Raises:
        BenchError: the plugin was insisted on and this QEMU does not take it.
    """
    works = plugins_work() if plugin is not False else False
    if plugin and not works:
        raise BenchError(f"QEMU {qemu_version()} does not load the counting plugin", hint="leave plugin=None to count through -icount")
    with TemporaryDirectory() as scratch:
        folder = Path(scratch)
        counts = folder / "counts" if works else None
        arguments = ("-plugin", f"{build_plugin()},out={counts}") if works else ICOUNT
        how = f"instructions (QEMU {qemu_version()} {'plugin' if works else '-icount, board timer'})"
        code = Disassembly(build_firmware(board).elf) if works else None
        with Device(QemuTarget(board, state_dir=folder, extra_arguments=arguments)) as device:
            yield Counter(device, how, counts, code)
