# SPDX-License-Identifier: Apache-2.0
"""LSTM layers of any size against LiteRT, byte for byte; what an inference leaves behind; every refusal by its text."""

import os
from typing import Any

import numpy as np
import pytest
from parity import assert_outputs_equal, samples_for
from recurrent_models import Lstm
from refusal_models import refusal
from tflite_writer import ModelWriter

from tinytl.compiler import compile_tflite
from tinytl.errors import CompileError
from tinytl.tflite.interpreter import Interpreter
from tinytl_bridge.twin import TwinModel

LAYERS = 40
SAMPLES = 60
SHORT = bool(os.environ.get("TINYTL_SHORT"))


def random_layer(seed: int) -> Lstm:
    """From one step of one unit to 30 of 40; gates from flat to saturated; every scale of the cell state."""
    random = np.random.default_rng(seed)
    return Lstm(
        *(int(random.integers(1, most + 1)) for most in (30, 40, 40)),
        energy=float(np.exp(random.uniform(-2, 4))),
        cell_bits=int(random.integers(0, 7)),
        clip=float(random.choice([0.0, 10.0, 10.0, 1.0, 0.3, 0.01])),
        time_major=bool(random.integers(2)),
        seed=seed,
    )


def check(layer: Lstm, count: int) -> None:
    """Noise and constants, and inputs at both ends of the range."""
    tflite = layer.bytes()
    samples = samples_for(tflite, count, seed=layer.seed)
    samples[3::4] = np.random.default_rng(layer.seed).choice([-128, 127], samples[3::4].shape)
    assert_outputs_equal(tflite, samples)


@pytest.mark.parametrize("seed", range(LAYERS))
def test_random_layers(seed: int) -> None:
    check(random_layer(seed), SAMPLES)


@pytest.mark.long
@pytest.mark.parametrize("part", range(8))
def test_random_layers_at_length(part: int) -> None:
    for seed in range(100 if SHORT else 2000):
        check(random_layer(1000 + 10_000 * part + seed), 12)


@pytest.mark.parametrize("cell_bits", range(7))
def test_gates_and_cell_state_at_both_ends(cell_bits: int) -> None:
    """Steps that push the cell state to its limit and back, at every scale that it may have."""
    for clip in (0.0, 10.0):
        check(Lstm(30, 3, 8, energy=60.0, cell_bits=cell_bits, clip=clip, seed=cell_bits), SAMPLES)


def test_every_inference_begins_from_zero() -> None:
    """The same input gives the same answer, whatever was asked before; LiteRT does so where its variables are reset."""
    tflite = Lstm(9, 5, 7, energy=4.0).bytes()
    twin, oracle = TwinModel(compile_tflite(tflite).data), Interpreter(tflite)
    first, second = samples_for(tflite, 8, seed=2)[-2:]
    before = twin.invoke(first[None])[0].copy()
    assert not np.array_equal(twin.invoke(second[None])[0], before)
    np.testing.assert_array_equal(twin.invoke(first[None])[0], before)
    np.testing.assert_array_equal(oracle.run(np.stack([first, second, first]))[0][2].reshape(-1), before.reshape(-1))


def test_gates_are_counted_and_the_state_lies_in_the_arena() -> None:
    image = compile_tflite(Lstm(9, 5, 7).bytes())
    (layer,) = image.operators
    assert (layer.kind, layer.macs, layer.scratch_bytes) == ("lstm", 9 * 4 * 7 * (5 + 7), 2 * 7)


def test_a_small_arena_is_refused_although_the_layer_has_scratch() -> None:
    """No kernel needs less: the cell state is there in each."""
    with pytest.raises(CompileError, match=r"^the arena needs 128 bytes"):
        compile_tflite(Lstm(9, 5, 7).bytes(), ram_bytes=96)


def _changed(number: int, **fields: Any) -> Lstm:
    return Lstm(4, 3, 5, changes={number: fields})


