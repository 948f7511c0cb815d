# SPDX-License-Identifier: Apache-2.0
"""The main job, end to end: MNIST digits on the workstation, UCI digits on an emulated Cortex-M4F.

In: settings. Out: a folder with run, bundle, `summary.json`, `story.json` and `report.html`. Every accuracy is the device's own
answer: samples to teach travel as frames, evaluation sets through its mailbox. After the power cycle it is
asked over its UART.
"""

import json
import platform
import subprocess
from collections.abc import Callable
from importlib.metadata import version
from shutil import rmtree
from time import perf_counter
from typing import Any

import numpy as np

from tinytl.bundle.bundle import Bundle
from tinytl.data import Dataset, load_dataset
from tinytl.exporting.export import export
from tinytl.files import write_whole
from tinytl.head.learning import Learning
from tinytl.measurement import Measurement
from tinytl.model_file import compile_model
from tinytl.progress import Progress
from tinytl.report import write_report
from tinytl.training.pretraining import pretrain
from tinytl.version import __version__
from tinytl_bench.counting.plugin import qemu_version
from tinytl_bench.demo.facts import DemoSettings, Point, Taught
from tinytl_bench.demo.story import tell
from tinytl_bench.measuring import bench
from tinytl_bench.studies.seeds import SeedsStudy, compared, read_seeds
from tinytl_bridge.device import Device, connect
from tinytl_bridge.firmware.build import COMPILER
from tinytl_bridge.target_names import emulated_board
from tinytl_bridge.twin import TwinModel
from tinytl_bridge.wire.results import TaughtSample

SOURCE, TARGET, MODEL, PLAN = "mnist-5k", "uci-digits", "ds-cnn", "last-dense"
CURVE_POINTS = (50, 100, 200, 300, 450, 600, 750)


def run_demo(settings: DemoSettings, *, say: Callable[[str], None], progress: Progress) -> dict[str, Any]:
    """Run the main job.

    Args:
        settings: what it does. say: told what happens. progress: of the long steps.

    Returns:
        The summary, as `summary.json` holds it; accuracies as fractions.
    """
    start = perf_counter()
    settings.out.mkdir(parents=True, exist_ok=True)
    source, target = load_dataset(SOURCE), load_dataset(TARGET)
    say(f"1. pretraining {MODEL} on {len(source.x_train):,} samples of {SOURCE}")
    run = pretrain(MODEL, source, settings.out / "run", epochs=settings.epochs, seed=settings.seed, progress=progress)
    say(f"2. cutting at {PLAN}, quantizing the rest to int8, packing {settings.out / 'digits.tinytl'}")
    study = read_seeds()
    learning = Learning(learning_rate=study.learning_rate)
    bundle = export(run, plan=PLAN, out=settings.out / "digits.tinytl", learning=learning, seed=settings.seed, progress=progress)
    order = np.random.default_rng(settings.seed).permutation(len(target.x_train))[: settings.samples]
    say(f"3. flashing {settings.target} and teaching it {len(order)} samples of {TARGET}, one frame each")
    taught = teach(settings, bundle, source, target, order, say=say, progress=progress)
    say("4. the same steps on the workstation's twin")
    twin_head, twin_accuracy = repeat_on_twin(bundle, target, order)
    say("5. counting instructions")
    measured = bench(settings.out / "digits.tinytl", target=settings.target, dataset=source, samples=200, progress=progress)
    summary = summarize(taught, twin_head, measured, seconds=perf_counter() - start)
    beside = beside_other_runs(settings, summary, study)
    for line in beside:
        say(f"   {line}")
    story = tell(
        settings, run, bundle, (source, target), taught, (twin_head, twin_accuracy), measured, versions(), summary["seconds"], beside
    )
    write_whole(settings.out / "story.json", (json.dumps(story.to_json()) + "\n").encode())
    write_report(story, settings.out / "report.html")
    write_whole(settings.out / "summary.json", (json.dumps(summary, indent=2) + "\n").encode())
    return summary


def teach(
    settings: DemoSettings, bundle: Bundle, source: Dataset, target: Dataset, order: np.ndarray, *,
    say: Callable[[str], None], progress: Progress,
) -> Taught:  # fmt: skip
    """Flash, look, teach, look again, save, cut the power, look again.

    Args:
        settings: of the demo. bundle: that is flashed. source, target: what it knows, and what it is taught.
        order: (N,) indices into the target's train split. say: told what happens. progress: of the samples.
    """
    state = settings.out / "state"
    rmtree(state, ignore_errors=True)
    with connect(settings.target, state_dir=state) as device:
        device.flash(bundle, progress=progress)
        points = [look(device, 0, source, target, say)]
        steps: list[TaughtSample] = []
        for stop in [*(count for count in CURVE_POINTS if count < len(order)), len(order)]:
            chunk = order[len(steps) : stop]
            done = len(steps)

            def report(stage: str, count: int, _total: int, done: int = done) -> None:
                progress(stage, done + count, len(order))

            steps += device.teach(target.x_train[chunk], target.y_train[chunk], progress=report).samples
            points.append(look(device, len(steps), source if stop == len(order) else None, target, say))
        head, status = device.head_parameters(), device.status()
        device.save()
    say("   cutting the power")  # closing killed the emulator
    with connect(by_uart(settings.target), state_dir=state) as device:
        again = device.evaluate(target.x_test, target.y_test)
        return Taught(tuple(points), tuple(steps), head, again, device.head_parameters(), status.static_bytes, status.stack_bytes)


