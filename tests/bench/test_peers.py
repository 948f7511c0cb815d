# SPDX-License-Identifier: Apache-2.0
"""Peers: the model they are given computes what the published one does, and their C is counted as ours is."""

import os
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
import tflite
from tflite_writer import ModelWriter

from tinytl.errors import BenchError
from tinytl.tflite.interpreter import Interpreter
from tinytl.tflite.litert_compatibility import readable_by_litert
from tinytl_bench.peers import PEERS, count_bakenn
from tinytl_bench.peers.firmware import PeerSources, count_firmware
from tinytl_bench.peers.preparing import prepare
from tinytl_bench.suites.published import SUITES, SuiteModel, run_suite

needs_qemu = pytest.mark.skipif(
    not (shutil.which("qemu-system-arm") and shutil.which("arm-none-eabi-gcc")), reason="needs qemu-system-arm and arm-none-eabi-gcc"
)
BOARD = "mps2-an386-large"


def reshaping(*, softmax: bool) -> bytes:
    """An open batch, a RESHAPE without options, and a SOFTMAX or none."""
    writer = ModelWriter()
    a = writer.tensor("in", (1, 2, 3, 2), signature=(-1, 2, 3, 2))
    shape = writer.constant("shape", [-1, 12])
    flat = writer.tensor("flat", (1, 12), signature=(-1, 12))
    writer.node("RESHAPE", [a, shape], flat)
    if not softmax:
        return writer.bytes([a], [flat])
    out = writer.tensor("out", (1, 12), scale=1 / 256, zero_point=-128, signature=(-1, 12))
    writer.node("SOFTMAX", [flat], out, 2, "SoftmaxOptions", Beta=1.0)
    return writer.bytes([a], [out])


@pytest.mark.parametrize("softmax", [False, True])
def test_a_prepared_model_has_fixed_shapes_options_and_no_softmax(softmax: bool) -> None:
    prepared = prepare(reshaping(softmax=softmax))
    assert prepared.without_softmax == softmax
    graph = tflite.Model.GetRootAs(prepared.tflite, 0).Subgraphs(0)
    tensors = [graph.Tensors(number) for number in range(graph.TensorsLength())]
    assert all(t.ShapeSignature(side) == t.Shape(side) for t in tensors for side in range(t.ShapeSignatureLength()))
    assert graph.OperatorsLength() == 1 and graph.Operators(0).BuiltinOptionsType() == tflite.BuiltinOptions.ReshapeOptions
    x = np.random.default_rng(0).integers(-128, 128, (4, 2, 3, 2)).astype(np.int8)
    np.testing.assert_array_equal(Interpreter(prepared.tflite).run(x)[0], x.reshape(4, 12))


def published() -> list[SuiteModel]:
    folder = os.environ.get("TINYTL_DATA_DIR")
    return [model for model in SUITES["mlperf-tiny"] if folder and (Path(folder) / "models" / model.file).exists()]


@pytest.mark.parametrize("model", published() or [None], ids=lambda model: model.name if model else "none")
def test_published_models_keep_their_answers(model: SuiteModel | None) -> None:
    if model is None:
        pytest.skip("TINYTL_DATA_DIR does not lead to the published models")
    data = (Path(os.environ["TINYTL_DATA_DIR"]) / "models" / model.file).read_bytes()
    prepared = prepare(data)
    oracle = Interpreter(readable_by_litert(data), preserve_all=True)
    x = np.random.default_rng(1).integers(-128, 128, (1, *oracle.input.shape[1:])).astype(np.int8)
    answers = oracle.run(x)
    changed = Interpreter(prepared.tflite)
    if prepared.without_softmax:
        logits = {tensor.name: tensor.value for tensor in oracle.tensors()}[changed.outputs[0].name]
        answers = [np.asarray(logits)]
    np.testing.assert_array_equal(changed.run(x)[0], answers[0])


