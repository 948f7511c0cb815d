# SPDX-License-Identifier: Apache-2.0
"""What a library has beside the runtime's sources: the image as an array, its sizes, an example, files for build systems."""

import json
import re
from collections.abc import Sequence

from tinytl.compiler.dtypes import C_TYPES, DTYPE_NAMES
from tinytl.compiler.image.reader import ImageContents
from tinytl.version import __version__

_LICENCE = "/* SPDX-License-Identifier: Apache-2.0\n"
_VERSION = re.sub(r"[^\d.].*", "", __version__)
FLAGS = ("-ffp-contract=off",)
"""The learner's bits need it; the kernels work with any flags."""


def identifier(name: str) -> str:
    """Return a model's name as one of C, in small letters."""
    stem = re.sub(r"\W+", "_", name, flags=re.ASCII).strip("_").lower() or "model"
    return f"m{stem}" if stem[0].isdigit() else stem


def array_source(name: str, image: bytes) -> str:
    """Return the C file with the image."""
    rows = [", ".join(map(str, image[at : at + 32])) for at in range(0, len(image), 32)]
    return (
        f'{_LICENCE} * The compiled model, read in place: keep it in flash. */\n#include "{name}_model.h"\n\n'
        f"const uint8_t {name}_image[{name.upper()}_IMAGE_BYTES] TINYTL_ALIGNED = {{\n" + ",\n".join(rows) + "\n};\n"
    )


def header(name: str, contents: ImageContents) -> str:
    """Return the header that a user's code includes."""
    upper = name.upper()
    lines = [
        f"{_LICENCE} * {name}: what it needs, takes and answers. real = SCALE * (number - ZERO_POINT). */",
        *(f"#ifndef {upper}_MODEL_H", f"#define {upper}_MODEL_H", "", '#include "tinytl.h"', ""),
        f"#define {upper}_IMAGE_BYTES {len(contents.data)}u",
        f"#define {upper}_ARENA_BYTES {contents.header.arena_bytes}u",
    ]
    for role, numbers in (("INPUT", contents.inputs), ("OUTPUT", contents.outputs)):
        lines += ["", f"#define {upper}_{role}_COUNT {len(numbers)}u"]
        for place, number in enumerate(numbers):
            lines += _tensor(f"{upper}_{role}_{place}", contents, number)
    if contents.head:
        capacity = f"#define {upper}_CLASS_CAPACITY {contents.head.class_capacity}u"
        lines += ["", f"#define {upper}_CLASS_COUNT {contents.head.class_count}u", capacity]
    lines += ["", "#ifdef __cplusplus", 'extern "C" {', "#endif"]
    lines += [f"extern const uint8_t {name}_image[{upper}_IMAGE_BYTES] TINYTL_ALIGNED;"]
    return "\n".join([*lines, "#ifdef __cplusplus", "}", "#endif", "", "#endif", ""])


def _tensor(prefix: str, contents: ImageContents, number: int) -> list[str]:
    record, dims = contents.tensors[number], contents.dims(number) or (1,)
    dtype = DTYPE_NAMES[record.dtype]
    lines = [
        f"#define {prefix}_SHAPE {{{', '.join(map(str, dims))}}}",
        f"#define {prefix}_BYTES {record.bytes}u",
        f"#define {prefix}_TYPE {C_TYPES[dtype]}",
        f"#define {prefix}_DTYPE TINYTL_{dtype.upper()}",
    ]
    if dtype not in ("int8", "uint8"):  # what is no code of a real number
        return lines
    # Nine digits tell every float32 apart.
    return [*lines, f"#define {prefix}_SCALE {float(record.scale):.8e}f", f"#define {prefix}_ZERO_POINT ({record.zero_point})"]