def by_uart(target: str) -> str:
    """Return the same target over its UART where it is an emulated board, so that the saved head is seen by a real wire, too."""
    board = emulated_board(target)
    return target if board is None else f"qemu:{board}?link=uart"


def look(device: Device, taught: int, source: Dataset | None, target: Dataset, say: Callable[[str], None]) -> Point:
    """Evaluate on the test splits; the source only where asked.

    Args:
        device: with the bundle. taught: samples so far. source: None: it is not evaluated. target: what the device is taught.
        say: told the result.
    """
    point = Point(taught, device.evaluate(target.x_test, target.y_test), device.evaluate(source.x_test, source.y_test) if source else None)
    kept = f", {SOURCE} {100 * point.source.accuracy:.1f} %" if point.source else ""
    say(f"   {taught:4d} taught: {TARGET} {100 * point.target.accuracy:.1f} %{kept}")
    return point


def repeat_on_twin(bundle: Bundle, target: Dataset, order: np.ndarray) -> tuple[np.ndarray, float]:
    """Do the same steps on the twin; returns its head and its accuracy on the target's test split.

    Args:
        bundle: as the device had it. target: what it was taught. order: (N,) indices into the target's train split.
    """
    with connect("host", state_dir=None) as preparing:
        preparing.flash(bundle)
        x, x_test = preparing.prepare(target.x_train[order]), preparing.prepare(target.x_test)
    model = TwinModel(compile_model(bundle).data)
    for sample, label in zip(x, target.y_train[order], strict=True):
        model.invoke(sample)
        model.step(int(label))
    right = 0
    for sample, label in zip(x_test, target.y_test, strict=True):
        model.invoke(sample)
        right += model.infer()[0] == label
    return model.parameters.copy(), right / len(x_test)


def same_bits(a: np.ndarray, b: np.ndarray) -> bool:
    """Return whether two float32 arrays are the same byte for byte."""
    return a.tobytes() == b.tobytes()


def summarize(taught: Taught, twin_head: np.ndarray, measured: Measurement, *, seconds: float) -> dict[str, Any]:
    """Return the demo's summary, accuracies as fractions.

    Args:
        taught: what was seen on the device. twin_head: (parameters,) float32 after the same steps. measured: on the same target.
        seconds: wall clock.
    """
    first, last = taught.points[0], taught.points[-1]
    assert first.source is not None and last.source is not None
    figures = {name: figure.value for name, figure in measured.figures.items()}
    return {
        "source_accuracy_before": first.source.accuracy,
        "target_accuracy_before": first.target.accuracy,
        "target_accuracy_after": last.target.accuracy,
        "source_accuracy_after": last.source.accuracy,
        "samples_taught": len(taught.steps),
        "head_equal_after_power_cycle": same_bits(taught.head, taught.head_after_power_cycle),
        "head_equal_on_twin": same_bits(taught.head, twin_head),
        "instructions_per_inference": figures.get("instructions_per_inference"),
        "instructions_per_teach_step": figures.get("instructions_per_teach_step"),
        "arena_bytes": figures["arena_bytes"],
        "flash_bytes": figures.get("flash_bytes"),
        "seconds": round(seconds, 1),
    }


def beside_other_runs(settings: DemoSettings, summary: dict[str, Any], study: SeedsStudy) -> tuple[str, ...]:
    """Return how this run lies beside the stored runs of other seeds; nothing where it was a shorter one.

    Args:
        settings: of this run. summary: as `summarize` returns it. study: the stored runs.
    """
    if (settings.epochs, settings.samples) != (study.epochs, study.samples):
        return ()
    return compared(summary, study)


def versions() -> dict[str, str]:
    """Return what it ran with."""
    compiler_version = subprocess.run([COMPILER, "-dumpfullversion"], capture_output=True, text=True, check=False).stdout.strip()
    return {
        "tinytl": __version__, "Python": platform.python_version(), "TensorFlow": version("tensorflow"),
        "NumPy": version("numpy"), "QEMU": qemu_version(), COMPILER: compiler_version,
    }  # fmt: skip
