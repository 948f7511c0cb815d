# SPDX-License-Identifier: Apache-2.0
"""Models of other tools are known by their first bytes, and refused with the line that converts them, before TensorFlow is imported."""

import json
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tflite_classifiers import classifier

from tinytl.errors import ModelError
from tinytl.model_file import read_model
from tinytl.model_kind import BUNDLE, KERAS, RUN, TFLITE, kind_of

SOURCES = (RUN, KERAS, TFLITE)
EXPECTED = "expected a run folder, a .keras file or an int8 .tflite"
ONNX = bytes([0x08, 0x08, 0x12, 0x07]) + b"pytorch" + bytes([0x1A, 0x05]) + b"2.4.0"


def archive(path: Path, **members: bytes) -> Path:
    with zipfile.ZipFile(path, "w") as made:
        for name, data in members.items():
            made.writestr(name.replace("__", "/").replace("_dot_", "."), data)
    return path


def refusal(path: Path, taken: tuple[str, ...] = SOURCES) -> str:
    with pytest.raises(ModelError) as refused:
        kind_of(path, taken=taken)
    return str(refused.value)


@pytest.mark.parametrize(
    ("name", "data", "what", "hint"),
    [
        ("m.onnx", ONNX, "an ONNX model", "onnx2tf -i m.onnx -oiqt writes an int8 .tflite"),
        ("m.pt", b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19.", "a PyTorch file",
         "torch.onnx.export(model, example, 'm.onnx'), then onnx2tf -i m.onnx -oiqt writes an int8 .tflite"),
        ("m.keras", b"", "an empty file", "write or download it again"),
        ("m.tflite", b"version https://git-lfs.github.com/spec/v1\n", "a pointer of git LFS, not the file itself", "git lfs pull"),
        ("m.txt", b"words", "no model that tinytl knows", "tinytl pretrain makes a run folder, model.save('m.keras') a .keras file"),
        ("m.zip", b"PK\x03\x04", "a damaged archive", "write or download it again"),
    ],
)  # fmt: skip
def test_files_of_others(tmp_path: Path, name: str, data: bytes, what: str, hint: str) -> None:
    path = tmp_path / name
    path.write_bytes(data)
    assert refusal(path) == f"{path} is {what}; {EXPECTED}\nhint: {hint}"


def test_archives_of_others(tmp_path: Path) -> None:
    torch = archive(tmp_path / "m.pth", m__data_dot_pkl=b"\x80\x02", m__version=b"3")
    assert f"{torch} is a PyTorch file; {EXPECTED}\nhint: torch.onnx.export(model, example, 'm.onnx'), then" in refusal(torch)
    np.savez(tmp_path / "x.npz", x=np.zeros(3))
    assert f"x.npz is a file of arrays; {EXPECTED}\nhint: data goes to --data" in refusal(tmp_path / "x.npz")


def test_a_saved_model_is_a_folder(tmp_path: Path) -> None:
    folder = tmp_path / "m"
    folder.mkdir()
    assert refusal(folder) == f"no run in {folder}; expected a folder with run.json\nhint: tinytl pretrain --out RUN makes one"
    (folder / "saved_model.pb").write_bytes(b"\x08\x01")
    told = (
        f" is a SavedModel; {EXPECTED}\nhint: model.save('{{stem}}.keras') where it was made; "
        "or tf.lite.TFLiteConverter.from_saved_model('{path}') with a representative_dataset"
    )
    for path in (folder, folder / "saved_model.pb"):
        assert refusal(path) == f"{path}{told.format(stem=path.stem, path=path)}"


def test_the_line_for_an_h5_file_converts_it(tiny_model: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tiny_model.save(tmp_path / "old.h5")
    text = refusal(tmp_path / "old.h5")
    assert text.startswith(f"{tmp_path / 'old.h5'} is a Keras 2 file (HDF5); {EXPECTED}\nhint: python -c ")
    monkeypatch.chdir(tmp_path)
    exec(text.partition('python -c "')[2].rstrip('"'), {})
    assert kind_of(tmp_path / "old.keras", taken=SOURCES) == KERAS


def test_lambda_layers_are_named(tmp_path: Path) -> None:
    keras = pytest.importorskip("keras", reason="needs tinytl[host]")
    inner = keras.Sequential([keras.Input((4,)), keras.layers.Lambda(lambda x: x / 255, name="scale")])
    keras.Sequential([keras.Input((4,)), inner, keras.layers.Dense(2)]).save(tmp_path / "m.keras")
    assert refusal(tmp_path / "m.keras") == (
        "m.keras has a Lambda layer, 'scale': Python code, which no file keeps safely and no device runs; expected layers of Keras alone\n"
        "hint: replace it, x / 255 by keras.layers.Rescaling(1 / 255), say, and save the model again"
    )


def test_what_another_command_takes(tiny_run: Any, tiny_bundle: Path, tmp_path: Path) -> None:
    (tmp_path / "m.tflite").write_bytes(classifier())
    assert [kind_of(path, taken=(*SOURCES, BUNDLE)) for path in (tiny_run.path, tiny_run.model_path, tmp_path / "m.tflite", tiny_bundle)] == [
        RUN, KERAS, TFLITE, BUNDLE,
    ]  # fmt: skip
    assert f"is a .tinytl bundle; {EXPECTED}\nhint: inspect, flash, run and bench take it" in refusal(tiny_bundle)
    with pytest.raises(ModelError) as refused:
        read_model(tiny_run.model_path)
    assert str(refused.value).endswith(
        f"is a .keras file; expected an int8 .tflite or a .tinytl bundle\nhint: tinytl export {tiny_run.model_path} --data D -o model.tinytl "
        "makes a bundle of it"
    )
    assert refusal(tmp_path / "none.keras", (KERAS,)).startswith(f"no model at {tmp_path / 'none.keras'}; expected a .keras file\nhint: ")


def test_tensorflow_is_not_imported_for_it(tmp_path: Path) -> None:
    (tmp_path / "m.onnx").write_bytes(ONNX)
    (tmp_path / "x.csv").write_text("1,2,a\n" * 3 + "2,3,b\n" * 3)
    script = f"""
import json, sys
from tinytl_cli import cli
path, data, told = {str(tmp_path / "m.onnx")!r}, {str(tmp_path / "x.csv")!r}, []
for words in (["export", path, "--data", data, "-o", "x.tinytl"], ["plans", path], ["pretrain", "--model", path, "--data", data, "--out", "r"],
              ["inspect", path], ["flash", path, "--target", "host"]):
    try:
        cli.main(words, standalone_mode=False)
    except Exception as error:
        told.append(str(error))
print(json.dumps([told, "tensorflow" in sys.modules or "keras" in sys.modules]))
"""
    ran = subprocess.run([sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True, check=True)
    told, imported = json.loads(ran.stdout)
    assert len(told) == 5 and all("m.onnx is an ONNX model; expected " in text for text in told), told
    assert not imported
