# SPDX-License-Identifier: Apache-2.0
"""The firmware on the emulated board is the twin, byte for byte, and keeps what it saved."""

import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from tiny_task import tiny_task
from tinytl.bundle.bundle import read_bundle
from tinytl.compiler import compile_bundle
from tinytl_bridge import Device, connect
from tinytl_bridge.firmware.boards import load_board
from tinytl_bridge.firmware.build import build_firmware
from tinytl_bridge.twin import TwinModel
from tinytl_bridge.wire.requests import TeachFlags

pytestmark = pytest.mark.skipif(
    not (shutil.which("qemu-system-arm") and shutil.which("arm-none-eabi-gcc")), reason="needs qemu-system-arm and arm-none-eabi-gcc"
)
BOARDS = {"mps2-an386": ("portable", "dsp"), "mps3-an547": ("portable", "mve")}
"""Board → its kernel families."""
TARGET = tiny_task("other writers", seed=11)
STEPS = 300


@pytest.fixture(scope="module", params=BOARDS)
def device(request: pytest.FixtureRequest, tiny_bundle: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Device]:
    with connect(f"qemu:{request.param}", state_dir=tmp_path_factory.mktemp("state")) as connected:
        connected.flash(read_bundle(tiny_bundle))
        yield connected


@pytest.fixture
def factory(device: Device) -> Device:
    device.rollback("factory")
    return device


def test_it_says_what_it_is(device: Device) -> None:
    board = load_board(device.info.board)
    assert device.target.name == f"qemu:{board.name}"
    assert device.info.clock_hz == board.clock_hz
    assert device.info.arena_bytes == board.memory.arena_bytes
    assert device.info.families == BOARDS[board.name]


def test_features_and_logits_are_the_twins(factory: Device, tiny_bundle: Path) -> None:
    bundle = read_bundle(tiny_bundle)
    twin = TwinModel(compile_bundle(bundle).data)
    generator = np.random.default_rng(2)
    samples = np.concatenate([bundle.check_inputs, generator.integers(-128, 128, (200, bundle.check_inputs.shape[1])).astype(np.int8)])
    for index, sample in enumerate(samples):
        answer = factory.infer_prepared(sample)
        features = np.concatenate([output.reshape(-1) for output in twin.invoke(sample)])
        best, logits = twin.infer()
        assert answer.predicted == best
        assert answer.logits.tobytes() == logits.tobytes()
        if index < len(bundle.check_inputs):
            assert np.array_equal(features, bundle.check_features[index]), "what LiteRT's reference kernels answered"
            assert np.array_equal(factory.outputs(count=features.size), features)


def test_the_head_is_the_twins_after_300_steps_and_survives_the_power_cut(factory: Device, tiny_bundle: Path, tmp_path: Path) -> None:
    x, y = TARGET.x_train[:STEPS], TARGET.y_train[:STEPS]
    taught = factory.teach(x, y, flags=TeachFlags(trace=True))
    with connect("host", state_dir=tmp_path) as twin:
        twin.flash(read_bundle(tiny_bundle))
        expected = twin.teach(x, y, flags=TeachFlags(trace=True))
        head = twin.head_parameters()
    assert [step.head_crc32 for step in taught.samples] == [step.head_crc32 for step in expected.samples]
    assert factory.head_parameters().tobytes() == head.tobytes()
    assert factory.status().steps == STEPS
    factory.save()
    factory.teach(x[:5], y[:5])
    factory.power_cycle()
    status = factory.status()
    assert (status.head_status, status.steps) == ("saved", STEPS)
    assert factory.head_parameters().tobytes() == head.tobytes()


def test_a_broken_twin_would_be_found(factory: Device, tiny_bundle: Path) -> None:
    """The comparison can fail: one other label, and the heads differ."""
    twin = TwinModel(compile_bundle(read_bundle(tiny_bundle)).data)
    samples = factory.prepare(TARGET.x_train[:3])
    for sample, label in zip(samples, TARGET.y_train[:3], strict=True):
        factory.teach_prepared(sample, int(label))
        twin.invoke(sample)
        twin.step(int(label + 1) % 4)
    assert factory.head_parameters().tobytes() != twin.parameters.tobytes()


def test_evaluation_through_the_mailbox_is_inference_sample_by_sample(factory: Device) -> None:
    x, y = TARGET.x_test[:70], TARGET.y_test[:70]
    evaluated = factory.evaluate(x, y)
    assert evaluated.predictions.tolist() == [factory.infer(sample).predicted for sample in x]


def test_stack_and_memory_stay_within_the_chips_limits(device: Device) -> None:
    board = device.info.board
    memory, status, firmware = load_board(board).memory, device.status(), build_firmware(board)
    assert 0 < status.stack_bytes < memory.stack_bytes // 2
    assert firmware.text_bytes + firmware.data_bytes < memory.firmware_bytes
    assert status.static_bytes + memory.arena_bytes + memory.stack_bytes < memory.ram_bytes
    listed = subprocess.run(["arm-none-eabi-nm", "-n", str(firmware.elf)], capture_output=True, text=True, check=True).stdout
    addresses = [int(line.split()[0], 16) for line in listed.splitlines() if re.match(r"[0-9a-f]{8} [bBdD]", line)]
    assert addresses
    assert all(0x20000000 <= address < 0x20000000 + memory.ram_bytes for address in addresses)


@pytest.mark.parametrize("board", BOARDS)
def test_a_fused_multiply_add_is_one_instruction(board: str) -> None:
    code = subprocess.run(
        ["arm-none-eabi-objdump", "-d", str(build_firmware(board).elf)], capture_output=True, text=True, check=True
    ).stdout
    assert "vfma.f32" in code
    assert "<fmaf>:" not in code
    assert not re.search(r"<(malloc|free|printf|expf|logf)>:", code)
