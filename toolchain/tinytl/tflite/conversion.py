# SPDX-License-Identifier: Apache-2.0
"""Conversion: from a Keras model to a .tflite, by TFLite's converter, which some graphs end with a signal.

In: a Keras model with one input; calibration samples or none. Out: the bytes of the .tflite, batch 1 fixed. What no image can hold,
loops and branches, is refused before the converter sees it. A graph whose operators are all in `_EVERYDAY` is converted in this process;
any other one, and any large one, in a child process of its own, whose death becomes a `ModelError`. Both give the same bytes.
"""

import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from tinytl.errors import ModelError
from tinytl.keras_graph import check_ends
from tinytl.keras_models import quiet, require_keras

GRAPH_FILE, SAMPLES_FILE, TFLITE_FILE, REFUSAL_FILE = "graph.pb", "samples.npy", "model.tflite", "refusal.txt"
"""What goes to a child process and comes back, in one folder."""
LARGE_BYTES = 64 << 20
"""Of a graph with its weights: from here on the converter may run out of memory, which must not end the caller."""
_CONTROL_FLOW = frozenset(("While", "StatelessWhile", "If", "StatelessIf", "Case", "StatelessCase"))
_EVERYDAY = frozenset((
    "AddV2", "AvgPool", "BiasAdd", "ConcatV2", "Const", "Conv2D", "DepthwiseConv2dNative", "ExpandDims", "Identity", "LeakyRelu", "MatMul",
    "MaxPool", "Mean", "Mul", "NoOp", "Pad", "Placeholder", "Relu", "Relu6", "Reshape", "Rsqrt", "Sigmoid", "Softmax", "Squeeze", "Sub",
    "Tanh",
))  # fmt: skip


def check_convertible(model: Any) -> None:
    """Refuse a Keras model that no extractor can be made of, before anybody trains it.

    Args:
        model: keras.Model, built.

    Raises:
        ModelError: several inputs or outputs, an open shape, another kind of model; a loop or a branch, with the layer's name.
    """
    check_ends(model)
    _refuse_control_flow(_traced(model), model)


def convert(model: Any, calibration: np.ndarray | None) -> bytes:
    """Convert a model with batch 1 fixed: to int8 with calibration samples, to float32 without.

    Args:
        model: keras.Model with one input, (N, *shape) float32. calibration: (N, *shape) float32, or None.

    Returns:
        A .tflite file; the same bytes for the same weights and samples.

    Raises:
        ModelError: a loop or branch; the converter refuses the model, ends with a signal, or runs out of memory.
    """
    from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

    traced = _traced(model)
    _refuse_control_flow(traced, model)
    frozen = convert_variables_to_constants_v2(traced)
    unusual = sorted({operation.type for operation in frozen.graph.get_operations()} - _EVERYDAY)
    if unusual or frozen.graph.as_graph_def().ByteSize() > LARGE_BYTES:
        return convert_in_child(frozen, calibration, unusual)
    return convert_here(frozen, calibration)


def convert_here(frozen: Any, calibration: np.ndarray | None) -> bytes:
    """Convert a concrete function without variables in this process.

    Args:
        frozen: of TensorFlow, one input with batch 1. calibration: (N, *shape) float32, or None for a float32 file.

    Raises:
        ModelError: the converter refuses it.
    """
    import tensorflow as tf

    try:
        with quiet():
            converter = tf.lite.TFLiteConverter.from_concrete_functions([frozen])
            if calibration is not None:
                converter.optimizations = [tf.lite.Optimize.DEFAULT]
                converter.representative_dataset = lambda: _one_by_one(calibration)
                converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
                converter.inference_input_type = converter.inference_output_type = tf.int8
            return bytes(converter.convert())
    except Exception as error:  # the converter raises errors of many libraries
        line = next((line for line in str(error).splitlines() if line.strip()), type(error).__name__)
        raise _refused(line.strip()[:300]) from error


