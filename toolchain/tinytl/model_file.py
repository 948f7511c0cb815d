# SPDX-License-Identifier: Apache-2.0
"""A model as people have it, a `.tinytl` bundle or a plain int8 `.tflite`, and the one place that has it compiled.

In: a path. Out: a `ModelFile`; with `compile_model` an `Image`; with `ends_of` what that image takes and answers. Every command that
takes a model comes through here, so an option of the compiler is handed on in one place.
"""

from dataclasses import dataclass
from pathlib import Path

from tinytl.bundle.bundle import Bundle, read_bundle
from tinytl.compiler import CompileOptions, Image, compile_bundle, compile_tflite, read_image
from tinytl.compiler.dtypes import DTYPE_NAMES
from tinytl.compiler.image.reader import ImageContents
from tinytl.errors import BundleError, ModelError
from tinytl.model_kind import BUNDLE, TFLITE, kind_of
from tinytl.tflite.signature import TensorSpec, read_signature
from tinytl.tflite.softmax_removal import without_softmax

LOGITS = "logits"
"""What the answer of a bundle's head is called among its outputs."""
PORTABLE = CompileOptions()
"""Runs everywhere, within any limits."""


@dataclass(frozen=True)
class ModelFile:
    """One model file.

    Attributes:
        path: of the file. name: the bundle's, or the file's without its ending.
        tflite: bytes of the graph as it is to be run; of a bundle its extractor.
        bundle: None for a plain .tflite.
    """

    path: Path
    name: str
    tflite: bytes
    bundle: Bundle | None

    @property
    def kind(self) -> str:
        """What it is: "bundle" or "tflite"."""
        return "bundle" if self.bundle else "tflite"


@dataclass(frozen=True)
class Ends:
    """What an image takes and answers, in the graph's order; shapes with batch, names of the .tflite file."""

    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]


def read_model(path: Path | str, *, logits: bool = False) -> ModelFile:
    """Read a bundle or a .tflite; its first bytes decide what it is.

    Args:
        logits: leave a softmax at the end of a .tflite out, so that it answers logits (`without_softmax`).

    Raises:
        BundleError: the file is missing, or a damaged bundle. ModelError: it is neither, or a damaged .tflite; logits are asked for
            and it does not end with a softmax.
    """
    path = Path(path)
    try:
        if path.exists() and kind_of(path, taken=(TFLITE, BUNDLE)) == BUNDLE:
            bundle = read_bundle(path)
            if logits:
                raise ModelError(
                    f"--logits: {path.name} is a bundle, whose head answers logits already",
                    expected="a .tflite that ends with a softmax",
                    hint="leave --logits out",
                )
            return ModelFile(path, bundle.manifest["name"], bundle.extractor, bundle)
        data = path.read_bytes()
    except OSError as error:
        raise BundleError(f"{path} cannot be read: {error.strerror or error}", expected="a .tinytl or .tflite file") from error
    read_signature(data)
    return ModelFile(path, path.stem, without_softmax(data) if logits else data, None)


def compile_model(model: ModelFile | Bundle | bytes, options: CompileOptions = PORTABLE) -> Image:
    """Compile a model file, a bundle, or the bytes of a .tflite.

    Args, Raises: as `tinytl.compiler.compile_bundle`.
    """
    whole = (model.bundle or model.tflite) if isinstance(model, ModelFile) else model
    if isinstance(whole, Bundle):
        return compile_bundle(whole, **vars(options))
    return compile_tflite(whole, **vars(options))


def ends_of(model: ModelFile, image: Image) -> Ends:
    """Return the ends of a model's image: shapes and types as compiled (a batch left open is 1), names as in the file."""
    signature, contents = read_signature(model.tflite), read_image(image.data)
    inputs = _specs(contents, contents.inputs, [spec.name for spec in signature.inputs], "input")
    return Ends(inputs, _specs(contents, contents.outputs, [spec.name for spec in signature.outputs], "output"))


def _specs(contents: ImageContents, numbers: tuple[int, ...], names: list[str], role: str) -> tuple[TensorSpec, ...]:
    """Names that are missing, stand twice or are what a head's answer is called are replaced, so that each is a key."""
    if len(set(names)) != len(numbers) or not all(names) or LOGITS in names:
        names = [f"{role}_{place}" for place in range(len(numbers))]
    records = [contents.tensors[number] for number in numbers]
    return tuple(
        TensorSpec(name, contents.dims(number), DTYPE_NAMES[record.dtype], record.scale, record.zero_point)
        for name, number, record in zip(names, numbers, records, strict=True)
    )
