# SPDX-License-Identifier: Apache-2.0
"""The power goes inside erases and writes: after a start the device holds what it held before the command, whole, or after it.

The harness (`harness/power_cuts.c`) tears units and sectors (`harness/torn_flash.c`) under the twin's own session and store, in chains of
SAVE, FLASH, ROLLBACK, CHECK, GROW and PUT_HEAD; after a cut a second command is cut, and then one more must work. Its cuts depend on the seed alone.
"""

import os
import subprocess
from pathlib import Path

import pytest
from building import HARNESS, STRICT, compile_c
from head_image import Replay, head_image, random_features, random_head, with_crc

from tinytl.head.layers import Learning
from tinytl_bridge.paths import runtime_dir, twin_library

SHORT = bool(os.environ.get("TINYTL_SHORT"))
UNITS = (1, 2, 4, 8, 16, 32)
GEOMETRIES = [(64, 40, 32, 30), (128, 16, 128, 6), (256, 9, 512, 2), (512, 5, 128, 7), (1024, 2, 1024, 1), (1024, 3, 256, 4), (2048, 1, 2048, 1),
              (2048, 2, 512, 2), (4096, 1, 1024, 1), (8192, 2, 8192, 1), (16384, 1, 4096, 1), (16384, 1, 16384, 1)]  # fmt: skip
"""Bytes of a sector and sectors of a slot, of models, then of heads."""
EVERYDAY = GEOMETRIES[1::5]
KINDS = ("save", "flash", "rollback", "check", "grow", "put", "chain")


def write_image(path: Path, widths: tuple[int, ...], classes: int, number: int) -> Path:
    """Write an image with a guard, replay and room for more classes, of a bundle of its own."""
    learning = Learning(learning_rate=0.05, replays_per_step=2, guard_buffer_bytes=1200, guard_every=2, seed=number)
    features, labels = random_features(widths[0], 20, classes, number)
    head = random_head(widths, learning=learning, seed=number)
    image = head_image(head, class_count=classes, replay=Replay(features, labels, 8))
    path.write_bytes(with_crc(image[:16] + bytes([number]) * 16 + image[32:]))
    return path


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("images")
    return [write_image(folder / "one", (12, 6, 8), 4, 1), write_image(folder / "other", (9, 5, 7), 3, 2)]


def build(output: Path, *more: Path) -> Path:
    """Link the harness to the twin, with files that come before the twin's own."""
    twin = twin_library()
    return compile_c(
        output,
        [*(HARNESS / f"{name}.c" for name in ("power_cuts", "torn_flash", "wire", "frames")), *more, twin],
        *STRICT,
        "-O1",
        f"-Wl,-rpath,{twin.parent}",
    )


@pytest.fixture(scope="module")
def harness(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tmp_path_factory.mktemp("cuts") / "power_cuts")


def cut(harness: Path, images: list[Path], geometry: tuple[int, ...], unit: int, cuts: int, seed: int) -> subprocess.CompletedProcess[str]:
    command = [str(harness), *map(str, images), *map(str, geometry), str(unit), str(cuts), str(seed)]
    return subprocess.run(command, capture_output=True, text=True, timeout=500, check=False)


def counted(harness: Path, images: list[Path], geometry: tuple[int, ...], unit: int, cuts: int, seed: int) -> dict[str, tuple[int, int]]:
    """Return of each kind of operation how many cuts left the old state and the new one."""
    ran = cut(harness, images, geometry, unit, cuts, seed)
    assert ran.returncode == 0, f"{' '.join(ran.args)}: {ran.stdout}{ran.stderr}"
    lines = [line.split() for line in ran.stdout.splitlines()]
    return {kind: (int(old), int(new)) for kind, old, new in lines}


def added(counts: list[dict[str, tuple[int, int]]]) -> dict[str, tuple[int, int]]:
    return {kind: (sum(each[kind][0] for each in counts), sum(each[kind][1] for each in counts)) for kind in KINDS}


@pytest.mark.parametrize("unit", UNITS)
def test_old_or_new_after_a_cut(harness: Path, images: list[Path], unit: int) -> None:
    total = added([counted(harness, images, geometry, unit, 500, 1) for geometry in EVERYDAY])
    assert all(old > 10 for old, _ in total.values()), f"not everything was cut: {total}"
    assert sum(new for _, new in total.values()) > 10, "no cut ended a commit word"


@pytest.mark.long
@pytest.mark.parametrize("unit", UNITS)
@pytest.mark.parametrize("geometry", GEOMETRIES, ids=str)
def test_old_or_new_after_thousands_of_cuts(harness: Path, images: list[Path], geometry: tuple[int, ...], unit: int) -> None:
    cuts = 1_000 if SHORT else 50_000
    total = counted(harness, images, geometry, unit, cuts, 2)
    assert sum(map(sum, total.values())) >= cuts


WRONG_STORES = {
    "no commit word": (("get32(at + places.commit) == COMMIT_WORD &&", ""),),
    "written over what is in use": (("1u - stays->slot", "stays->slot"),),
    "no erase before a write": (("platform->nv_erase(platform->context, offset, slot_bytes(platform, kind)) != 0", "0"),),
    "commit word in the header's unit": (("commit = rounded_up(HEADER_BYTES, unit)", "commit = HEADER_BYTES"),),
}
"""Checksums are not among them: after a cut the commit word tells as much; what rots is in tests/store/test_rotten_slots.py."""


@pytest.mark.parametrize("name", WRONG_STORES)
def test_a_wrong_store_is_found(images: list[Path], tmp_path: Path, name: str) -> None:
    """The harness over the store with a line or two changed."""
    text = (runtime_dir() / "store/store.c").read_text()
    for right, wrong in WRONG_STORES[name]:
        assert text.count(right) == 1
        text = text.replace(right, wrong)
    (tmp_path / "store.c").write_text(text)
    ran = cut(build(tmp_path / "power_cuts", tmp_path / "store.c"), images, GEOMETRIES[4], 8, 20_000, 1)
    assert ran.returncode == 1, ran.stdout
    assert ran.stdout.startswith(("fault: ", "flash: "))
