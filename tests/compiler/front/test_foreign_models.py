# SPDX-License-Identifier: Apache-2.0
"""Kinds of .tflite files that no image can hold are told as what they are, with a way out that leads somewhere."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from refusal_models import refusal
from tflite_writer import ModelWriter

from tinytl.bundle.bundle import read_bundle
from tinytl.bundle.shipped import find_bundle
from tinytl.compiler import CompileOptions, compile_bundle, compile_tflite
from tinytl.errors import CompileError
from tinytl.model_file import compile_model
from tinytl_cli import cli

TO_INT8 = (
    "hint: convert the float model again: optimizations = [tf.lite.Optimize.DEFAULT], a representative_dataset, "
    "supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]"
)


def operators(*names: str, subgraphs: int = 1) -> bytes:
    """A chain of operators without options."""
    writer = ModelWriter(subgraphs=subgraphs)
    tensors = [writer.tensor(f"t{number}", (1, 4)) for number in range(len(names) + 1)]
    for name, source, made in zip(names, tensors, tensors[1:], strict=False):
        writer.node(name, [source], made)
    return writer.bytes(tensors[:1], tensors[-1:])


def dense(activation: str, weights: str) -> bytes:
    writer = ModelWriter()
    a, b = (writer.tensor(name, (1, 4), activation) for name in ("in", "out"))
    w = writer.tensor("weights", (4, 4), weights, 0.01, data=np.ones((4, 4)))
    ends = [writer.tensor(f"float {name}", (1, 4), "float32", None) for name in ("in", "out")]
    writer.node("QUANTIZE", ends[:1], a)
    writer.node("FULLY_CONNECTED", [a, w, -1], b, schema="FullyConnectedOptions")
    writer.node("DEQUANTIZE", [b], ends[1])
    return writer.bytes(ends[:1], ends[1:])


def test_a_streaming_model_is_called_one() -> None:
    assert refusal(operators("CALL_ONCE", "VAR_HANDLE", "READ_VARIABLE", "RELU", "ASSIGN_VARIABLE", subgraphs=2)) == (
        "the model is a streaming one: it keeps variables from one call to the next (CALL_ONCE, VAR_HANDLE, READ_VARIABLE, ASSIGN_VARIABLE); "
        "expected a model whose answer depends on one sample alone\n"
        "hint: convert it without streaming: its input is then the whole window of samples, and no tf.Variable is assigned to"
    )


def test_control_flow_is_called_that() -> None:
    assert refusal(operators("RELU", "WHILE", subgraphs=3)) == (
        "the model has control flow (WHILE); expected a graph of layers alone\n"
        "hint: convert it without loops and branches; recurrent layers of Keras 3 with unroll=True"
    )


@pytest.mark.parametrize(
    ("operator", "processor", "hint"),
    [
        ("ethos-u", "an Arm Ethos-U by vela", "take the file that was given to vela"),
        ("edgetpu-custom-op", "a Coral Edge TPU", "take the file that was given to edgetpu_compiler"),
    ],
)
def test_what_was_compiled_for_another_processor_is_not_an_operator_to_replace(operator: str, processor: str, hint: str) -> None:
    assert refusal(operators(f"CUSTOM {operator}")) == (
        f"the model was compiled for {processor} (CUSTOM {operator}); expected an int8 .tflite as converted\nhint: {hint}"
    )


def test_uint8_per_tensor_is_called_a_scheme() -> None:
    assert refusal(dense("uint8", "uint8")) == (
        "the model's quantization is not supported: its layers work on uint8, as TensorFlow 1 quantized, one scale a tensor; "
        f"expected int8 activations and weights\n{TO_INT8}"
    )


def test_16x8_is_called_a_scheme() -> None:
    assert refusal(dense("int16", "int8")) == (
        "the model's quantization is not supported: its activations are int16 and its weights int8 (16×8); "
        f"expected int8 activations and weights\n{TO_INT8}, without 16X8"
    )


def test_an_earlier_freeze_plan_is_a_way_out_for_bundles_alone() -> None:
    writer = ModelWriter()
    a, b = writer.tensor("in", (1, 4)), writer.tensor("out", (1, 4))
    writer.node("COS", [a], b)
    plain = writer.bytes([a], [b])
    assert refusal(plain).endswith("\nhint: replace the layer in the model it was converted from")
    with pytest.raises(CompileError) as refused:
        compile_bundle(replace(read_bundle(find_bundle("digits")), extractor=plain))
    hint = "hint: replace the layer in the model it was converted from, or cut before it (an earlier freeze plan)"
    assert str(refused.value).splitlines()[1] == hint
    with pytest.raises(CompileError) as refused:
        compile_model(operators("RELU"), CompileOptions(ram_bytes=0))
    assert str(refused.value).endswith("\nhint: a smaller input, or fewer channels")


def test_inspect_shows_no_scale_where_there_is_none(tmp_path: Path) -> None:
    (tmp_path / "m.tflite").write_bytes(dense("int8", "int8"))
    shown = CliRunner().invoke(cli, ["inspect", str(tmp_path / "m.tflite")], catch_exceptions=False).stdout
    rows = {line.split("(1, 4)")[0].strip(): line.split("(1, 4)")[1].strip() for line in shown.splitlines() if "(1, 4)" in line}
    assert rows == {"input float in": "float32", "output float out": "float32"}
    compile_tflite(dense("int8", "int8"))
