# SPDX-License-Identifier: Apache-2.0
"""Conversion: loops and branches are refused before training; a converter that dies is told; a child gives the same bytes."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tinytl.data.dataset import Dataset
from tinytl.errors import ModelError
from tinytl.exporting.export import export, export_model
from tinytl.tflite.conversion import _traced, check_convertible, convert, convert_here, convert_in_child, death
from tinytl.training.pretraining import pretrain

keras = pytest.importorskip("keras", reason="needs tinytl[host]")
layers = keras.layers
tf = pytest.importorskip("tensorflow", reason="needs tinytl[host]")


def frozen_function(model: Any) -> Any:
    from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

    return convert_variables_to_constants_v2(_traced(model))


def recurrent(layer: Any) -> Any:
    return keras.Sequential([keras.Input((8, 4, 1)), layers.Reshape((8, 4)), layer, layers.Dense(3, activation="softmax")], name="steps")


def sequences() -> Dataset:
    x = np.zeros((12, 8, 4, 1), np.uint8)
    return Dataset("sequences", x[:9], np.arange(9) % 3, x[9:], np.arange(3), ("a", "b", "c"))


def refusal(model: Any) -> str:
    with pytest.raises(ModelError) as refused:
        check_convertible(model)
    return str(refused.value)


def looped(name: str, kind: str) -> str:
    return (
        f"layer {name!r} ({kind}) computes its steps in a loop, which TFLite's converter cannot make int8; expected an unrolled layer\n"
        f"hint: build it with unroll=True: keras.layers.{kind}(…, unroll=True); trained weights fit, with set_weights"
    )


@pytest.mark.parametrize("kind", ["LSTM", "GRU", "SimpleRNN"])
def test_a_recurrent_layer_that_is_not_unrolled_is_refused_with_the_way_out(kind: str) -> None:
    assert refusal(recurrent(getattr(layers, kind)(5, name="memory"))) == looped("memory", kind)
    check_convertible(recurrent(getattr(layers, kind)(5, unroll=True)))


def test_it_is_found_inside_of_other_layers() -> None:
    inner = keras.Sequential([keras.Input((8, 4)), layers.Bidirectional(layers.LSTM(3, name="lstm"))], name="inner")
    assert refusal(recurrent(inner)) == looped("forward_lstm", "LSTM")


def test_pretrain_refuses_it_before_it_trains(tmp_path: Path) -> None:
    recurrent(layers.LSTM(5, name="memory")).save(tmp_path / "steps.keras")
    with pytest.raises(ModelError) as refused:
        pretrain(tmp_path / "steps.keras", sequences(), tmp_path / "run")
    assert str(refused.value) == looped("memory", "LSTM")
    assert not (tmp_path / "run").exists()


def test_export_refuses_it_too(tmp_path: Path) -> None:
    with pytest.raises(ModelError) as refused:
        export_model(recurrent(layers.LSTM(5, name="memory")), sequences(), out=tmp_path / "s.tinytl", model_name="s", value_range=(0, 1))
    assert str(refused.value) == looped("memory", "LSTM")


@pytest.mark.parametrize("function", ["cond", "while_loop"])
def test_control_flow_of_own_layers_is_refused(function: str) -> None:
    @keras.saving.register_keras_serializable(name=f"Own_{function}")
    class Own(layers.Layer):  # type: ignore[misc, name-defined]
        def call(self, x: Any) -> Any:
            if function == "cond":
                return tf.cond(tf.reduce_sum(x) > 0, lambda: x, lambda: -x)
            return tf.while_loop(lambda y: tf.reduce_sum(y) < 9.0, lambda y: (y + 1.0,), (x,))[0]

    kind = {"cond": "a branch (StatelessIf)", "while_loop": "a loop (StatelessWhile)"}[function]
    assert refusal(keras.Sequential([keras.Input((4,)), Own(name="own"), layers.Dense(3)])) == (
        f"layer 'own' (Own) holds {kind}, which TFLite's converter cannot make int8; expected a graph without control flow\n"
        "hint: write the layer without tf.while_loop and tf.cond; recurrent layers with unroll=True"
    )


def test_two_inputs_are_refused_by_pretrain_and_export(tmp_path: Path) -> None:
    ends = [keras.Input((4,)), keras.Input((4,))]
    pair = keras.Model(ends, layers.Dense(3)(layers.Add()(ends)), name="pair")
    pair.save(tmp_path / "pair.keras")
    text = "model 'pair' has 2 inputs; expected one\nhint: a sample is one array: give the model one input that it takes apart itself"
    with pytest.raises(ModelError) as refused:
        pretrain(tmp_path / "pair.keras", sequences(), tmp_path / "run")
    assert str(refused.value) == text
    with pytest.raises(ModelError) as refused:
        export_model(pair, sequences(), out=tmp_path / "p.tinytl", model_name="pair", value_range=(0, 1))
    assert str(refused.value) == text
    with pytest.raises(ModelError) as refused:
        export(tmp_path / "pair.keras", dataset=sequences(), out=tmp_path / "p.tinytl")
    assert str(refused.value) == text


def test_a_converter_that_dies_is_told(capfd: pytest.CaptureFixture[str]) -> None:
    """The real thing: TFLite's converter ends with a signal of an int8 model with a loop."""
    frozen = frozen_function(recurrent(layers.LSTM(5)))
    with pytest.raises(ModelError) as refused:
        convert_in_child(frozen, np.zeros((1, 8, 4, 1), np.float32), ["While"])
    assert str(refused.value) == (
        "TFLite's converter ended with signal SIGSEGV; its operators that are seldom converted: While; expected a converted extractor\n"
        "hint: build the model of other layers: `tinytl models` shows some that convert"
    )
    assert capfd.readouterr() == ("", "")


def test_a_layer_that_tflite_does_not_have_is_refused_with_its_name() -> None:
    """In this process; that a refusal passes through a child's end is a long test of `tests/exporting/test_quantizing.py`."""
    image = keras.Input((6, 6, 1))
    with pytest.raises(ModelError, match=r"^TFLite's converter refuses the extractor: .*; expected layers that TFLite has in int8$"):
        convert_here(frozen_function(keras.Model(image, keras.ops.erfinv(image * 0.1))), np.zeros((1, 6, 6, 1), np.float32))


@pytest.mark.long
def test_a_child_gives_the_same_bytes() -> None:
    image = keras.Input((6, 6, 1))
    x = layers.Conv2D(3, 3, activation="elu")(image)
    model = keras.Model(image, [image, layers.Flatten()(x), layers.MaxPooling2D(2)(x)])
    samples = np.random.default_rng(0).random((5, 6, 6, 1), np.float32)
    assert convert(model, samples) == convert_here(frozen_function(model), samples)


def test_want_of_memory_is_told() -> None:
    assert str(death(-9, "", [])) == (
        "TFLite's converter ended with signal SIGKILL, most likely for want of memory; expected a converted extractor\n"
        "hint: a smaller model, or a machine with more memory"
    )
    text = str(death(1, "Traceback\nMemoryError: Unable to allocate\n", []))
    assert text.startswith("TFLite's converter ended with exit code 1: MemoryError: Unable to allocate, most likely for want of memory;")
    assert str(death(3, "no such thing\n", ["Elu"])).startswith("TFLite's converter ended with exit code 3: no such thing; its operators")
