# SPDX-License-Identifier: Apache-2.0
"""The head learns the same bytes everywhere: gcc and clang on this machine, Cortex-M4F (VFMA, rows_vfpv4.h; SMLAD, int8_rows_dsp.h),
Cortex-M4 without its FPU, Cortex-M3 and code for Cortex-M0 (no FPU, the exact fused multiply-add in integers) in QEMU, at several optimization levels."""

import os
import shutil
import struct
import subprocess
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from graph_heads import HEADS, INT8_HEADS
from head_image import Feature, Replay, class_count_of, head_image, head_of, random_features, random_head

from tinytl.head.layers import Learning
from tinytl_bridge.paths import runtime_dir
from tinytl_bridge.twin import TwinModel, library

FIRMWARE = Path(__file__).parent / "firmware"
TRIAL_ADDRESS = 0x21000000
STEPS, PERIOD = 300, 20
SHORT = bool(os.environ.get("TINYTL_SHORT"))
STRICT = ("-std=c99", "-ffp-contract=off", "-Wall", "-Wextra", "-Wconversion", "-Wshadow", "-pedantic", "-Werror")
M4F = ("-mcpu=cortex-m4", "-mthumb", "-mfloat-abi=hard", "-mfpu=fpv4-sp-d16")
M3 = ("-mcpu=cortex-m3", "-mthumb", "-mfloat-abi=soft")
CORES = {
    "m4f-O2": ("mps2-an386", (*M4F, "-O2")),
    "m4f-Os": ("mps2-an386", (*M4F, "-Os")),
    "m3-O2": ("mps2-an385", (*M3, "-O2")),
    "m0-Os": ("mps2-an385", ("-mcpu=cortex-m0", "-mthumb", "-mfloat-abi=soft", "-Os")),
    "m4-soft-O2": ("mps2-an386", ("-mcpu=cortex-m4", "-mthumb", "-mfloat-abi=soft", "-O2")),
}


@dataclass(frozen=True)
class Trial:
    """An image, features (STEPS, feature_count) int8 and labels (STEPS,)."""

    image: bytes
    features: np.ndarray
    labels: np.ndarray

    @property
    def file(self) -> bytes:
        """What the firmware finds at TRIAL_ADDRESS."""
        head = struct.pack("<4I", len(self.image), len(self.labels), PERIOD, 0)
        return head + self.image + self.features.tobytes() + self.labels.astype("<u2").tobytes()


SETTINGS: tuple[dict[str, Any], ...] = (
    {"momentum": 0.9, "learning_rate": 0.002},
    {"optimizer": "adam", "momentum": 0.9, "accumulation": 3},
    {"weight_decay": 0.01},
    {"clip_norm": 0.5, "schedule": "cosine", "schedule_steps": 50},
)


INT8: dict[str, Any] = {"weights": "int8", "learning_rate": 0.05}
ALL_HEADS = HEADS | INT8_HEADS


def graph_trial(name: str, steps: int) -> Trial:
    """A head of `graph_heads`, with replay from both stores; optimizers in turn."""
    seed = 1 + sorted(ALL_HEADS).index(name)
    settings = INT8 | {"weight_decay": 0.01 * (seed % 2)} if name in INT8_HEADS else SETTINGS[seed % len(SETTINGS)]
    learning = Learning(**{"learning_rate": 0.01, "replays_per_step": 2, "seed": seed} | settings)
    head = replace(ALL_HEADS[name], learning=learning)
    classes = class_count_of(head)
    features, labels = random_features(head.feature_count, steps, classes, seed)
    old, old_labels = random_features(head.feature_count, 5, classes, seed + 1)
    return Trial(head_image(head, replay=Replay(old, old_labels, 4)), features, labels)


