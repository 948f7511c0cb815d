# SPDX-License-Identifier: Apache-2.0
"""`tinytl build --as library`: a model and what of the runtime runs it, as a folder of C for people's own firmware.

In: a model file, options of the compiler, a folder. Out: the folder, with facts. The firmware of a board takes any image; a library
has the kernels and checks of its one model alone, so that it is small, and fits any build system.
"""

import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tinytl.compiler import CompileOptions, read_image
from tinytl.compiler.image.reader import ImageContents
from tinytl.errors import BuildError
from tinytl.model_file import ModelFile, compile_model
from tinytl_bridge.firmware.boards import list_boards, load_board
from tinytl_bridge.firmware.build import COMPILER
from tinytl_bridge.library.folder import check_folder, write_folder
from tinytl_bridge.library.sources import library_sources
from tinytl_bridge.library.texts import FLAGS, array_source, build_files, example, header, identifier
from tinytl_bridge.target_names import parse_target

ANY_CORE = ("-mcpu=cortex-m0", "-mthumb")
"""What the size of a library for no board of ours is measured with."""
_CALLS = ("tinytl_model_open", "tinytl_model_input", "tinytl_model_output", "tinytl_model_invoke")
_HEAD_CALLS = ("tinytl_head_open", "tinytl_head_infer", "tinytl_head_step", "tinytl_head_logits", "tinytl_head_reset")
"""What firmware calls, so what counts as code."""
MODEL_STRUCT_BYTES = 52
"""Of a `tinytl_model` where pointers take 4 bytes."""


@dataclass(frozen=True)
class Library:
    """What was written.

    Attributes:
        name: of the model, as in C. image_bytes: of its array. arena_bytes: RAM that it needs in one block.
        code_bytes: text of opening, running and learning, what they take of the C library included, without the image; None without a
            cross compiler.
        size_flags: what that was measured with. sources: compiled files.
    """

    folder: Path
    name: str
    image_bytes: int
    arena_bytes: int
    code_bytes: int | None
    size_flags: tuple[str, ...]
    sources: tuple[str, ...]


def build_library(model: ModelFile, options: CompileOptions, folder: Path, *, target: str) -> Library:
    """Write the library of a model.

    Args:
        model: a bundle or a .tflite. options: what to compile for. folder: where it is written: a free path, or an older library's.
        target: of the options; a board's flags are what the size is measured with.

    Raises:
        BuildError: the folder holds something else or cannot be written. CompileError: the model does not compile.
    """
    check_folder(folder)
    contents = read_image(compile_model(model, options).data)
    name = identifier(model.name)
    files = _files(name, contents, small=options.optimize == "size")
    sources = tuple(path.removeprefix("src/") for path in files if path.endswith((".c", ".S")) and path.startswith("src/"))
    flags = _flags(target)
    code = code_bytes(files, flags)
    library = Library(folder, name, len(contents.data), contents.header.arena_bytes, code, flags, sources)
    files["README.txt"] = _readme(library, model, contents)
    facts = {"model": name, "family": options.family, "optimize": options.optimize, "image_bytes": library.image_bytes,
             "arena_bytes": library.arena_bytes, "code_bytes": code}  # fmt: skip
    write_folder(folder, {path: text.encode() for path, text in files.items()}, facts)
    return library


def _files(name: str, contents: ImageContents, *, small: bool) -> dict[str, str]:
    files = {f"src/{path}": text for path, text in library_sources(contents, small=small).items()}
    files[f"src/{name}_model.h"] = header(name, contents)
    files[f"src/{name}_model.c"] = array_source(name, contents.data)
    files["example/main.c"] = example(name, head=contents.head is not None)
    compiled = sorted(path.removeprefix("src/") for path in files if path.startswith("src/") and path.endswith((".c", ".S")))
    return files | build_files(name, compiled)


def _flags(target: str) -> tuple[str, ...]:
    name = parse_target(target).place
    return load_board(name).compiler_flags if name in list_boards() else ANY_CORE


def code_bytes(files: Mapping[str, str], flags: tuple[str, ...], optimization: str = "-O2") -> int | None:
    """Return the text of what firmware calls and what that needs, without the image; None where there is no cross compiler.

    Args:
        files: path in the library → text. flags: of the compiler, for a core. optimization: the compiler's -O flag.

    Raises:
        BuildError: it does not compile.
    """
    if shutil.which(COMPILER) is None:
        return None
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        for path, text in files.items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_text(text, encoding="utf-8")
        sources = [path for path in files if path.startswith("src/") and path.endswith((".c", ".S")) and not path.endswith("_model.c")]
        roots = (*_CALLS, *(_HEAD_CALLS if "src/learn/head.c" in files else ()))
        link_flags = (f"-Wl,-e,{roots[0]}", *(f"-Wl,-u,{root}" for root in roots), "-Wl,--gc-sections")
        command = [COMPILER, *flags, "-std=c99", optimization, *FLAGS, "-ffunction-sections", "-fdata-sections", "-Isrc", *sources]
        command += ["-nostartfiles", *link_flags, "-lm", "-o", "code.elf"]
        ran = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
        if ran.returncode:
            raise BuildError(f"the library does not compile:\n{ran.stderr.strip()[:2000]}", hint="tinytl doctor")
        sizes = subprocess.run(["arm-none-eabi-size", "code.elf"], cwd=folder, capture_output=True, text=True, check=True).stdout
    return int(sizes.splitlines()[1].split()[0])


def _readme(library: Library, model: ModelFile, contents: ImageContents) -> str:
    upper = library.name.upper()
    code = "not measured: arm-none-eabi-gcc is not installed"
    if library.code_bytes is not None:
        does = "open, run and learn" if contents.head else "open and run"
        measured = f"arm-none-eabi-gcc -O2 {' '.join(library.size_flags)} -Wl,--gc-sections"
        code = f"{library.code_bytes:,} bytes to {does} it, without the image ({measured}); -Os makes less"
    kinds = sorted({operator.kind for operator in contents.operators})
    learns = (
        "\nThe model has a head: tinytl_head_infer() after an inference gives the class, tinytl_head_step() learns the sample.\n"
        "Compile with -ffp-contract=off (CMake, Zephyr and PlatformIO do), without -ffast-math: then it learns the twin's bytes.\n"
        if contents.head
        else ""
    )
    return (
        f"{library.name}: a model compiled by tinytl, with the runtime that runs it. Apache-2.0; the weights are {model.path.name}'s.\n\n"
        f"code    {code}\n"
        f"image   {library.image_bytes:,} bytes of flash, read in place\n"
        f"RAM     {library.arena_bytes:,} bytes of arena + {MODEL_STRUCT_BYTES} of tinytl_model + the stack\n"
        f"kernels {', '.join(kinds)}\n\n"
        "Use it\n"
        f"  CMake       add_subdirectory(this folder), target_link_libraries(your_firmware {library.name}_model)\n"
        "  PlatformIO  copy this folder to lib/\n"
        "  Arduino     copy this folder to libraries/\n"
        "  Zephyr      add this folder to ZEPHYR_EXTRA_MODULES\n"
        f'  other       compile src/**/*.c and src/**/*.S with -Isrc; include "{library.name}_model.h"\n\n'
        f"example/main.c is one inference. {upper}_INPUT_0_SCALE and _ZERO_POINT in src/{library.name}_model.h turn numbers into bytes.\n"
        "Answers equal LiteRT's reference kernels byte for byte. One library a program: two would define the same functions.\n"
        f"{learns}"
    )