def example(name: str, *, head: bool) -> str:
    """Return a program of one inference."""
    upper = name.upper()
    learned = (
        "    return (int)tinytl_head_infer(&model); /* the class; tinytl_head_step(&model, label) then learns the sample */\n"
        if head
        else f"    const {upper}_OUTPUT_0_TYPE *output = tinytl_model_output(&model, 0);\n    return output[0] != 0;\n"
    )
    declared = "tinytl_error error" if head else "const tinytl_error error"
    opened = "    if (!error.status)\n        error = tinytl_head_open(&model);\n" if head else ""
    return (
        f'{_LICENCE} * One inference; the kernels need no more than this. */\n#include <string.h>\n\n#include "{name}_model.h"\n\n'
        f"static uint8_t arena[{upper}_ARENA_BYTES] TINYTL_ALIGNED;\nstatic tinytl_model model;\n\n"
        "int main(void)\n{\n"
        f"    {declared} = tinytl_model_open(&model, {name}_image, {upper}_IMAGE_BYTES, arena, sizeof arena);\n"
        f"{opened}"
        "    if (error.status)\n        return (int)error.status; /* tinytl_status_text() has the words */\n"
        f"    memset(tinytl_model_input(&model, 0), 0, {upper}_INPUT_0_BYTES); /* your sample */\n"
        f"    tinytl_model_invoke(&model);\n{learned}}}\n"
    )


def build_files(name: str, sources: Sequence[str]) -> dict[str, str]:
    """Return the files for CMake, PlatformIO, Arduino and Zephyr. sources: compiled files, below `src/`."""
    listed = "\n".join(f"  src/{source}" for source in sources)
    flags = " ".join(FLAGS)
    about = f"The model {name} and what of tinytl's runtime runs it"
    cmake = (
        "# SPDX-License-Identifier: Apache-2.0\ncmake_minimum_required(VERSION 3.13)\n"
        f"project({name}_model LANGUAGES C ASM)\nadd_library({name}_model STATIC\n{listed})\n"
        f"target_include_directories({name}_model PUBLIC src)\n"
        f"set_target_properties({name}_model PROPERTIES C_STANDARD 99 C_EXTENSIONS OFF)\n"
        f"target_compile_options({name}_model PRIVATE {flags} -ffunction-sections -fdata-sections)\n"
        f"if(CMAKE_SOURCE_DIR STREQUAL PROJECT_SOURCE_DIR AND NOT CMAKE_CROSSCOMPILING)\n"
        f"  add_executable({name}_example example/main.c)\n  target_link_libraries({name}_example {name}_model m)\nendif()\n"
    )
    above = listed.replace("  src/", "  ${CMAKE_CURRENT_LIST_DIR}/../src/")
    zephyr = (
        f"# SPDX-License-Identifier: Apache-2.0\nzephyr_library_named({name}_model)\nzephyr_library_sources(\n{above})\n"
        f"zephyr_include_directories(${{CMAKE_CURRENT_LIST_DIR}}/../src)\nzephyr_library_compile_options({flags})\n"
    )
    platformio = {
        "name": f"{name}_model", "version": _VERSION, "description": about, "license": "Apache-2.0", "frameworks": "*",
        "platforms": "*", "headers": f"{name}_model.h", "build": {"srcDir": "src", "includeDir": "src", "flags": [*FLAGS]},
    }  # fmt: skip
    arduino = {
        "name": f"{name}_model", "version": _VERSION, "author": "tinytl", "maintainer": "tinytl", "sentence": f"{about}.",
        "paragraph": "Written by tinytl build --as library.", "category": "Data Processing", "url": "https://example.invalid/tinytl",
        "architectures": "*", "includes": f"{name}_model.h",
    }  # fmt: skip
    return {
        "CMakeLists.txt": cmake,
        "zephyr/module.yml": f"name: {name}_model\nbuild:\n  cmake: zephyr\n",
        "zephyr/CMakeLists.txt": zephyr,
        "library.json": json.dumps(platformio, indent=2) + "\n",
        "library.properties": "".join(f"{key}={value}\n" for key, value in arduino.items()),
    }
