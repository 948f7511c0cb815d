# SPDX-License-Identifier: Apache-2.0
"""A whole emulated machine, from the kernel up: Debian's kernel for arm64, busybox as init, tinytl's agent on its network.

In: an emulated Pi that is set up. Out: kernel, initial RAM disk and disk image, and a machine that boots them. No root
rights, no mount: mke2fs fills the disk image from a folder. The guest reaches nothing; one port of loopback leads to the agent.
"""

import gzip
import os
import queue
import shutil
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from tinytl.progress import silent
from tinytl_bridge.emulated_pi import EmulatedPi
from tinytl_bridge.emulated_pi.cache import cache_folder
from tinytl_bridge.emulated_pi.debian import PYTHON, USERLAND, unpack_packages
from tinytl_bridge.targets.child_process import die_with_parent

EMULATOR, DISK_MAKER = "qemu-system-aarch64", "mke2fs"
SYSTEM = (*USERLAND, "busybox-static", "linux-image-cloud-arm64")
MODULES = ("virtio/virtio_ring", "virtio/virtio", "virtio/virtio_mmio", "block/virtio_blk", "net/virtio_net")
MODULES_OF_NET = ("net/core/failover", "drivers/net/net_failover")
GUEST_PORT = 7707
BOOT_LIMIT_S = 180
RAM_DISK_INIT = """#!/bin/busybox sh
b=/bin/busybox
$b mount -t proc proc /proc; $b mount -t sysfs sys /sys; $b mount -t devtmpfs dev /dev
for f in /m/*; do $b insmod $f; done
n=0; while [ ! -b /dev/vda ] && [ $n -lt 200 ]; do $b usleep 20000; n=$((n+1)); done
$b mount -t ext4 -o ro,noload /dev/vda /mnt || { echo "no disk"; $b poweroff -f; }
for d in proc sys dev; do $b mount --move /$d /mnt/$d; done
exec $b switch_root /mnt /sbin/pi-init
"""
INIT = f"""#!/bin/busybox sh
b=/bin/busybox
$b mount -t tmpfs tmp /tmp
$b ip link set lo up; $b ip link set eth0 up; $b ip addr add 10.0.2.15/24 dev eth0
export HOME=/tmp PATH=/usr/bin:/bin:/sbin PYTHONPATH=/opt/own:/opt/py PYTHONDONTWRITEBYTECODE=1 OPENBLAS_NUM_THREADS=1
$b setsid /usr/bin/python{PYTHON} -u -c 'from tinytl_cli import main; main()' agent --address 0.0.0.0 --port {GUEST_PORT} --state /tmp/state
$b poweroff -f
"""


@contextmanager
def built_images(pi: EmulatedPi) -> Iterator[Path]:
    """Give a folder of `vmlinuz`, `initrd.gz` and `root.img` (a third of a gigabyte), removed with the block."""
    own, packages = pi.packages
    with TemporaryDirectory(prefix=".part-system-", dir=cache_folder()) as folder:  # beside the packages, which are linked
        _fill(Path(folder), own, packages)
        yield Path(folder)


def _fill(folder: Path, own: Path, packages: Path) -> None:
    root = folder / "root"
    root.mkdir()
    unpack_packages(SYSTEM, root, silent)
    (modules,) = (root / "lib/modules").iterdir()
    shutil.copy(root / f"boot/vmlinuz-{modules.name}", folder / "vmlinuz")
    (folder / "initrd.gz").write_bytes(gzip.compress(_ram_disk(root, modules), compresslevel=1))
    for name in ("boot", "lib/modules", "usr/include"):
        shutil.rmtree(root / name, ignore_errors=True)
    for name in ("proc", "sys", "dev", "tmp", "opt"):
        (root / name).mkdir(exist_ok=True)
    shutil.copytree(packages, root / "opt/py", symlinks=True, copy_function=os.link)
    shutil.copytree(own, root / "opt/own", symlinks=True, copy_function=os.link)
    (root / "etc/passwd").write_text("root:x:0:0::/tmp:/bin/sh\n")
    (root / "etc/hosts").write_text("127.0.0.1 localhost\n")
    (root / "sbin/pi-init").write_text(INIT)
    (root / "sbin/pi-init").chmod(0o755)
    size = sum(path.lstat().st_size for path in root.rglob("*")) * 13 // 10 + (32 << 20)
    command = [DISK_MAKER, "-q", "-t", "ext4", "-O", "^has_journal", "-E", "root_owner=0:0", "-m", "0", "-d", str(root)]
    subprocess.run([*command, str(folder / "root.img"), f"{size >> 10}k"], check=True, capture_output=True)
    shutil.rmtree(root)