def convert_in_child(frozen: Any, calibration: np.ndarray | None, unusual: list[str]) -> bytes:
    """Do the same in a process of its own, which imports TensorFlow anew (about four seconds).

    Args:
        frozen, calibration: as for `convert_here`. unusual: operators of the graph that an error may be about.

    Raises:
        ModelError: as `convert_here`; the process ended without an answer.
    """
    with tempfile.TemporaryDirectory(prefix="tinytl-convert-") as name:
        folder = Path(name)
        (folder / GRAPH_FILE).write_bytes(frozen.graph.as_graph_def().SerializeToString())
        if calibration is not None:
            np.save(folder / SAMPLES_FILE, calibration)
        command = [sys.executable, "-m", "tinytl.tflite.converter_process", name, *(tensor.name for tensor in frozen.outputs)]
        ended = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, check=False)
        if (folder / TFLITE_FILE).is_file():
            return (folder / TFLITE_FILE).read_bytes()
        if (folder / REFUSAL_FILE).is_file():
            raise _refused((folder / REFUSAL_FILE).read_text(encoding="utf-8"))
        raise death(ended.returncode, ended.stderr.decode(errors="replace"), unusual)


def death(code: int, said: str, unusual: list[str]) -> ModelError:
    """Return the refusal of a model whose converter ended without an answer.

    Args:
        code: as `subprocess` gives it, negative for a signal. said: its stderr. unusual: operators that are not converted every day.
    """
    names = {number.value: number.name for number in signal.Signals}
    memory = code == -signal.SIGKILL or "bad_alloc" in said or "MemoryError" in said
    last = next((line.strip() for line in reversed(said.splitlines()) if line.strip()), "")
    how = f"signal {names.get(-code, -code)}" if code < 0 else f"exit code {code}" + (f": {last[:200]}" if last else "")
    suspects = f"; its operators that are seldom converted: {', '.join(unusual)}" if unusual else ""
    hint = "build the model of other layers: `tinytl models` shows some that convert"
    if memory:
        how, hint = f"{how}, most likely for want of memory", "a smaller model, or a machine with more memory"
    return ModelError(f"TFLite's converter ended with {how}{suspects}", expected="a converted extractor", hint=hint)


def _refused(line: str) -> ModelError:
    return ModelError(f"TFLite's converter refuses the extractor: {line}", expected="layers that TFLite has in int8")


def _one_by_one(samples: np.ndarray) -> Iterator[list[np.ndarray]]:
    for sample in samples:
        yield [sample[None]]


def _traced(model: Any) -> Any:
    """Return the model's inference of one sample as a concrete function."""
    require_keras()
    import tensorflow as tf

    tensor = tf.TensorSpec((1, *model.inputs[0].shape[1:]), tf.float32, name="input")
    function = tf.function(lambda x: model(x, training=False), input_signature=[tensor], autograph=False)
    return function.get_concrete_function()


def _refuse_control_flow(traced: Any, model: Any) -> None:
    """Refuse a loop, which ends the converter with a signal, and a branch, which no image can hold."""
    graph = traced.graph.as_graph_def()
    inner = [node for function in graph.library.function for node in function.node_def]
    operation = next((node for node in (*graph.node, *inner) if node.op in _CONTROL_FLOW), None)
    if operation is None:
        return
    layer = _layer_of(operation.name, model)
    name = f"layer {layer.name!r} ({type(layer).__name__})" if layer is not None else f"operation {operation.name!r}"
    kind = "a loop" if "While" in operation.op else "a branch"
    if isinstance(layer, require_keras().layers.RNN):
        raise ModelError(
            f"{name} computes its steps in {kind}, which TFLite's converter cannot make int8",
            expected="an unrolled layer",
            hint=f"build it with unroll=True: keras.layers.{type(layer).__name__}(…, unroll=True); trained weights fit, with set_weights",
        )
    raise ModelError(
        f"{name} holds {kind} ({operation.op}), which TFLite's converter cannot make int8",
        expected="a graph without control flow",
        hint="write the layer without tf.while_loop and tf.cond; recurrent layers with unroll=True",
    )


def _layer_of(scope: str, model: Any) -> Any:
    """Return the innermost layer in a scope such as «inner_1/lstm_1/while»: TensorFlow may add a number to a name."""
    layers = {layer.name: layer for layer in model._flatten_layers(include_self=False)}
    for part in reversed(scope.split("/")):
        for name in (part, part.rpartition("_")[0]):
            if name in layers:
                return layers[name]
    return None
