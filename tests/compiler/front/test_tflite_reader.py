# SPDX-License-Identifier: Apache-2.0
"""Reading .tflite: what the reader takes, what it refuses and in which words, and that no bytes make it fail otherwise."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from random_graphs import random_graph
from tflite_writer import ModelWriter

from tinytl.compiler import compile_tflite, read_image
from tinytl.compiler.front.reader import read
from tinytl.compiler.front.shapes import infer
from tinytl.compiler.operators import supported_list
from tinytl.errors import CompileError


def refusal(data: bytes) -> str:
    with pytest.raises(CompileError) as caught:
        compile_tflite(data)
    return str(caught.value)


def relu_model(**input_fields: object) -> bytes:
    writer = ModelWriter()
    fields: dict = {"shape": (1, 4), **input_fields}
    a, b = writer.tensor("in", **fields), writer.tensor("out", (1, 4))
    writer.node("RELU", [a], b)
    return writer.bytes([a], [b])


def test_open_batch_becomes_one() -> None:
    graph = infer(read(relu_model(shape=(1, 4), signature=(-1, 4))))
    assert graph.tensors[graph.inputs[0]].shape == (1, 4)
    assert infer(read(relu_model(shape=(-1, 4)))).tensors[graph.outputs[0]].shape == (1, 4)


def test_other_open_sides_are_refused() -> None:
    text = refusal(relu_model(shape=(1, 1), signature=(-1, -1)))
    assert text == (
        "graph input 'in' has shape [-1, -1]; expected fixed sides; only the batch (the first) may be open\n"
        "hint: set the input shape before the conversion"
    )


def test_batch_is_refused() -> None:
    assert refusal(relu_model(shape=(8, 4))) == (
        "graph input 'in' has a batch of 8; expected 1\n"
        "hint: build the model with batch_size=1, or without one (keras.Input(shape)), and convert it again"
    )


def test_foreign_files_are_refused() -> None:
    assert refusal(b"PK\3\4 not a model").startswith("the file is no TFLite model: bytes 4 to 7 are b' not'; expected b'TFL3'")
    assert refusal(b"").startswith("the file is no TFLite model: bytes 4 to 7 are b''; expected b'TFL3'")


def test_truncated_file_is_refused() -> None:
    data = relu_model()
    text = refusal(data[: len(data) // 2])
    assert text.startswith(f"the TFLite file of {len(data) // 2} bytes is cut short or damaged (")
    assert text.endswith(" while reading); expected a whole file\nhint: export it again with tf.lite.TFLiteConverter")


def test_unsupported_operator_names_place_and_list() -> None:
    writer = ModelWriter()
    a, b, c = (writer.tensor(name, (1, 4)) for name in ("in", "mid", "model/act/Cos"))
    writer.node("RELU", [a], b)
    writer.node("COS", [b], c, version=2)
    assert refusal(writer.bytes([a], [c])) == (
        "operator 1, COS version 2 (output 'model/act/Cos') is not supported; "
        f"expected one of {supported_list()}\n"
        "hint: replace the layer in the model it was converted from"
    )


def test_custom_operator_is_named() -> None:
    writer = ModelWriter()
    a, b = writer.tensor("in", (1, 4)), writer.tensor("out", (1, 4))
    writer.node("CUSTOM FlexErf", [a], b)
    assert refusal(writer.bytes([a], [b])).startswith("operator 0, CUSTOM FlexErf version 1 (output 'out') is not supported;")


def test_newer_operator_version_is_refused() -> None:
    writer = ModelWriter()
    a, b = writer.tensor("in", (1, 4)), writer.tensor("out", (1, 4))
    writer.node("RELU", [a], b, version=9)
    text = refusal(writer.bytes([a], [b]))
    assert text.startswith(
        "operator 0, RELU version 9 (output 'out') is not supported; expected one of ADD ≤ 5, ARG_MAX ≤ 2, AVERAGE_POOL_2D ≤ 3"
    )
    assert "RELU ≤ 3" in text


def test_types_without_kernels_are_refused() -> None:
    assert "graph input 'in' is int16; expected int8, uint8, float32" in refusal(relu_model(dtype="int16"))
    assert refusal(relu_model(dtype="float32", scale=None)) == (
        "operator 0, RELU version 1 (output 'out'): input 0 is float32; expected int8\n"
        "hint: quantize the model to int8 (converter.optimizations, a representative dataset, TFLITE_BUILTINS_INT8)"
    )


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({"variable": True}, "a variable"),
        ({"sparse": True}, "sparse"),
    ],
)
def test_unusual_tensors_are_refused(fields: dict, text: str) -> None:
    place = "operator 0, RELU version 1 (output 'out')"
    assert refusal(relu_model(**fields)) == f"{place}: tensor 'in' is {text}; expected dense constants and activations"


def test_layer_with_a_state_is_refused_by_its_operator() -> None:
    """The state is a variable; what the user has to know is the layer."""
    writer = ModelWriter()
    a, b = writer.tensor("in", (1, 4, 2)), writer.tensor("out", (1, 4, 3))
    state = writer.tensor("state", (1, 3), "int16", 0.01, variable=True)
    writer.node("SVDF", [a, state], b, version=4)
    assert refusal(writer.bytes([a], [b])).startswith("operator 0, SVDF version 4 (output 'out') is not supported; expected one of ADD ≤ ")


def test_schema_and_subgraphs_are_checked() -> None:
    for writer, text in (
        (ModelWriter(version=2), "TFLite schema version 2; expected 3"),
        (
            ModelWriter(subgraphs=2),
            "the model has 2 subgraphs; expected 1\nhint: convert it with one signature",
        ),
    ):
        a, b = writer.tensor("in", (1, 4)), writer.tensor("out", (1, 4))
        writer.node("RELU", [a], b)
        assert refusal(writer.bytes([a], [b])).startswith(text)


def test_options_of_another_operator_are_refused() -> None:
    writer = ModelWriter()
    a, b = writer.tensor("in", (1, 4)), writer.tensor("out", (1, 4), scale=1 / 256, zero_point=-128)
    writer.node("SOFTMAX", [a], b, 1, "ReshapeOptions")
    assert refusal(writer.bytes([a], [b])).endswith("(output 'out'): carries ReshapeOptions; expected SoftmaxOptions")


def test_order_of_data_is_checked() -> None:
    writer = ModelWriter()
    a, b, c = (writer.tensor(name, (1, 4)) for name in "abc")
    writer.node("RELU", [b], c)
    assert refusal(writer.bytes([a], [c])).endswith("(output 'c'): input 'b' is computed by no earlier operator")
    writer = ModelWriter()
    a, b = (writer.tensor(name, (1, 4)) for name in "ab")
    writer.node("RELU", [a], b)
    writer.node("RELU", [a], b)
    assert refusal(writer.bytes([a], [b])).endswith("operator 1, RELU version 1 (output 'b'): the output is written twice")
    writer = ModelWriter()
    a, b = (writer.tensor(name, (1, 4)) for name in "ab")
    assert refusal(writer.bytes([a], [b])) == "graph output 'b' is computed by no operator"
    assert refusal(writer.bytes([], [])) == "the model has 0 inputs and 0 outputs; expected both"


def test_nodes_without_one_output_are_refused() -> None:
    writer = ModelWriter()
    a, b, c = (writer.tensor(name, (1, 4)) for name in "abc")
    writer.node("RELU", [a], [b, c])
    assert refusal(writer.bytes([a], [b])).endswith("1 inputs and 2 outputs; expected inputs and one output")


@pytest.fixture(scope="module")
def valid() -> bytes:
    return random_graph(11)


@given(st.data())
@settings(max_examples=120, deadline=None)
def test_no_bytes_crash_the_compiler(valid: bytes, data: st.DataObject) -> None:
    """Flipped, overwritten and cut files compile or are refused; nothing else happens."""
    changed = bytearray(valid)
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(8, len(changed) - 1))
        changed[place] = data.draw(st.sampled_from([0, 1, 0x7F, 0x80, 0xFF, changed[place] ^ 1, changed[place] ^ 0x40]))
    cut = data.draw(st.integers(0, len(changed)) if data.draw(st.booleans()) else st.just(len(changed)))
    try:
        image = compile_tflite(bytes(changed[:cut]))
    except CompileError:
        return
    read_image(image.data)