def trial(
    widths: tuple[int, ...], learning: Learning, *, classes: int, activation: str, capacity: int, replayed: int, added: int = 0
) -> Trial:
    """added: so many of the classes are not in the image; they begin with their first sample, in the order of their numbers."""
    head = random_head(widths, activation=activation, learning=learning, seed=len(widths), parts=(widths[0] - 9, 9))
    outputs = (Feature(widths[0] - 9, 0.031, -11), Feature(9, 0.17, 40))
    features, labels = random_features(widths[0], STEPS, classes, seed=5)
    if added:
        labels = np.argsort(np.argsort(np.unique(labels, return_index=True)[1]))[labels]
    old, old_labels = random_features(widths[0], replayed, classes - added, seed=6)
    image = head_image(head, outputs=outputs, class_count=classes - added, replay=Replay(old, old_labels, capacity))
    return Trial(image, features, labels)


TRIALS = {
    "last-dense": trial((64, 10), Learning(0.02, replays_per_step=4), classes=10, activation="none", capacity=20, replayed=30),
    "two-layers": trial(
        (37, 18, 9), Learning(0.01, 0.9, 0.01, replays_per_step=2, seed=77), classes=7, activation="relu", capacity=11, replayed=0
    ),
    "three-layers": trial(
        (30, 13, 8, 6), Learning(0.05, 0.0, 0.002, replays_per_step=1), classes=6, activation="relu6", capacity=0, replayed=12
    ),
    "added-classes": trial(
        (48, 12, 10), Learning(0.01, replays_per_step=4), classes=9, activation="relu", capacity=20, replayed=30, added=5
    ),
}


def twin_lines(run: Trial) -> list[str]:
    """Teach the twin; return the lines that the firmware prints."""
    twin, lines = TwinModel(run.image), []
    sizes = [twin.image.tensors[each].bytes for each in twin.image.inputs]
    for number, (sample, label) in enumerate(zip(run.features, run.labels, strict=True), 1):
        twin.invoke(*(part[None] for part in np.split(sample, np.cumsum(sizes)[:-1])))
        if label == twin.class_count:
            twin.grow(chr(ord("a") + label))
        result = twin.step(int(label))
        assert result.status == "ok"
        if number % PERIOD == 0:
            random = int.from_bytes(twin.state()[12:16], "little")
            values = (twin.head_crc32(), int(np.float32(result.loss).view(np.uint32)), result.predicted, random)
            lines.append(" ".join(f"{value:08x}" for value in values))
    return lines


def needed(*programs: str) -> None:
    for program in programs:
        if shutil.which(program) is None:
            pytest.skip(f"needs {program}")


def runtime_sources() -> list[Path]:
    folders = ("ground", "image", "kernels", "kernels/portable", "learn", "learn/arithmetic", "learn/check", "learn/int8", "learn/layers")
    return [path for folder in folders for path in sorted((runtime_dir() / folder).glob("*.c"))]


def compiled(command: Sequence[str | Path]) -> None:
    ran = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert ran.returncode == 0, ran.stderr


EVERYDAY = ("m4f-O2", "m3-O2")


@pytest.fixture(scope="module", params=[name if name in EVERYDAY else pytest.param(name, marks=pytest.mark.long) for name in CORES])
def firmware(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path]:
    """The machine and the program for it."""
    needed("arm-none-eabi-gcc", "qemu-system-arm")
    machine, flags = CORES[request.param]
    elf = tmp_path_factory.mktemp("firmware") / f"{request.param}.elf"
    include = [f"-I{runtime_dir() / 'include'}", f"-I{runtime_dir()}", f"-I{FIRMWARE}"]
    sources = [*runtime_sources(), FIRMWARE / "main.c", FIRMWARE / "startup.c"]
    link: list[str | Path] = ["-nostartfiles", "-ffunction-sections", "-Wl,--gc-sections", "-T", FIRMWARE / "mps2.ld"]
    compiled(["arm-none-eabi-gcc", *flags, "-std=c99", "-ffp-contract=off", *include, *sources, *link, "-o", elf])
    return machine, elf


