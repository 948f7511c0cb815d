# SPDX-License-Identifier: Apache-2.0
"""The compiler: a .tflite graph → passes → memory plan → image, the flat file that devices run in place (SPEC.md
section 2).

`compile_bundle` and `compile_tflite` are the verbs; `read_image` opens an image again for inspection. One module a
stage, in the order of `compile.py`.
"""

from tinytl.compiler.compile import Compilation, CompileOptions, compile_bundle, compile_tflite, prepare
from tinytl.compiler.image.reader import ImageContents, read_image
from tinytl.compiler.image.writer import Image, OperatorInfo
from tinytl.compiler.memory.liveness import ArenaRange

__all__ = [
    "ArenaRange",
    "Compilation",
    "CompileOptions",
    "Image",
    "ImageContents",
    "OperatorInfo",
    "compile_bundle",
    "compile_tflite",
    "prepare",
    "read_image",
]
