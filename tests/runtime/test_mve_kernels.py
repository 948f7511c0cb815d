# SPDX-License-Identifier: Apache-2.0
"""Every kernel of the mve family against the portable one, byte for byte, on random and extreme layers: in plain C on the
twin, in assembly and intrinsics on the emulated Cortex-M55. The portable kernels are compared with LiteRT elsewhere.
"""

import shutil
from collections.abc import Iterator

import numpy as np
import pytest
from dsp_layers import KINDS, inputs_for, layer

from tinytl.compiler import Image, compile_tflite
from tinytl.compiler.compile import CompileOptions, build_image, compile_program
from tinytl.compiler.metadata import tflite_metadata
from tinytl.compiler.selection import find_choices, with_kernels
from tinytl.compiler.variants import VARIANTS
from tinytl_bridge import Device, connect
from tinytl_bridge.twin import TwinModel

SEEDS = range(24)
DEVICE_SEEDS = range(8)
needs_qemu = pytest.mark.skipif(
    not (shutil.which("qemu-system-arm") and shutil.which("arm-none-eabi-gcc")), reason="needs qemu-system-arm and arm-none-eabi-gcc"
)


def images(data: bytes) -> dict[str, Image]:
    """Return one image for each kernel of the family that takes the model's only operator."""
    choices = find_choices(compile_program(data), "mve")
    made = {}
    for choice in choices.options[0][1:]:
        program = with_kernels(choices.program, [choice])
        name = program.operators[0].kernel_name
        made[name] = build_image(program, None, tflite_metadata(program), CompileOptions("mve"), bundle_id=b"")
    return made


def samples(twin: TwinModel, seed: int) -> list[np.ndarray]:
    return inputs_for(twin.image.dims(twin.image.inputs[0]), seed)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("kind", KINDS)
def test_twin_equals_portable(kind: str, seed: int) -> None:
    data = layer(kind, seed)
    portable = TwinModel(compile_tflite(data).data)
    for name, image in images(data).items():
        twin = TwinModel(image.data)
        for sample in samples(portable, seed):
            np.testing.assert_array_equal(twin.invoke(sample)[0], portable.invoke(sample)[0], err_msg=name)


def test_every_kernel_is_tried() -> None:
    tried = {name for kind in KINDS for seed in DEVICE_SEEDS for name in images(layer(kind, seed))}
    assert tried == {each.title for each in VARIANTS.values() if each.name.startswith("mve_")}


@pytest.fixture(scope="module")
def board(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Device]:
    with connect("qemu:mps3-an547", state_dir=tmp_path_factory.mktemp("board")) as device:
        yield device


@needs_qemu
@pytest.mark.parametrize("kind", KINDS)
def test_board_equals_portable(kind: str, board: Device) -> None:
    for seed in DEVICE_SEEDS:
        data = layer(kind, seed)
        portable = TwinModel(compile_tflite(data).data)
        for name, image in images(data).items():
            board.flash(image)
            for sample in samples(portable, seed)[:2]:
                expected = portable.invoke(sample)[0].reshape(-1)
                board.infer_prepared(sample.reshape(-1))
                got = board.outputs(count=expected.size)
                np.testing.assert_array_equal(got, expected, err_msg=f"{name}, seed {seed}")
