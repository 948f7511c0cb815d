# SPDX-License-Identifier: Apache-2.0
"""A suite: published models on one target, each byte-equal to LiteRT's reference kernels before anything of it is counted.

In: a suite's name, a target; the models lie in the folder that TINYTL_DATA_DIR names. Out: a `Measurement` a model, with the figures of
peers in its details. Peers' figures that are stored here were counted once, elsewhere; they say so.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from tinytl.compiler import Image
from tinytl.energy import Calibration
from tinytl.errors import BenchError
from tinytl.measurement import Measurement
from tinytl.model_file import ModelFile, compile_model, ends_of, read_model
from tinytl.progress import Progress, silent
from tinytl.tflite.interpreter import Interpreter
from tinytl.tflite.litert_compatibility import readable_by_litert
from tinytl_bench.inputs import seeded_inputs
from tinytl_bench.measuring import bench
from tinytl_bench.peers import count_bakenn, expect_bakenn
from tinytl_bridge.device import Device
from tinytl_bridge.firmware.boards import list_boards, load_board
from tinytl_bridge.firmware.compile_options import options_for_target
from tinytl_bridge.running import answer_of, samples_of
from tinytl_bridge.target_names import emulated_board

VARIABLE = "TINYTL_DATA_DIR"
STORED_PEER = "TFLM + CMSIS-NN"
HOW_STORED = "stored peer figure, not counted in this run: instructions of one inference, TFLM with CMSIS-NN, QEMU {core}, -O2"
M4, M55 = "Cortex-M4", "Cortex-M55"
_CHECKED = 3
_CHECK_SEED = 1


@dataclass(frozen=True)
class SuiteModel:
    """One model of a suite.

    Attributes:
        name: in tables and baselines. file: under `models/` of the data folder. source: where the file is published.
        peer_instructions: of `STORED_PEER`, by core. peer_cycles: of the same run by the same cycle model, None where it was not modelled.
    """

    name: str
    file: str
    source: str
    peer_instructions: Mapping[str, int]
    peer_cycles: int | None = None


_TINY = "mlcommons/tiny, benchmark/training"
SUITES: dict[str, tuple[SuiteModel, ...]] = {
    "mlperf-tiny": (
        SuiteModel("resnet-8", "mlperf_tiny/pretrainedResnet_quant.tflite", f"{_TINY}/image_classification/trained_models",
                   {M4: 29_865_000, M55: 4_913_000}, 35_700_000),
        SuiteModel("kws-ds-cnn", "mlperf_tiny/kws_ref_model.tflite", f"{_TINY}/keyword_spotting/trained_models",
                   {M4: 7_699_000, M55: 1_815_000}, 9_180_000),
        SuiteModel("ad", "mlperf_tiny/ad01_int8.tflite", f"{_TINY}/anomaly_detection/trained_models",
                   {M4: 583_000, M55: 150_000}),
        SuiteModel("person-detect", "tflm/person_detect.tflite", "tensorflow/tflite-micro, tensorflow/lite/micro/models",
                   {M4: 22_928_000, M55: 6_508_000}, 27_400_000),
        SuiteModel("vww", "mlperf_tiny/vww_96_int8.tflite", f"{_TINY}/visual_wake_words/trained_models",
                   {M4: 24_102_000, M55: 6_558_000}),
    ),
}  # fmt: skip
"""Name → models; `person-detect` is TFLM's, beside the four of MLPerf Tiny."""


def run_suite(
    name: str, *, target: str, calibration: Calibration | None = None, peers: bool = False, progress: Progress | None = None, **limits: Any
) -> tuple[Measurement, ...]:
    """Check and measure every model of a suite.

    Args:
        name: of the suite.
        target, calibration: as for `bench`. A model that does not fit a board is counted on the board of the same name with `-large`, the
            same machine and firmware with all its memory; its measurement says so.
        peers: count what `tinytl[peers]` installs as well, on the same input and the same machine.
        progress: told before and after each model; None: nobody. limits: optimize, ram_bytes, flash_bytes of `bench`.

    Raises:
        BenchError: no such suite, no models, peers that are not installed or have no emulated board to run on, or answers that differ
        from the reference kernels'.
    """
    if name not in SUITES:
        raise BenchError(f"suite {name!r} is unknown", expected=", ".join(SUITES))
    models, report = find_models(name), progress or silent
    if peers:
        _expect_peers(target)
    measured = []
    for number, (model, path) in enumerate(models):
        report(f"suite: {model.name}", number, len(models))
        measured.append(_measured(model, path, target, calibration, peers, limits))
        report(f"suite: {model.name}", number + 1, len(models))
    return tuple(measured)


