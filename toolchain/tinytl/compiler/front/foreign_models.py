# SPDX-License-Identifier: Apache-2.0
"""Whole kinds of .tflite files that no image can hold, told as what they are before a single operator is looked at.

A streaming model, control flow, what was compiled for another processor, another scheme of quantization: the first operator or tensor that
does not fit would be named otherwise, and the hint would lead nowhere.
"""

from collections.abc import Sequence

from tinytl.errors import CompileError

_VARIABLES = ("CALL_ONCE", "VAR_HANDLE", "READ_VARIABLE", "ASSIGN_VARIABLE")
_CONTROL_FLOW = ("IF", "WHILE", "STABLEHLO_WHILE", "STABLEHLO_CASE")
_COMPILED = {
    "CUSTOM ethos-u": ("an Arm Ethos-U by vela", "take the file that was given to vela"),
    "CUSTOM edgetpu-custom-op": ("a Coral Edge TPU", "take the file that was given to edgetpu_compiler"),
}
_ACTIVATION = {"CONV_2D": 0, "DEPTHWISE_CONV_2D": 0, "FULLY_CONNECTED": 0, "TRANSPOSE_CONV": 2}
"""Layers with weights, and which of their inputs is the activation."""
_TO_INT8 = (
    "convert the float model again: optimizations = [tf.lite.Optimize.DEFAULT], a representative_dataset, "
    "supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]"
)
_SCHEMES = {
    "uint8": ("its layers work on uint8, as TensorFlow 1 quantized, one scale a tensor", _TO_INT8),
    "int16": ("its activations are int16 and its weights int8 (16×8)", f"{_TO_INT8}, without 16X8"),
}


def refuse_foreign(subgraphs: int, operators: Sequence[tuple[str, Sequence[str]]]) -> None:
    """Refuse a file of a kind that cannot be compiled.

    Args:
        subgraphs: how many the file has.
        operators: of the first one, in order: name ("CUSTOM x" of a custom one), dtype of each input ("" where it has none).

    Raises:
        CompileError: variables, control flow, several subgraphs, an image for another processor, uint8 or 16×8 quantization.
    """
    names = list(dict.fromkeys(name for name, _ in operators))
    if matches := [name for name in names if name in _VARIABLES]:
        raise CompileError(
            f"the model is a streaming one: it keeps variables from one call to the next ({', '.join(matches)})",
            expected="a model whose answer depends on one sample alone",
            hint="convert it without streaming: its input is then the whole window of samples, and no tf.Variable is assigned to",
        )
    if matches := [name for name in names if name in _CONTROL_FLOW]:
        raise CompileError(
            f"the model has control flow ({', '.join(matches)})",
            expected="a graph of layers alone",
            hint="convert it without loops and branches; recurrent layers of Keras 3 with unroll=True",
        )
    for name, (processor, hint) in _COMPILED.items():
        if name in names:
            raise CompileError(f"the model was compiled for {processor} ({name})", expected="an int8 .tflite as converted", hint=hint)
    if subgraphs != 1:
        raise CompileError(f"the model has {subgraphs} subgraphs", expected="1", hint="convert it with one signature")
    for name, dtypes in operators:
        at = _ACTIVATION.get(name, -1)
        if 0 <= at < len(dtypes) and dtypes[at] in _SCHEMES:
            scheme, hint = _SCHEMES[dtypes[at]]
            raise CompileError(f"the model's quantization is not supported: {scheme}", expected="int8 activations and weights", hint=hint)
