# SPDX-License-Identifier: Apache-2.0
"""bakenn (PyPI, Apache-2.0): a compiler from a fully quantized .tflite to C, portable or with the CMSIS-NN sources it ships.

In: a .tflite as published. Out: what one inference of bakenn's C takes. Its importer wants a fixed batch and knows no SOFTMAX
(`preparing`); the figure's `how` says what was left out and whether the answer equals the reference kernels'.
"""

import re
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from tinytl import install_hint
from tinytl.errors import BenchError
from tinytl.tflite.interpreter import Interpreter
from tinytl_bench.peers.firmware import PeerSources, count_firmware
from tinytl_bench.peers.preparing import prepare

PEERS = ("bakenn", "bakenn + CMSIS-NN")
_NAME = "peer"


def expect_bakenn() -> Any:
    """Return the package.

    Raises:
        BenchError: it is not installed.
    """
    try:
        import bakenn
    except ImportError:
        hint = install_hint.with_extra("peers")
        raise BenchError("the peer bakenn is not installed", expected="the optional packages of tinytl[peers]", hint=hint) from None
    return bakenn


def count_bakenn(tflite: bytes, x: np.ndarray, *, board: str) -> dict[str, dict[str, Any]]:
    """Count one inference of each of `PEERS`.

    Args:
        tflite: as published. x: one input, (1, *shape) int8. board: whose machine it runs on.

    Returns:
        Peer's name → instructions and modelled cycles (None where the peer refuses the model) and how they were had.

    Raises:
        BenchError: bakenn is not installed, its C does not compile, or the emulator refuses.
    """
    bakenn = expect_bakenn()
    prepared = prepare(tflite)
    (expected,) = Interpreter(prepared.tflite).run(x)
    kernels = {"bakenn": "its own C for a Cortex-M4", "bakenn + CMSIS-NN": "its own C and its CMSIS-NN, by its static priority"}
    counted: dict[str, dict[str, Any]] = {}
    for name in PEERS:
        with TemporaryDirectory() as scratch:
            folder = Path(scratch)
            try:
                sources = _compile(bakenn, prepared.tflite, x, folder / "made", cmsis_nn=name != "bakenn")
            except bakenn.BakeNNError as error:
                reason = str(error).partition("\n")[0][:200]
                counted[name] = {"instructions": None, "how": f"bakenn {bakenn.__version__} refuses the model: {reason}"}
                continue
            answer, profile = count_firmware(sources, board=board, output_bytes=expected.nbytes, folder=folder)
        left_out = "; without the final SOFTMAX, which its importer does not know" if prepared.without_softmax else ""
        how = f"bakenn {bakenn.__version__}, {kernels[name]}, counted in this run on {board}, -O2; {_equality(answer, expected)}{left_out}"
        counted[name] = {"instructions": profile.instructions, "cycles_model": profile.cycles, "how": how}
    return counted


def _equality(answer: bytes, expected: np.ndarray) -> str:
    """Tell how far an answer is from the reference: a peer may round otherwise, and its figure then says so."""
    apart = np.abs(np.frombuffer(answer[: expected.nbytes], np.int8).astype(int) - expected.reshape(-1).astype(int))
    if not apart.any():
        return "byte-equal"
    return f"{np.count_nonzero(apart)} of {apart.size} bytes differ from LiteRT's reference kernels, by at most {apart.max()}"


def _compile(bakenn: Any, tflite: bytes, x: np.ndarray, folder: Path, *, cmsis_nn: bool) -> PeerSources:
    options = bakenn.CBackendOptions(
        kernel_policy=bakenn.KernelPolicy.STATIC_PRIORITY, enable_cmsis_nn=cmsis_nn, target=bakenn.CORTEX_M4
    )  # fmt: skip
    bakenn.compile_tflite(tflite, folder, name=_NAME, backend_options=options)
    listed = (folder / "bakenn_sources.cmake").read_text(encoding="utf-8")

    def entries(variable: str) -> list[str]:
        match = re.search(rf"set\({variable}(.*?)\)", listed, flags=re.DOTALL)
        return [word.strip('"') for word in match.group(1).split()] if match else []

    def paths(variable: str) -> list[Path]:
        return [Path(entry.replace("${CMAKE_CURRENT_LIST_DIR}", str(folder))) for entry in entries(variable)]

    return PeerSources(
        paths("BAKENN_MODEL_SOURCES"), paths("BAKENN_MODEL_INCLUDE_DIRS"), entries("BAKENN_MODEL_COMPILE_DEFINITIONS"), _header(x)
    )


def _header(x: np.ndarray) -> str:
    values = ",".join(str(number) for number in x.reshape(-1).tolist())
    prefix = f"BKNN_{_NAME.upper()}"
    return f"""#include "bknn_{_NAME}.h"
#define PEER_ARENA_BYTES {prefix}_ARENA_SIZE
#define PEER_OUTPUT_BYTES {prefix}_OUTPUT_BYTES
#define PEER_INFER bknn_{_NAME}_infer
static const int8_t peer_input[] = {{{values}}};
"""
