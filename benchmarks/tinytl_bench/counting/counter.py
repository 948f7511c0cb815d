# SPDX-License-Identifier: Apache-2.0
"""A counting device: an emulated board or Pi whose regions between marks are counted, whatever way this QEMU allows.

With plugins: exact instructions, classes and modelled cycles of each region. Without: instructions alone, from `-icount` and the board's
timer, which wraps after 167 million of them. Either way a region holds the same few instructions that begin and end it, about 20
with a plugin and 35 without. `how` says which way it was.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from tinytl.errors import BenchError
from tinytl_bench.counting.plugin import build_plugin, plugin_refusal, qemu_version
from tinytl_bench.counting.profile import Disassembly, MarkLog, Profile, profile
from tinytl_bridge.device import Device
from tinytl_bridge.emulated_pi.programs import EMULATOR
from tinytl_bridge.firmware.boards import load_board
from tinytl_bridge.firmware.build import build_firmware
from tinytl_bridge.targets.qemu import QemuTarget
from tinytl_bridge.targets.qemu_pi import QemuPiTarget
from tinytl_bridge.wire.requests import Measured

ICOUNT = ("-icount", "shift=10,align=off,sleep=off")
_NANOSECONDS_PER_INSTRUCTION = 1024
_MODELLED = "Cortex-M4"


@dataclass(frozen=True)
class Region:
    """One counted region. profile: None where QEMU does not take the plugin. cycles_model: None where the core is no Cortex-M4, too."""

    instructions: int
    profile: Profile | None
    cycles_model: int | None


@dataclass(frozen=True)
class Marks:
    """What the plugin gives: its log, and the disassembly to read it by; None: instructions are counted, but not told apart."""

    log: MarkLog
    code: Disassembly | None


@dataclass(frozen=True)
class Counter:
    """A device that counts.

    Attributes:
        how: the words that go with its figures. marks: None where regions are counted through `-icount`.
        unmodelled: why regions have no modelled cycles; empty where they have.
    """

    device: Device
    how: str
    marks: Marks | None
    unmodelled: str

    def measure(self, what: Measured, *, sample: np.ndarray | None = None, label: int = 0, iterations: int = 0) -> tuple[Region, ...]:
        """Have something measured; returns its regions. Args: as `Device.measure`.

        Raises:
            BenchError: the plugin saw other marks than the device set.
        """
        ticks = self.device.measure(what, sample=sample, label=label, iterations=iterations)
        if self.marks is None:
            tick_ns = 1e9 / self.device.info.tick_hz
            return tuple(Region(round(count * tick_ns / _NANOSECONDS_PER_INSTRUCTION), None, None) for count in ticks)
        marked = self.marks.log.read_new()
        if len(marked) != 2 * len(ticks):
            raise BenchError(f"{len(marked)} marks were counted for {len(ticks)} regions", expected=str(2 * len(ticks)))
        code = self.marks.code
        if code is None:
            totals = (sum(block.instructions * block.executions for block in blocks) for blocks in marked[1::2])
            return tuple(Region(total, None, None) for total in totals)
        profiles = [profile(blocks, code) for blocks in marked[1::2]]
        return tuple(
            Region(region_profile.instructions, region_profile, None if self.unmodelled else region_profile.cycles)
            for region_profile in profiles
        )


@contextmanager
def open_counter(board: str, *, plugin: bool | None = None) -> Iterator[Counter]:
    """Start a board that counts, on a fresh non-volatile memory of its own.

    Args:
        plugin: True or False to insist on the plugin or on `-icount`; None takes the plugin where it works.

    Raises:
        BenchError: no QEMU, no C compiler for the plugin, or the plugin was insisted on and this QEMU refuses it.
    """
    refusal = "left out on request" if plugin is False else plugin_refusal()
    if plugin and refusal:
        raise BenchError(f"QEMU {qemu_version()} refuses the counting plugin: {refusal}", hint="leave plugin=None to count through -icount")
    with TemporaryDirectory() as scratch:
        folder = Path(scratch)
        counts = folder / "counts"
        arguments = ICOUNT if refusal else ("-plugin", f"{build_plugin()},out={counts}")
        how = f"instructions (QEMU {qemu_version()} {'-icount, board timer' if refusal else 'plugin'})"
        code = None if refusal else Disassembly(build_firmware(board).elf)
        with Device(QemuTarget(board, state_dir=folder, extra_arguments=arguments)) as device:
            yield Counter(device, how, Marks(MarkLog(counts), code) if code else None, _unmodelled(load_board(board).cpu, refusal))


@contextmanager
def open_pi_counter(processor: str) -> Iterator[Counter]:
    """Start an emulated Pi that counts, on a fresh store of its own; instructions alone, and by the plugin alone.

    Args:
        processor: such as `cortex-a72`.

    Raises:
        BuildError: the Pi cannot be set up. BenchError: no C compiler for the plugin. DeviceError: QEMU refuses it, in its words.
    """
    with TemporaryDirectory() as scratch:
        counts = Path(scratch, "counts")
        plugin = ("-plugin", f"{build_plugin()},out={counts}")
        how = f"instructions (QEMU {qemu_version(EMULATOR)} plugin)"
        with Device(QemuPiTarget(processor, state_dir=Path(scratch), emulator_arguments=plugin)) as device:
            yield Counter(device, how, Marks(MarkLog(counts), None), _unmodelled(processor, ""))


def _unmodelled(core: str, refusal: str) -> str:
    if refusal:
        return f"not modelled: QEMU refuses the counting plugin ({refusal}), so instructions alone are counted"
    return "" if core.startswith(_MODELLED) else f"not modelled: the cycle model is a {_MODELLED}'s, this core is a {core}"
