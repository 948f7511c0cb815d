# SPDX-License-Identifier: Apache-2.0
"""Stages in strips of rows: the same bytes in less memory, for any chain; and what is refused."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from layer_chains import SAME, VALID, Chain
from parity import assert_outputs_equal, samples_for, whole_image
from tflite_writer import ModelWriter

from thinning import thinned
from tinytl.compiler import Image, compile_tflite
from tinytl.compiler.compile import compile_program
from tinytl.compiler.memory.placing import ALIGNMENT
from tinytl.compiler.memory.row_strips import cuts, in_strips, stages
from tinytl.errors import CompileError
from tinytl_bridge import connect
from tinytl_bridge.twin import TwinModel

FAMILIES = ("portable", "dsp", "mve")


def chain(seed: int) -> bytes:
    """A random stage with an inverted bottleneck, wide in its middle, in front of a small rest."""
    random = np.random.default_rng(seed)
    made = Chain(seed, sides=(int(random.integers(28, 41)), int(random.choice([16, 24, 32]))), channels=4)
    padding = int(random.choice([SAME, VALID]))
    made.layer("CONV_2D", int(random.choice([1, 3, 5])), 8, padding=padding)
    earlier = made.current
    made.layer("CONV_2D", 1, 24)
    made.layer("DEPTHWISE_CONV_2D", 3, 24, stride=1 + seed % 2)
    made.layer("CONV_2D", 1, 8)
    if seed % 2 == 0:
        made.add(earlier)
    if seed % 3 == 0:
        made.max_pool(int(random.choice([2, 3])), stride=2)
    made.layer("CONV_2D", 3, 8, padding=VALID, stride=2)
    made.pool()
    made.layer("CONV_2D", 1, 5)
    return made.bytes()


def compiled(data: bytes, family: str, share: float) -> Image:
    """Compile for a share of the arena that whole tensors need."""
    whole = compile_tflite(data, family=family).arena_bytes
    return compile_tflite(data, family=family, ram_bytes=int(whole * share))


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("seed", thinned(range(10), every=3))
def test_strips_change_no_byte(seed: int, family: str) -> None:
    data = chain(seed)
    image = compiled(data, family, 0.85)
    assert len(image.operators) > len(compile_tflite(data, family=family).operators)
    twin, whole = TwinModel(image.data), TwinModel(compile_tflite(data).data)
    assert_outputs_equal(data, samples_for(data, 4, seed=seed))  # of the whole
    for sample in samples_for(data, 12, seed=seed):
        np.testing.assert_array_equal(twin.invoke(sample[None])[0], whole.invoke(sample[None])[0])


def test_every_stage_in_strips_of_every_height_is_right() -> None:
    """Not only those that a limit asks for."""
    data = chain(3)
    program = compile_program(data)
    sample = samples_for(data, 1, seed=3)
    (expected,) = TwinModel(compile_tflite(data).data).invoke(sample)
    tried = 0
    for busiest in range(len(program.operators)):
        for stage in stages(program, busiest):
            if stage.first != busiest:
                continue
            for rows in range(1, program.tensors[stage.output].dims[1]):
                made = in_strips(program, stage, rows)
                if made is not None:
                    tried += 1
                    np.testing.assert_array_equal(TwinModel(whole_image(made).data).invoke(sample)[0], expected)
    assert tried > 50


def test_strips_begin_at_multiples_of_sixteen_bytes() -> None:
    program = compile_program(chain(4))
    made = [in_strips(program, stage, 4) for stage in stages(program, 1)]
    offsets = [tensor.storage_offset for each in made if each is not None for tensor in each.tensors]
    assert any(offsets)
    assert all(offset % ALIGNMENT == 0 for offset in offsets)


def test_a_residual_keeps_its_block_together() -> None:
    """Between a block's ends two tensors are alive: no stage begins or ends there."""
    program = compile_program(chain(0))
    kinds = [operator.kind.name for operator in program.operators]
    block = kinds.index("add")
    assert {block - 3, block + 1} <= set(cuts(program))
    assert not {block - 2, block - 1, block} & set(cuts(program))


@pytest.mark.parametrize("family", FAMILIES)
def test_what_does_not_fit_in_strips_either_is_refused_with_what_is_missing(family: str) -> None:
    data = chain(2)
    with pytest.raises(CompileError) as refused:
        compile_tflite(data, family=family, ram_bytes=2000)
    needed = int(refused.value.what.split("needs ")[1].split(" bytes")[0].replace(",", ""))
    assert f"{needed - 2000:,} more than there are" in refused.value.what
    assert "busiest at operator" in refused.value.what
    assert refused.value.expected == "at most 2,000"
    assert compile_tflite(data, family=family, ram_bytes=needed).arena_bytes <= needed


def test_a_model_without_operators_is_refused_too() -> None:
    writer = ModelWriter()
    tensor = writer.tensor("in", (1, 4, 4, 3))
    with pytest.raises(CompileError, match=r"^the arena needs 48 bytes, 8 more than there are: activations 48 \(no operator\)"):
        compile_tflite(writer.bytes([tensor], [tensor]), ram_bytes=40)


@pytest.mark.skipif(not (shutil.which("qemu-system-arm") and shutil.which("arm-none-eabi-gcc")), reason="needs QEMU and arm-none-eabi-gcc")
def test_board_runs_strips(tmp_path: Path) -> None:
    with connect("qemu:mps2-an386", state_dir=tmp_path) as device:
        for seed in range(3):
            data = chain(seed)
            device.flash(compiled(data, "dsp", 0.85))
            whole = TwinModel(compile_tflite(data).data)
            for sample in samples_for(data, 3, seed=seed):
                expected = whole.invoke(sample[None])[0].reshape(-1)
                device.infer_prepared(sample.reshape(-1))
                np.testing.assert_array_equal(device.outputs(count=expected.size), expected)
