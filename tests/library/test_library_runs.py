# SPDX-License-Identifier: Apache-2.0
"""`tinytl build --as library`: the folder compiles strictly for this machine, Cortex-M4 and Cortex-M0, answers the bytes of the twin,
holds only what its model needs, and refuses images of other models."""

import ctypes
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from emulated_cores import CORTEX_M0_WIDE, CORTEX_M4F, CORTEX_M55, HOST, RISCV32, Core
from layers import inputs_for, layer
from random_graphs import random_graph
from recurrent_models import Lstm

from tinytl.bundle.shipped import find_bundle
from tinytl.model_file import compile_model, read_model
from tinytl_bridge.firmware.compile_options import options_for_target
from tinytl_bridge.library.library import Library, build_library
from tinytl_bridge.twin import TwinModel

PROGRAM = Path(__file__).parent / "main.c"
STRICT = ("-Wall", "-Wextra", "-Wconversion", "-Wshadow", "-pedantic", "-Werror")
CORES = {"host": HOST, "cortex-m55": CORTEX_M55, "cortex-m4f": CORTEX_M4F, "cortex-m0": CORTEX_M0_WIDE, "rv32imac": RISCV32}
LAYERS = ("conv_2d_3x3", "depthwise", "depthwise_windows", "fully_connected", "add", "average_pool")
MODELS = ("graph", "digits", "lstm", *LAYERS)
WRITERS = {"graph": random_graph, "lstm": lambda seed: Lstm(12, 5, 9, energy=6.0, seed=seed).bytes()}
TARGETS = ("qemu:mps2-an386", "qemu:mps3-an547", "host")


def model_path(name: str, folder: Path, seed: int = 2) -> Path:
    """Return a model's file: a shipped bundle with a head, or a written .tflite."""
    if name == "digits":
        return find_bundle(name)
    path = folder / f"{name} {seed}.tflite"
    path.write_bytes(WRITERS[name](seed) if name in WRITERS else layer(name, seed))
    return path


def library_of(name: str, folder: Path, target: str, seed: int = 2) -> tuple[Library, TwinModel]:
    """Write a library; return it and the twin with the same image."""
    model, options = read_model(model_path(name, folder, seed)), options_for_target(target)
    twin = TwinModel(compile_model(model, options).data)
    return build_library(model, options, folder / "library", target=target), twin


def trial_header(library: Library, samples: list[np.ndarray], *, learns: bool) -> str:
    rows = ",\n".join("{" + ",".join(map(str, sample.reshape(-1).tolist())) + "}" for sample in samples)
    upper = library.name.upper()
    return (
        f'#include "{library.name}_model.h"\n#define TRIAL_IMAGE {library.name}_image\n#define TRIAL_ARENA_BYTES {upper}_ARENA_BYTES\n'
        f"#define TRIAL_SAMPLES {len(samples)}u\n{'#define TRIAL_LEARNS' if learns else ''}\n"
        f"static const {upper}_INPUT_0_TYPE trial_samples[TRIAL_SAMPLES][{upper}_INPUT_0_BYTES] = {{{rows}}};\n"
    )


def twin_lines(twin: TwinModel, samples: list[np.ndarray]) -> list[str]:
    lines = []
    for number, sample in enumerate(samples):
        values = [int(byte) for output in twin.invoke(sample) for byte in np.ascontiguousarray(output).view(np.uint8).reshape(-1)]
        if twin.image.head:
            values.append(twin.infer()[0])
            assert twin.step(number % twin.image.head.class_count).status == "ok"
            values += [0, twin.head_crc32()]
        lines.append(" ".join(f"{value:08x}" for value in values))
    return lines


def library_lines(core: Core, library: Library, samples: list[np.ndarray], folder: Path, *, learns: bool) -> list[str]:
    (folder / "trial.h").write_text(trial_header(library, samples, learns=learns))
    sources = [library.folder / "src" / source for source in library.sources]
    program = core.build([PROGRAM, *sources], [library.folder / "src", folder], folder / "program.elf", *STRICT)
    return core.lines(program)


EVERYDAY = {
    *((TARGETS[0], core, "graph") for core in ("host", "cortex-m4f")),
    (TARGETS[0], "host", "digits"),
    *((TARGETS[1], "cortex-m55", name) for name in ("graph", "lstm")),
    *((TARGETS[0], "host", name) for name in list(LAYERS)[:2]),
}
"""Two cores, two targets and each kind of model; the rest of the product is long: each compiles a library of its own."""
EACH = [
    pytest.param(target, core, name, marks=() if (target, core, name) in EVERYDAY else pytest.mark.long)
    for target in TARGETS[:2] for core in CORES for name in MODELS
]  # fmt: skip


@pytest.mark.parametrize(("target", "core", "name"), EACH)
def test_library_answers_as_the_twin(target: str, core: str, name: str, tmp_path: Path) -> None:
    library, twin = library_of(name, tmp_path, target)
    samples = inputs_for(twin.image.dims(twin.image.inputs[0]), 5)
    learns = twin.image.head is not None
    assert ({"learn/head.c", "learn/head_state.c"} <= set(library.sources)) == learns
    assert ("CLASS_COUNT" in (library.folder / f"src/{library.name}_model.h").read_text()) == learns
    assert library_lines(CORES[core], library, samples, tmp_path, learns=learns) == twin_lines(twin, samples)


