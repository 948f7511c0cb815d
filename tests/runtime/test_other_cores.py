# SPDX-License-Identifier: Apache-2.0
"""The portable kernels on other cores, byte for byte as on the twin: RISC-V (rv32imac) and Cortex-M0, in QEMU, on random layers
and graphs."""

import struct
from dataclasses import dataclass
from pathlib import Path
from zlib import crc32

import numpy as np
import pytest
from building import LEARNER, sources
from emulated_cores import CORTEX_M0, CORTEX_M0_WIDE, RISCV32, Core
from layers import KINDS, inputs_for, layer
from random_graphs import random_graph
from recurrent_models import Lstm

from tinytl.compiler import Image, compile_tflite
from tinytl_bridge.paths import runtime_dir
from tinytl_bridge.twin import TwinModel

CORES = {"rv32imac": RISCV32, "cortex-m0": CORTEX_M0, "cortex-m0-wide": CORTEX_M0_WIDE}
PROGRAM = Path(__file__).parent / "cores/main.c"
MICROBIT_TRIAL_BYTES = 190_000


@dataclass(frozen=True)
class ModelCase:
    """A model, its samples and the line that every core prints: checksums of the outputs."""

    name: str
    image: Image
    samples: tuple[bytes, ...]
    line: str

    def data(self, *, last: bool) -> bytes:
        """Return what the program finds in memory."""
        head = struct.pack("<4I", len(self.image.data), len(self.samples[0]), len(self.samples), last)
        return head + self.image.data + b"".join(sample + bytes(-len(sample) % 16) for sample in self.samples)


def model_case(name: str, tflite: bytes, seed: int) -> ModelCase:
    image = compile_tflite(tflite)
    twin = TwinModel(image.data)
    samples = inputs_for(twin.image.dims(twin.image.inputs[0]), seed)
    checksums = []
    for sample in samples:
        outputs = twin.invoke(sample)
        checksums.append(crc32(b"".join(np.ascontiguousarray(output).tobytes() for output in outputs)))
    return ModelCase(name, image, tuple(sample.tobytes() for sample in samples), " ".join(f"{each:08x}" for each in checksums))


@pytest.fixture(scope="module")
def cases() -> list[ModelCase]:
    """Layers of every kind, and graphs of many operators."""
    layers = [model_case(f"{kind} {seed}", layer(kind, seed), seed) for kind in KINDS for seed in range(6)]
    layers += [
        model_case(f"lstm {seed}", Lstm(12, 5, 9, energy=4.0 * seed + 1, cell_bits=seed, seed=seed).bytes(), seed) for seed in range(7)
    ]
    return layers + [model_case(f"graph {seed}", random_graph(seed), seed) for seed in range(30)]


def fitting(cases: list[ModelCase], core: Core) -> list[ModelCase]:
    """Return the cases that the core has memory for."""
    chosen, used = [], 0
    for each in cases:
        size = len(each.data(last=False))
        if each.image.arena_bytes <= core.arena_bytes and (core is not CORTEX_M0 or used + size <= MICROBIT_TRIAL_BYTES):
            chosen.append(each)
            used += size
    return chosen


@pytest.mark.parametrize("name", ["cortex-m0", *(pytest.param(core, marks=pytest.mark.long) for core in ("cortex-m0-wide", "rv32imac"))])
def test_core_equals_twin(name: str, cases: list[ModelCase], tmp_path: Path) -> None:
    core, runtime = CORES[name], runtime_dir()
    program = core.build(
        [PROGRAM, *sources("ground", "image", "kernels", "kernels/portable", *LEARNER)],
        [runtime / "include", runtime],
        tmp_path / "program.elf",
    )
    chosen = fitting(cases, core)
    assert len(chosen) == len(cases) or (core is CORTEX_M0 and len(chosen) > len(cases) // 3)
    trial = tmp_path / "trial.bin"
    trial.write_bytes(b"".join(each.data(last=each is chosen[-1]) for each in chosen))
    for each, line in zip(chosen, core.lines(program, trial), strict=True):
        assert line == each.line, each.name


def test_layers_reach_every_portable_kernel(cases: list[ModelCase]) -> None:
    reached = {operator.kind for each in cases for operator in each.image.operators}
    assert reached >= {"conv_2d", "depthwise_conv_2d", "fully_connected", "average_pool_2d", "max_pool_2d", "add", "mul", "mean", "lstm"}