def emulated_lines(machine: str, elf: Path, run: Trial, folder: Path) -> list[str]:
    data = folder / "trial.bin"
    data.write_bytes(run.file)
    loader = f"loader,file={data},addr={TRIAL_ADDRESS:#x},force-raw=on"
    quiet = ["-display", "none", "-monitor", "none", "-serial", "none", "-semihosting-config", "enable=on,target=native"]
    command = ["qemu-system-arm", "-machine", machine, "-kernel", str(elf), "-device", loader, *quiet]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return [line.strip() for line in (ran.stdout + ran.stderr).splitlines()]


@pytest.mark.parametrize("name", ALL_HEADS)
def test_device_learns_every_kind_of_layer(firmware: tuple[str, Path], name: str, tmp_path: Path) -> None:
    run = graph_trial(name, 2 * PERIOD)
    assert emulated_lines(*firmware, run, tmp_path) == twin_lines(run)


@pytest.mark.long
@pytest.mark.parametrize("name", ALL_HEADS)
def test_device_learns_every_kind_of_layer_at_length(firmware: tuple[str, Path], name: str, tmp_path: Path) -> None:
    run = graph_trial(name, 100 if SHORT else 1000)
    assert emulated_lines(*firmware, run, tmp_path) == twin_lines(run)


@pytest.mark.parametrize("name", TRIALS)
def test_device_learns_the_bytes_of_the_twin(firmware: tuple[str, Path], name: str, tmp_path: Path) -> None:
    run = TRIALS[name]
    expected = twin_lines(run)
    assert len(set(expected)) == len(run.labels) // PERIOD, "the head must change all the time"
    assert emulated_lines(*firmware, run, tmp_path) == expected


BUILDS = {
    "gcc-O0": ("gcc", "-O0"),
    "gcc-O3-native": ("gcc", "-O3", "-march=native"),
    "gcc-exact-fused": ("gcc", "-O2", "-DTINYTL_FUSED_EXACT"),
    "clang-O2-native": ("clang", "-O2", "-march=native"),
}

EACH = [pytest.param(build, marks=pytest.mark.long) for build in BUILDS]


@pytest.fixture
def other_twin(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[Path], None]]:
    """A function that puts another library in the twin's place, until the test ends."""

    def replace_twin(path: Path) -> None:
        monkeypatch.setenv("TINYTL_TWIN_LIBRARY", str(path))
        library.cache_clear()
        assert library()._name == str(path)

    yield replace_twin
    monkeypatch.undo()
    library.cache_clear()


@pytest.mark.parametrize("build", EACH)
def test_every_host_compiler_learns_the_same_bytes(build: str, tmp_path: Path, other_twin: Callable[[Path], None]) -> None:
    """Kernels, in integers, are built as quickly as may be: other tests compare them."""
    compiler, *flags = BUILDS[build]
    needed(compiler)
    root = runtime_dir()
    sources = [*runtime_sources(), *sorted((root / "twin").glob("*_access.c")), root / "twin/processor.c"]
    learner = [path for path in sources if root / "learn" in path.parents]
    kernels, command = tmp_path / "kernels.o", [compiler, *STRICT, "-fPIC", f"-I{root / 'include'}", f"-I{root}"]
    compiled([*command, "-O0", "-nostdlib", "-r", *(path for path in sources if path not in learner), "-o", kernels])
    compiled([*command, *flags, "-shared", *learner, kernels, "-lm", "-o", tmp_path / "twin.so"])
    expected = [twin_lines(run) for run in TRIALS.values()]
    other_twin(tmp_path / "twin.so")
    assert [twin_lines(run) for run in TRIALS.values()] == expected


def test_trials_exercise_replay_and_reserved_rows() -> None:
    assert head_of(TRIALS["last-dense"].image).replays_per_step == 4
    record = head_of(TRIALS["two-layers"].image)
    assert record.class_count < record.class_capacity
    grown = TRIALS["added-classes"]
    assert set(grown.labels) == set(range(9)) and head_of(grown.image).class_count == 4
