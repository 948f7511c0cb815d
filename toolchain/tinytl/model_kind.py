# SPDX-License-Identifier: Apache-2.0
"""What a model file is, by its first bytes: told before TensorFlow is imported, so that a wrong file is refused at once.

In: a path. Out: one of `KINDS`, or a refusal with one line that says how the file becomes one that is taken.
"""

import json
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tinytl.errors import ModelError

RUN, KERAS, TFLITE, BUNDLE = "run", "keras", "tflite", "bundle"
KINDS = {RUN: "a run folder", KERAS: "a .keras file", TFLITE: "an int8 .tflite", BUNDLE: "a .tinytl bundle"}
RUN_FILE = "run.json"
"""What a run folder is known by."""
_START_BYTES = 64
_MOST_CONFIG_BYTES = 64 * 1024 * 1024
_FROM_ONNX = "onnx2tf -i {stem}.onnx -oiqt writes an int8 .tflite"
_FOREIGN = {
    "empty": ("an empty file", "write or download it again"),
    "h5": (
        "a Keras 2 file (HDF5)",
        "python -c \"import keras; keras.models.load_model('{path}', compile=False).save('{stem}.keras')\"",
    ),
    "saved_model": (
        "a SavedModel",
        "model.save('{stem}.keras') where it was made; or tf.lite.TFLiteConverter.from_saved_model('{path}') with a representative_dataset",
    ),
    "onnx": ("an ONNX model", _FROM_ONNX),
    "torch": ("a PyTorch file", "torch.onnx.export(model, example, '{stem}.onnx'), then " + _FROM_ONNX),
    "npz": ("a file of arrays", "data goes to --data"),
    "lfs": ("a pointer of git LFS, not the file itself", "git lfs pull"),
    "damaged": ("a damaged archive", "write or download it again"),
    "unknown": ("no model that tinytl knows", "tinytl pretrain makes a run folder, model.save('{stem}.keras') a .keras file"),
}
"""What each foreign kind is called, and how it becomes one that is taken."""
_ELSEWHERE = {
    RUN: "tinytl export {path} -o {stem}.tinytl makes a bundle of it",
    KERAS: "tinytl export {path} --data D -o {stem}.tinytl makes a bundle of it",
    TFLITE: "tinytl export {path} --data D -o {stem}.tinytl has its last layer learn; inspect, flash, run and bench take it as it is",
    BUNDLE: "inspect, flash, run and bench take it; tinytl export makes another of the run or model that it came from",
}
"""What a kind is good for that a command does not take."""


def kind_of(path: Path, *, taken: tuple[str, ...]) -> str:
    """Return what a path holds.

    Args:
        path: a file or a folder. taken: those of `KINDS` that the caller can use.

    Raises:
        ModelError: nothing is there, it is something else, or a .keras file holds a Lambda layer; says how to convert it.
    """
    expected = _either([KINDS[kind] for kind in taken])
    if not path.exists():
        raise ModelError(f"no model at {path}", expected=expected, hint="tinytl pretrain makes a run folder")
    content = _folder_kind(path) if path.is_dir() else _file_kind(path)
    if content in taken:
        if content == KERAS:
            _refuse_lambda(path)
        return content
    if content == "damaged" and BUNDLE in taken:
        return BUNDLE  # whoever reads it tells what is damaged
    what, hint = (KINDS[content], _ELSEWHERE[content]) if content in KINDS else _FOREIGN[content]
    raise ModelError(f"{path} is {what}", expected=expected, hint=hint.format(path=path, stem=path.stem))


def _folder_kind(path: Path) -> str:
    if any((path / name).is_file() for name in ("saved_model.pb", "saved_model.pbtxt")):
        return "saved_model"
    if (path / RUN_FILE).is_file():
        return RUN
    raise ModelError(f"no run in {path}", expected=f"a folder with {RUN_FILE}", hint="tinytl pretrain --out RUN makes one")


def _file_kind(path: Path) -> str:
    try:
        with path.open("rb") as stream:
            start = stream.read(_START_BYTES)
    except OSError as error:
        raise ModelError(f"{path} cannot be read: {error.strerror or error}", expected="a model file") from error
    if start.startswith(b"PK"):
        return _archive_kind(path)
    known = {b"\x89HDF\r\n": "h5", b"\x80\x02": "torch", b"version https://git-lfs": "lfs"}
    for bytes_, kind in known.items():
        if start.startswith(bytes_):
            return kind
    if not start:
        return "empty"
    if start[4:8] == b"TFL3":
        return TFLITE
    if path.name == "saved_model.pb":
        return "saved_model"
    return "onnx" if _begins_like_onnx(start) else "unknown"


def _begins_like_onnx(start: bytes) -> bool:
    """Tell whether a protobuf begins as onnx.ModelProto does: field 1 is a small number, then a text, the graph or the operator sets."""
    return len(start) > 2 and start[0] == 0x08 and 0 < start[1] < 64 and start[2] in (0x12, 0x1A, 0x22, 0x3A, 0x42)


def _archive_kind(path: Path) -> str:
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
    except (OSError, zipfile.BadZipFile, NotImplementedError, ValueError):
        return "damaged"
    if "config.json" in names:
        return KERAS
    if "manifest.json" in names:
        return BUNDLE
    if any(name.endswith("/data.pkl") for name in names):
        return "torch"
    return "npz" if any(name.endswith(".npy") for name in names) else "damaged"


def _refuse_lambda(path: Path) -> None:
    """Refuse Python code in a .keras file by its description, before Keras reads it."""
    try:
        with zipfile.ZipFile(path) as archive:
            if archive.getinfo("config.json").file_size > _MOST_CONFIG_BYTES:
                return  # Keras answers for it
            described = json.loads(archive.read("config.json"))
    except (OSError, ValueError, RecursionError, zipfile.BadZipFile):
        return
    names = list(_lambda_names(described))
    if names:
        raise ModelError(
            f"{path.name} has a Lambda layer, {', '.join(map(repr, names))}: Python code, which no file keeps safely and no device runs",
            expected="layers of Keras alone",
            hint="replace it, x / 255 by keras.layers.Rescaling(1 / 255), say, and save the model again",
        )


def _lambda_names(described: Any) -> Iterator[str]:
    """Walk a description without recursion: it comes from a file."""
    waiting = [described]
    while waiting:
        node = waiting.pop()
        if isinstance(node, dict):
            if node.get("class_name") == "Lambda":
                config = node.get("config")
                yield str(config.get("name", "")) if isinstance(config, dict) else ""
            waiting.extend(node.values())
        elif isinstance(node, list):
            waiting.extend(node)


def _either(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} or {names[-1]}"