def write_peer(folder: Path, body: str) -> PeerSources:
    (folder / "infer.c").write_text(
        f"#include <stdint.h>\nvoid infer(uint8_t *arena, const int8_t *in, int8_t *out)\n{{\n(void)arena;\n{body}\n}}\n"
    )
    header = (
        "#include <stdint.h>\nvoid infer(uint8_t *arena, const int8_t *in, int8_t *out);\n#define PEER_ARENA_BYTES 0\n"
        "#define PEER_OUTPUT_BYTES 3u\n#define PEER_INFER infer\nstatic const int8_t peer_input[] = {1,-2,3};\n"
    )
    return PeerSources([folder / "infer.c"], [], [], header)


@needs_qemu
def test_a_peers_c_is_counted_between_the_marks(tmp_path: Path) -> None:
    counts = {}
    for turns in (100, 1100):
        folder = tmp_path / str(turns)
        folder.mkdir()
        body = f"for (volatile int i = 0; i < {turns}; i++) {{ }}\nfor (int i = 0; i < 3; i++) out[i] = (int8_t)(in[i] * 2);"
        answer, profile = count_firmware(write_peer(folder, body), board=BOARD, output_bytes=3, folder=folder)
        assert answer == bytes([2, 252, 6])
        counts[turns] = profile.instructions
    per_turn = round((counts[1100] - counts[100]) / 1000)
    assert abs(counts[1100] - counts[100] - 1000 * per_turn) <= 2 and 3 <= per_turn <= 8  # a larger constant may take an instruction more
    assert counts[100] < 100 * per_turn + 80, "nothing but the inference lies between the marks"


@needs_qemu
def test_a_peer_that_does_not_compile(tmp_path: Path) -> None:
    with pytest.raises(BenchError, match=r"the peer's firmware does not compile:\n.*infer.c"):
        count_firmware(write_peer(tmp_path, "nonsense"), board=BOARD, output_bytes=3, folder=tmp_path)


def test_peers_that_are_not_there(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, tiny_bundle: Path) -> None:
    from tinytl.bundle.bundle import read_bundle

    (tmp_path / "models").mkdir()
    (tmp_path / "models/tiny.tflite").write_bytes(read_bundle(tiny_bundle).extractor)
    monkeypatch.setenv("TINYTL_DATA_DIR", str(tmp_path))
    monkeypatch.setitem(SUITES, "small", (SuiteModel("tiny", "tiny.tflite", "somebody/models", {"Cortex-M4": 20_000}),))
    monkeypatch.setitem(sys.modules, "bakenn", None)
    with pytest.raises(BenchError, match=r"the peer bakenn is not installed; expected .*\nhint: pip install .*\[peers\]'"):
        run_suite("small", target="qemu:mps2-an386", peers=True)
    monkeypatch.setattr("tinytl_bench.suites.published.expect_bakenn", lambda: None)
    with pytest.raises(BenchError, match=r"peers cannot be counted on 'host'; expected an emulated board\nhint: --target qemu:mps2-an386"):
        run_suite("small", target="host", peers=True)


@needs_qemu
def test_bakenn_is_counted_and_says_what_it_left_out() -> None:
    pytest.importorskip("bakenn", reason="needs tinytl[peers]")
    model = next((model for model in published() if model.name == "kws-ds-cnn"), None)
    if model is None:
        pytest.skip("TINYTL_DATA_DIR does not lead to the published models")
    data = (Path(os.environ["TINYTL_DATA_DIR"]) / "models" / model.file).read_bytes()
    x = np.random.default_rng(0).integers(-128, 128, (1, 49, 10, 1)).astype(np.int8)
    counted = count_bakenn(data, x, board=BOARD)
    assert tuple(counted) == PEERS
    for each in counted.values():
        assert each["instructions"] > 2_656_768
        assert "byte-equal; without the final SOFTMAX" in each["how"]


def test_what_bakenn_refuses_is_told() -> None:
    pytest.importorskip("bakenn", reason="needs tinytl[peers]")
    writer = ModelWriter()
    a, out = writer.tensor("in", (1, 2, 3, 2)), writer.tensor("out", (1, 2, 3, 2), zero_point=3)
    writer.node("QUANTIZE", [a], out, 1, "QuantizeOptions")
    counted = count_bakenn(writer.bytes([a], [out]), np.zeros((1, 2, 3, 2), np.int8), board=BOARD)
    assert all(each["instructions"] is None and "refuses the model: " in each["how"] for each in counted.values())