WEIGHTS = "the weight tensor 'input 2' (input 2)"
GATES_ONLY = "expected four gates and nothing else, as of Keras's LSTM"
REFUSALS: dict[str, tuple[Lstm, str]] = {
    "version": (Lstm(4, 3, 5, version=5), "is not supported; expected one of "),
    "float": (Lstm(4, 3, 5, source={"dtype": "float32", "scale": None}), "input 0 is float32; expected int8"),
    "no input gate": (
        Lstm(4, 3, 5, changes={1: None, 5: None, 12: None}),
        f"no input gate (input 1 is missing) is not supported; {GATES_ONLY}",
    ),
    "no forget gate": (Lstm(4, 3, 5, changes={2: None}), "input 2 is missing"),
    "peepholes": (
        _changed(10, dtype="int16", data=np.ones(5)),
        f"peephole weights (input 10, 'input 10') is not supported; {GATES_ONLY}",
    ),
    "projection": (
        _changed(16, shape=(5, 5), data=np.ones((5, 5))),
        f"a projection (input 16, 'input 16') is not supported; {GATES_ONLY}",
    ),
    "layer normalization": (
        _changed(21, dtype="int16", data=np.ones(5)),
        f"layer normalization (input 21, 'input 21') is not supported; {GATES_ONLY}",
    ),
    "activation": (Lstm(4, 3, 5, options={"FusedActivationFunction": 1}), "fused activation RELU is not supported; expected TANH"),
    "clip": (Lstm(4, 3, 5, clip=-1.0), "the cell state is clipped at -1; expected a finite number ≥ 0"),
    "weights dtype": (_changed(2, dtype="uint8", data=np.ones((5, 3))), f"{WEIGHTS} is uint8; expected int8"),
    "weights computed": (_changed(2, data=None), "input 'input 2' is computed by no earlier operator"),
    "weights shape": (_changed(2, shape=(5, 4), data=np.ones((5, 4))), f"{WEIGHTS} has shape [5, 4]; expected [5, 3]"),
    "recurrent weights shape": (
        _changed(7, shape=(5, 4), data=np.ones((5, 4))),
        "the weight tensor 'input 7' (input 7) has shape [5, 4]; expected [5, 5]",
    ),
    "diagonal recurrent weights": (
        _changed(6, shape=(5,), data=np.ones(5)),
        "the recurrent weight tensor has shape [5]; expected 2 dimensions",
    ),
    "weights scales": (_changed(2, scale=[0.1] * 5), f"{WEIGHTS} has 5 scales, zero point 0; expected one scale and zero point 0"),
    "weights zero point": (_changed(2, zero_point=3), f"{WEIGHTS} has 1 scales, zero point 3; expected one scale and zero point 0"),
    "weights unquantized": (_changed(2, scale=None), f"{WEIGHTS} has no scale; expected one scale and zero point 0"),
    "weights scale": (_changed(2, scale=float("nan")), f"{WEIGHTS} has scale nan; expected a finite scale > 0"),
    "bias dtype": (_changed(13, dtype="int64"), "the bias tensor 'input 13' (input 13) is int64; expected int32"),
    "bias shape": (_changed(13, shape=(4,), data=np.ones(4)), "the bias tensor 'input 13' (input 13) has shape [4]; expected [5]"),
    "hidden state": (_changed(18, shape=(1, 4)), "the hidden state has shape [1, 4]; expected [1, 5]"),
    "hidden state dtype": (_changed(18, dtype="int16"), "input 18 is int16; expected int8"),
    "cell state": (_changed(19, shape=(1, 4)), "the cell state 'input 19' has shape [1, 4]; expected [1, 5]"),
    "cell state dtype": (_changed(19, dtype="int8"), "the cell state 'input 19' is int8; expected int16"),
    "cell state scale": (
        _changed(19, scale=3e-4),
        "the cell state 'input 19' has scale 0.0003; expected a power of two from 2^-15 to 2^-9, for which the reference kernel has a tanh",
    ),
    "small cell state": (_changed(19, scale=2.0**-16), "hint: calibrate with samples that move the cell state beyond 0.5"),
    "large cell state": (_changed(19, scale=2.0**-8), "has scale 0.00390625; expected a power of two from 2^-15 to 2^-9"),
    "cell state that is no variable": (
        _changed(19, variable=False),
        "tensor 'input 19' is dense; expected a variable, the operator's state",
    ),
    "variable elsewhere": (_changed(2, variable=True), "tensor 'input 2' is a variable; expected dense constants and activations"),
    "intermediates": (
        Lstm(4, 3, 5, intermediates=0),
        "0 intermediate tensors; expected 5 (int8 activations with an int16 cell state)",
    ),
    "hidden unquantized": (
        Lstm(4, 3, 5, hidden={"scale": None}),
        "the intermediate tensor 'hidden' has no scale and zero point of int8; expected those of the hidden state",
    ),
    "hidden scale": (Lstm(4, 3, 5, hidden={"scale": 0.0}), "the intermediate tensor 'hidden' has scale 0; expected a finite scale > 0"),
}


@pytest.mark.parametrize("name", REFUSALS)
def test_refusal(name: str) -> None:
    layer, text = REFUSALS[name]
    found = refusal(layer.bytes())
    assert text in found
    assert found.startswith(f"operator 0, UNIDIRECTIONAL_SEQUENCE_LSTM version {layer.version} (output 'out')")


def test_batch_is_refused() -> None:
    """Time first, six sequences of one step: what Keras makes of `time_major` and an input [1, 6, 3]."""
    layer = Lstm(6, 3, 5, options={"TimeMajor": True})
    assert "input 0 has shape [1, 6, 3]: a batch of 6; expected 1" in refusal(layer.bytes())


def test_state_belongs_to_one_operator() -> None:
    """LiteRT would begin the second layer with the state that the first one left."""
    writer = ModelWriter()
    a, b = writer.tensor("in", (1, 4, 3)), writer.tensor("middle", (1, 4, 3))
    out, hidden = writer.tensor("out", (1, 4, 3)), writer.tensor("hidden", (1, 3), variable=True)
    cell = writer.tensor("cell", (1, 3), "int16", variable=True)
    for source, target in ((a, b), (b, out)):
        weights = [writer.tensor("weights", (3, 3), data=np.ones((3, 3))) for _ in range(8)]
        biases = [writer.constant("bias", [1, 2, 3]) for _ in range(4)]
        inputs = [source, *weights, *[-1] * 3, *biases, -1, -1, hidden, cell]
        writer.node("UNIDIRECTIONAL_SEQUENCE_LSTM", inputs, target, 1, "UnidirectionalSequenceLSTMOptions", FusedActivationFunction=4)
    found = refusal(writer.bytes([a], [out]))
    assert "operator 1, " in found and "its state 'hidden' is not its own; expected a variable that nothing else writes" in found
