# SPDX-License-Identifier: Apache-2.0
"""The processors of Raspberry Pis that QEMU emulates, and what Linux says of each: `/proc/cpuinfo` and the masks of cores.

In: a processor's name as in `qemu-pi:cortex-a72`. Out: a `Processor` and the files that programs read of it. Without them LiteRT
reads this machine's own and crashes.
"""

from dataclasses import dataclass

from tinytl.errors import DeviceError

CORES = 4
_BLOCK = """processor\t: {core}
BogoMIPS\t: {bogomips}
Features\t: {features}
CPU implementer\t: 0x41
CPU architecture: 8
CPU variant\t: {variant}
CPU part\t: {part}
CPU revision\t: {revision}
"""
_MASKS = {"possible": f"0-{CORES - 1}", "present": f"0-{CORES - 1}", "online": f"0-{CORES - 1}", "kernel_max": str(CORES - 1)}


@dataclass(frozen=True)
class Processor:
    """A Pi's processor.

    Attributes:
        name: as QEMU has it. pi: the model that has it. revision_code: of that Pi.
        part, variant, revision: Arm's numbers. features: Linux's words. bogomips: from the timer's clock.
    """

    name: str
    pi: str
    revision_code: str
    part: str
    variant: str
    revision: int
    bogomips: str
    features: str = "fp asimd evtstrm crc32 cpuid"


_A76_FEATURES = "fp asimd evtstrm aes pmull sha1 sha2 crc32 atomics fphp asimdhp cpuid asimdrdm lrcpc dcpop asimddp"
PROCESSORS = {
    processor.name: processor
    for processor in (
        Processor("cortex-a53", "Raspberry Pi 3 Model B Rev 1.2", "a02082", "0xd03", "0x0", 4, "38.40"),
        Processor("cortex-a72", "Raspberry Pi 4 Model B Rev 1.1", "c03111", "0xd08", "0x0", 3, "108.00"),
        Processor("cortex-a76", "Raspberry Pi 5 Model B Rev 1.0", "c04170", "0xd0b", "0x4", 1, "108.00", _A76_FEATURES),
    )
}


def processor_of(name: str) -> Processor:
    """Return the processor of that name.

    Args:
        name: such as `cortex-a72`.

    Raises:
        DeviceError: no emulated Pi has it; `max` with the reason.
    """
    known = ", ".join(PROCESSORS)
    if name == "max":
        raise DeviceError(
            "processor 'max' of an emulated Pi is refused: QEMU 7.2 computes wrong int8 results with it",
            expected=known,
            hint="--target qemu-pi:cortex-a72",
        )
    if name not in PROCESSORS:
        raise DeviceError(f"processor {name!r} of an emulated Pi is unknown", expected=known, hint="--target qemu-pi:cortex-a72")
    return PROCESSORS[name]


def linux_files(processor: Processor) -> dict[str, str]:
    """Return what Linux says of a processor: path below the root → text."""
    blocks = "\n".join(
        _BLOCK.format(
            core=core, bogomips=processor.bogomips, features=processor.features, variant=processor.variant, part=processor.part,
            revision=processor.revision,
        )
        for core in range(CORES)
    )  # fmt: skip
    tail = f"\nRevision\t: {processor.revision_code}\nModel\t\t: {processor.pi}\n"
    masks = {f"sys/devices/system/cpu/{name}": text + "\n" for name, text in _MASKS.items()}
    return {"proc/cpuinfo": blocks + tail, "proc/device-tree/model": processor.pi + "\0", **masks}