def find_models(name: str) -> list[tuple[SuiteModel, Path]]:
    """Return the models of a suite with their files.

    Raises:
        BenchError: TINYTL_DATA_DIR is not set, or a file is missing; names what to fetch and from where.
    """
    root, models = os.environ.get(VARIABLE), SUITES[name]
    folder = Path(root or f"${VARIABLE}") / "models"
    missing = [model for model in models if not (folder / model.file).is_file()]
    if not missing:
        return [(model, folder / model.file) for model in models]
    files = "\n".join(f"  {folder / model.file}   from github.com/{model.source}" for model in missing)
    what = f"{len(missing)} of {len(models)} models of suite {name!r} are missing" if root else f"{VARIABLE} is not set: no models"
    raise BenchError(f"{what}; fetch\n{files}", hint=f"then: export {VARIABLE}=FOLDER, the one that has models/ in it")


def _expect_peers(target: str) -> None:
    expect_bakenn()
    if emulated_board(target) is None:
        raise BenchError(f"peers cannot be counted on {target!r}", expected="an emulated board", hint="--target qemu:mps2-an386")


def _count_peers(path: Path, target: str) -> dict[str, dict[str, Any]]:
    """On the machine of the board without a chip's limits, where there is one: what is counted is the same."""
    model, board = read_model(path), emulated_board(target) or target
    (x,) = seeded_inputs(ends_of(model, compile_model(model)), 1).values()
    return count_bakenn(model.tflite, x, board=f"{board}-large" if f"{board}-large" in list_boards() else board)


def _measured(
    model: SuiteModel, path: Path, target: str, calibration: Calibration | None, with_peers: bool, limits: Mapping[str, Any]
) -> Measurement:
    used, why = _place(target, _without_limits(target, path, limits))
    measured = bench(path, target=used, calibration=calibration, first=expect_reference_answers, **limits)
    core = _core(used)
    peers: dict[str, dict[str, Any]] = {STORED_PEER: {"instructions": model.peer_instructions[core], "how": HOW_STORED.format(core=core)}}
    if core == M4 and model.peer_cycles is not None:
        peers[STORED_PEER]["cycles_model"] = model.peer_cycles
    if with_peers:
        peers |= _count_peers(path, used)
    checked = f"{_CHECKED + 2} inputs byte-equal to LiteRT's reference kernels on {used}"
    details = {**measured.details, "checked": checked, "peers": peers, **({"placed": why} if why else {})}
    return replace(measured, bundle=model.name, details=details)


def _core(target: str) -> str:
    """Return the core whose stored figures stand beside a target's."""
    board = emulated_board(target)
    return M55 if board and load_board(board).family == "mve" else M4


def _without_limits(target: str, path: Path, limits: Mapping[str, Any]) -> Image:
    """Return what the policy makes of a model for a target's kernels, whatever memory that takes."""
    options = options_for_target(target, **limits)
    return compile_model(read_model(path), replace(options, ram_bytes=limits.get("ram_bytes"), flash_bytes=limits.get("flash_bytes")))


def _place(target: str, image: Image) -> tuple[str, str]:
    """Return the target that has room, and why it is not the one asked for."""
    board = emulated_board(target)
    if board is None or board not in list_boards() or f"{board}-large" not in list_boards():
        return target, ""
    memory = load_board(board).memory
    if image.arena_bytes <= memory.arena_bytes and len(image.data) + 32 <= memory.model_slot_bytes:
        return target, ""
    needs = f"needs {image.arena_bytes:,} bytes of arena and {len(image.data) + 32:,} of model slot"
    return f"qemu:{board}-large", f"{needs}; {board} has {memory.arena_bytes:,} and {memory.model_slot_bytes:,}"


def expect_reference_answers(device: Device, model: ModelFile, image: Image) -> None:
    """Compare a device's answers with LiteRT's reference kernels: both ends of the drawn range, and random inputs.

    Args:
        device: that runs the image. model: whose .tflite LiteRT runs. image: compiled of it.

    Raises:
        BenchError: an output of a sample differs.
    """
    ends, oracle = ends_of(model, image), Interpreter(readable_by_litert(model.tflite))
    (name, drawn), *_ = seeded_inputs(ends, _CHECKED, seed=_CHECK_SEED).items()
    x = np.concatenate([np.full_like(drawn[:1], drawn.min()), np.full_like(drawn[:1], drawn.max()), drawn])
    expected = oracle.run(x)
    for number, sample in enumerate(samples_of(ends, {name: x})):
        for spec, answer, reference in zip(ends.outputs, answer_of(device, sample, ends.outputs), expected, strict=True):
            wrong = np.flatnonzero(answer.reshape(-1) != reference[number].reshape(-1))
            if wrong.size:
                at = int(wrong[0])
                raise BenchError(
                    f"{model.path.name} on {device.target.name}: {wrong.size} of {answer.size} numbers of output {spec.name!r} differ from "
                    f"LiteRT's reference kernels on input {number}; number {at} is {answer.reshape(-1)[at]}",
                    expected=f"{reference[number].reshape(-1)[at]}", hint="a kernel is wrong: nothing was counted",
                )  # fmt: skip