def _ram_disk(root: Path, modules: Path) -> bytes:
    """Return an archive as the kernel takes it (cpio, newc): busybox, the drivers in their order, an init."""
    drivers = [f"drivers/{name}" for name in MODULES[:-1]] + list(MODULES_OF_NET) + [f"drivers/{MODULES[-1]}"]
    files = {"init": RAM_DISK_INIT.encode(), "bin/busybox": (root / "bin/busybox").read_bytes()}
    for number, name in enumerate(drivers):
        path = modules / "kernel" / f"{name}.ko"
        if path.exists():  # else it is part of the kernel
            files[f"m/{number:02d}-{path.name}"] = path.read_bytes()
    folders = ("bin", "m", "proc", "sys", "dev", "mnt")
    entries = [_entry(name, 0o40755, b"") for name in folders] + [_entry(name, 0o100755, data) for name, data in files.items()]
    return b"".join(entries) + _entry("TRAILER!!!", 0, b"")


def _entry(name: str, mode: int, data: bytes) -> bytes:
    path = name.encode() + b"\0"
    fields = (0, mode, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(path), 0)
    head = b"070701" + b"".join(b"%08X" % field for field in fields) + path
    return head + bytes(-len(head) % 4) + data + bytes(-len(data) % 4)


class Console:
    """What a machine says on its serial line, line by line."""

    def __init__(self, process: "subprocess.Popen[bytes]") -> None:
        self.said: list[str] = []
        self._lines: queue.Queue[str] = queue.Queue()
        threading.Thread(target=self._read, args=(process.stdout,), daemon=True).start()

    def _read(self, output: Iterator[bytes]) -> None:
        for line in output:
            self._lines.put(line.decode(errors="replace").strip())

    def wait_for(self, beginning: str) -> str:
        """Return the rest of the first line that begins so; fails with all that was said if none comes."""
        deadline = time.monotonic() + BOOT_LIMIT_S
        while time.monotonic() < deadline:
            try:
                self.said.append(self._lines.get(timeout=1))
            except queue.Empty:
                continue
            if self.said[-1].startswith(beginning):
                return self.said[-1][len(beginning) :]
        raise AssertionError(f"no line begins with {beginning!r}:\n" + "\n".join(self.said[-40:]))


@contextmanager
def booted(images: Path, port: int) -> Iterator[Console]:
    """Boot a machine; it ends with the block. port: of loopback, leads to the agent."""
    command = [
        EMULATOR, "-M", "virt", "-cpu", "cortex-a72", "-smp", "1", "-m", "1024", "-nodefaults", "-display", "none", "-monitor", "none",
        "-serial", "stdio", "-no-reboot", "-kernel", images / "vmlinuz", "-initrd", images / "initrd.gz",
        "-append", "console=ttyAMA0 quiet panic=-1 mitigations=off rdinit=/init",
        "-drive", f"file={images / 'root.img'},if=none,id=d0,format=raw,readonly=on", "-device", "virtio-blk-device,drive=d0",
        "-netdev", f"user,id=n0,restrict=on,hostfwd=tcp:127.0.0.1:{port}-:{GUEST_PORT}", "-device", "virtio-net-device,netdev=n0",
    ]  # fmt: skip
    process = subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, preexec_fn=die_with_parent
    )
    try:
        yield Console(process)
    finally:
        process.kill()
        process.wait()