def test_library_of_portable_kernels_answers_as_the_twin(tmp_path: Path) -> None:
    library, twin = library_of("graph", tmp_path, "host", seed=7)
    samples = inputs_for(twin.image.dims(twin.image.inputs[0]), 5)
    assert library_lines(CORTEX_M0_WIDE, library, samples, tmp_path, learns=False) == twin_lines(twin, samples)
    assert not (library.folder / "src/kernels/dsp").exists()


def test_library_holds_only_what_its_model_needs(tmp_path: Path) -> None:
    library, twin = library_of("conv_2d_3x3", tmp_path, "qemu:mps2-an386")
    assert {operator.kind for operator in twin.image.operators} == {"conv_2d"}
    folders = {source.partition("/")[0] for source in library.sources}
    assert folders <= {"ground", "image", "kernels", f"{library.name}_model.c"}, "no learner where there is nothing to learn"
    portable = {Path(source).name for source in library.sources if source.startswith("kernels/portable/")}
    assert portable == {"shape_checks.c"}, "kernels and check rules of other operators, or of another kernel of this one"


@pytest.mark.parametrize("target", [TARGETS[0], *(pytest.param(target, marks=pytest.mark.long) for target in TARGETS[1:])])
def test_same_model_gives_the_same_bytes(target: str, tmp_path: Path) -> None:
    (tmp_path / "again").mkdir()
    made = [library_of("graph", folder, target)[0].folder for folder in (tmp_path, tmp_path / "again")]
    files = [{str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()} for folder in made]
    assert files[0] == files[1]


class Error(ctypes.Structure):
    """`tinytl_error`."""

    _fields_ = (("status", ctypes.c_uint32), ("got", ctypes.c_uint32), ("expected", ctypes.c_uint32))


def checker(library: Library, folder: Path) -> ctypes.CDLL:
    if shutil.which("gcc") is None:
        pytest.skip("needs gcc")
    sources = [str(library.folder / "src" / source) for source in library.sources]
    shared = folder / "library.so"
    command = ["gcc", "-std=c99", "-O1", "-fPIC", "-shared", f"-I{library.folder}/src", *sources, "-lm", "-o", str(shared)]
    subprocess.run(command, check=True, timeout=120)
    loaded = ctypes.CDLL(str(shared))
    loaded.tinytl_image_check.restype = Error
    loaded.tinytl_image_check.argtypes = (ctypes.c_void_p, ctypes.c_size_t, ctypes.c_uint32)
    return loaded


def checked(loaded: ctypes.CDLL, image: bytes) -> int:
    room = ctypes.create_string_buffer(len(image) + 16)
    address = (ctypes.addressof(room) + 15) & ~15
    ctypes.memmove(address, image, len(image))
    return int(loaded.tinytl_image_check(address, len(image), 0xFF).status)


def test_library_refuses_images_that_need_more_than_it_has(tmp_path: Path) -> None:
    """Other operators, and layers whose rescaling was left out."""
    library, twin = library_of("depthwise", tmp_path, "qemu:mps2-an386", seed=0)
    loaded, options = checker(library, tmp_path), options_for_target("qemu:mps2-an386")
    own = twin.image.operators[0]
    assert own.record.kernel == 1
    assert checked(loaded, twin.image.data) == 0
    others = 0
    for seed in range(24):
        image = TwinModel(compile_model(read_model(model_path("depthwise", tmp_path, seed)), options).data).image
        other = image.operators[0]
        same = [other.record.kernel == 1 and other.parameters[each] == own.parameters[each] for each in ("stride", "rescaling")]
        assert (checked(loaded, image.data) == 0) == all(same), (seed, other.parameters)
        others += other.record.kernel == 1 and not all(same)
    assert others > 0
    for name in ("fully_connected", "graph", "digits"):
        assert checked(loaded, compile_model(read_model(model_path(name, tmp_path)), options).data) != 0


@pytest.mark.long
def test_cmake_builds_the_library_and_its_example(tmp_path: Path) -> None:
    if shutil.which("cmake") is None:
        pytest.skip("needs cmake")
    library, _ = library_of("digits", tmp_path, "qemu:mps2-an386")
    for command in (["cmake", "-S", str(library.folder), "-B", "build"], ["cmake", "--build", "build"]):
        ran = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=300, check=False)
        assert ran.returncode == 0, ran.stdout + ran.stderr
    ran = subprocess.run([tmp_path / "build" / f"{library.name}_example"], check=False)
    assert 0 <= ran.returncode < 10, "the class of an empty picture"


def test_example_and_header_are_valid_in_c_and_c_plus_plus(tmp_path: Path) -> None:
    library, _ = library_of("graph", tmp_path, "host")
    source = tmp_path / "user.cpp"
    source.write_text(f'#include "{library.name}_model.h"\nunsigned first() {{ return {library.name}_image[0]; }}\n')
    for command in (["g++", "-std=c++11", "-c", str(source)], ["gcc", "-std=c99", "-c", str(library.folder / "example/main.c")]):
        if shutil.which(command[0]) is None:
            pytest.skip(f"needs {command[0]}")
        flags = ["-Wall", "-Wextra", "-pedantic", "-Werror", f"-I{library.folder}/src"]
        ran = subprocess.run([*command, *flags], cwd=tmp_path, capture_output=True, text=True, check=False)
        assert ran.returncode == 0, ran.stderr
