# SPDX-License-Identifier: Apache-2.0
"""Every kernel of the dsp family against the portable one, byte for byte, on random and extreme layers: in plain C on the
twin, in assembly on the emulated Cortex-M4. The portable kernels are compared with LiteRT elsewhere.
"""

import shutil
from collections.abc import Iterator

import numpy as np
import pytest
from dsp_layers import KINDS, inputs_for, layer, variants

from tinytl.compiler import compile_tflite
from tinytl_bridge import Device, connect
from tinytl_bridge.twin import TwinModel

SEEDS = range(24)
DEVICE_SEEDS = range(8)
needs_qemu = pytest.mark.skipif(
    not (shutil.which("qemu-system-arm") and shutil.which("arm-none-eabi-gcc")), reason="needs qemu-system-arm and arm-none-eabi-gcc"
)


def samples(twin: TwinModel, seed: int) -> list[np.ndarray]:
    return inputs_for(twin.image.dims(twin.image.inputs[0]), seed)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("kind", KINDS)
def test_twin_equals_portable(kind: str, seed: int) -> None:
    data = layer(kind, seed)
    portable = TwinModel(compile_tflite(data).data)
    for name, image in variants(data).items():
        twin = TwinModel(image.data)
        for sample in samples(portable, seed):
            np.testing.assert_array_equal(twin.invoke(sample)[0], portable.invoke(sample)[0], err_msg=name)


def test_every_kernel_is_tried() -> None:
    tried = {name for kind in KINDS for seed in DEVICE_SEEDS for name in variants(layer(kind, seed))}
    assert tried == {"panels s16", "panels s8", "winograd 2×2", "winograd 4×4", "row pairs", "taps", "tables"}


@pytest.fixture(scope="module")
def board(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Device]:
    with connect("qemu:mps2-an386", state_dir=tmp_path_factory.mktemp("board")) as device:
        yield device


@needs_qemu
@pytest.mark.parametrize("kind", KINDS)
def test_board_equals_portable(kind: str, board: Device) -> None:
    for seed in DEVICE_SEEDS:
        data = layer(kind, seed)
        portable = TwinModel(compile_tflite(data).data)
        for name, image in variants(data).items():
            board.flash(image)
            for sample in samples(portable, seed)[:2]:
                expected = portable.invoke(sample)[0].reshape(-1)
                board.infer_prepared(sample.reshape(-1))
                got = board.outputs(count=expected.size)
                np.testing.assert_array_equal(got, expected, err_msg=f"{name}, seed {seed}")
