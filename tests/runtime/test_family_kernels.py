# SPDX-License-Identifier: Apache-2.0
"""Every kernel of a family against the portable one, byte for byte, on random and extreme layers: in plain C on the twin, in
assembly on the emulated core. The portable kernels are compared with LiteRT elsewhere.
"""

import shutil
from collections.abc import Iterator

import numpy as np
import pytest
from layers import KINDS, inputs_for, kernel_of, kernels_of, layer, variants

from tinytl.compiler import compile_tflite
from tinytl.compiler.variants import VARIANTS
from tinytl_bridge import Device, connect
from tinytl_bridge.twin import TwinModel

BOARDS = {"dsp": "mps2-an386", "mve": "mps3-an547"}
SEEDS = range(24)
DEVICE_SEEDS = range(8)
needs_qemu = pytest.mark.skipif(
    not (shutil.which("qemu-system-arm") and shutil.which("arm-none-eabi-gcc")), reason="needs qemu-system-arm and arm-none-eabi-gcc"
)


def samples(twin: TwinModel, seed: int) -> list[np.ndarray]:
    return inputs_for(twin.image.dims(twin.image.inputs[0]), seed)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("family", BOARDS)
def test_twin_equals_portable(family: str, kind: str, seed: int) -> None:
    data = layer(kind, seed)
    portable = TwinModel(compile_tflite(data).data)
    for name, image in variants(data, family).items():
        twin = TwinModel(image.data)
        for sample in samples(portable, seed):
            np.testing.assert_array_equal(twin.invoke(sample)[0], portable.invoke(sample)[0], err_msg=name)


@pytest.mark.parametrize("family", BOARDS)
def test_every_kernel_is_tried(family: str) -> None:
    images = (image for kind in KINDS for seed in DEVICE_SEEDS for image in variants(layer(kind, seed), family).values())
    tried = {kernel_of(image.data) for image in images}
    assert not [VARIANTS[key].name for key in kernels_of(family) - tried], "no layer of `layers.py` takes it"


@pytest.fixture(scope="module", params=BOARDS)
def board(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Device]]:
    """A family and a board with its core."""
    with connect(f"qemu:{BOARDS[request.param]}", state_dir=tmp_path_factory.mktemp("board")) as device:
        yield request.param, device


@needs_qemu
@pytest.mark.parametrize("kind", KINDS)
def test_board_equals_portable(kind: str, board: tuple[str, Device]) -> None:
    family, device = board
    for seed in DEVICE_SEEDS:
        data = layer(kind, seed)
        portable = TwinModel(compile_tflite(data).data)
        for name, image in variants(data, family).items():
            device.flash(image)
            for sample in samples(portable, seed)[:2]:
                expected = portable.invoke(sample)[0].reshape(-1)
                device.infer_prepared(sample.reshape(-1))
                got = device.outputs(count=expected.size)
                np.testing.assert_array_equal(got, expected, err_msg=f"{name}, seed {seed}")
