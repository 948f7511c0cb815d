# SPDX-License-Identifier: Apache-2.0
"""The command that teaches a target: `teach`."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import numpy as np

from tinytl.cli.console import progress, say, show_facts
from tinytl.cli.options import data_option, expect_option, json_option, seed_option, target_options
from tinytl.cli.sample_sources import names_for, read_samples
from tinytl.errors import DeviceError

if TYPE_CHECKING:
    from tinytl.data import Dataset
    from tinytl.progress import Progress
    from tinytl_bridge import Device
    from tinytl_bridge.results import Evaluation
    from tinytl_bridge.teaching import OnlyWhen


@dataclass(frozen=True)
class _Material:
    """Samples to teach, in order, with labels and their names (None: labels are the device's numbers); and what to evaluate on."""

    x: np.ndarray
    y: np.ndarray
    names: tuple[str, ...] | None
    test: "Dataset | None"


@click.command()
@target_options
@data_option
@click.option("--samples", type=click.IntRange(min=1), help="At most so many of the train split  [default: all]")
@click.option("--new-classes", is_flag=True, help="Classes whose names the device does not have become classes of it.")
@click.option("--label", metavar="NAME", help="All samples are of this class, new or not; the data may be a .npy of samples.")
@click.option("--guard/--no-guard", default=None, help="Hold samples out, keep or undo the head by them  [default: if there is a guard]")
@click.option(
    "--only-when", type=click.Choice(["always", "wrong", "unsure"]), default="always", show_default=True,
    help="Learn only samples that the head has wrong, or is not sure of either.",
)
@click.option(
    "--unsure-below", type=click.FloatRange(0, 1, min_open=True, max_open=True), default=0.9, show_default=True,
    help="Probability of its class from which on the head is sure.",
)
@click.option("--save/--no-save", default=True, show_default=True, help="Keep the head through power loss afterwards, if the guard agrees.")
@click.option("--trace", is_flag=True, help="Print the CRC-32 of the head after every step.")
@expect_option
@seed_option
@json_option
def teach(
    target: str, state_dir: Path | None, data: str, samples: int | None, new_classes: bool, label: str | None, guard: bool | None,
    only_when: "OnlyWhen", unsure_below: float, save: bool, trace: bool, expect: str | None, seed: int, as_json: bool,
) -> None:  # fmt: skip
    """Stream labelled samples of the train split, in seeded random order; the head learns on the target.

    Accuracy is measured on the test split before and after, and shown live on the samples themselves, each before it is learned; so are how
    sure the head is, and drift: how far samples lie from the source task's classes, about 1 for samples like the source's.
    """
    from tinytl_bridge import connect
    from tinytl_bridge.teaching import TeachFlags

    with connect(target, state_dir=state_dir, expect=expect) as device, progress() as bar:
        held = device.identity()
        guarded = _is_guarded(device, guard)
        material = _material(device, data, label, new_classes=new_classes, samples=samples, seed=seed)
        before = _evaluated(device, material, bar)
        on_step = (lambda step: say(f"step {step.steps}: head {step.head_crc32:08x}")) if trace else None
        taught = device.teach(
            material.x, material.y, classes=material.names, new_classes=new_classes or label is not None,
            flags=TeachFlags(trace, guarded, only_when, unsure_below), progress=bar, on_step=on_step,
        )  # fmt: skip
        verdict = device.check() if save and guarded else None
        after = _evaluated(device, material, bar)
        sequence = device.save() if save and not guarded else verdict.sequence if verdict else 0
        classes = len(device.labels())
    facts: dict[str, Any] = {"target": target, **held.facts}
    facts |= {"data": data if material.test is None else material.test.name, "taught": taught.taught}
    facts |= {"accuracy_before": before and before.accuracy, "accuracy_while_learning": taught.accuracy,
              "accuracy_after": after and after.accuracy, "classes": classes, "classes_added": " ".join(taught.added) or None,
              "confidence_while_learning": taught.confidence, "drift_while_learning": taught.drift,
              "diverged": taught.diverged}  # fmt: skip
    if only_when != "always":
        facts["skipped"] = taught.skipped
    if guarded:
        facts |= {"held_out": taught.held_out, "undone_meanwhile": sum(each.decision == "undone" for each in taught.verdicts),
                  "guard": verdict and verdict.decision}  # fmt: skip
    facts |= {"saved_as": sequence or None}
    show_facts(facts, as_json=as_json, title="Taught")
    if verdict and not as_json:
        say(f"guard: {verdict.text}" + ("\nhint: teach more, or tinytl save keeps it" if verdict.decision == "waits" else ""))
    if before and after and after.accuracy < before.accuracy and not as_json:
        say("warning: the head is worse than before\nhint: tinytl rollback --to previous, with the same --target")


def _is_guarded(device: "Device", wanted: bool | None) -> bool:
    """Tell whether the guard works: as wanted, by default where the model has one.

    Raises:
        DeviceError: it is wanted and the model has none.
    """
    capacity = device.status().guard_capacity
    if wanted and not capacity:
        raise DeviceError(
            "the model on the device has no guard", expected="a bundle with guard_buffer_bytes",
            hint="tinytl export --guard-buffer-bytes 8192",
        )  # fmt: skip
    return capacity > 0 if wanted is None else wanted


def _material(device: "Device", data: str, label: str | None, *, new_classes: bool, samples: int | None, seed: int) -> _Material:
    """Read the samples, put them in seeded order. With a label they are all of that class, and nothing is evaluated."""
    from tinytl.data import load_dataset

    generator = np.random.default_rng(seed)
    if label is not None:
        x = read_samples(data, "train")
        return _Material(x[generator.permutation(len(x))[:samples]], np.zeros(len(x[:samples]), np.int64), (label,), None)
    dataset = load_dataset(data)
    order = generator.permutation(len(dataset.x_train))[:samples]
    return _Material(dataset.x_train[order], dataset.y_train[order], names_for(device, dataset, new_classes=new_classes), dataset)


def _evaluated(device: "Device", material: _Material, bar: "Progress") -> "Evaluation | None":
    """Evaluate on the test split: by number, or by the names that the device has by now."""
    test = material.test
    return device.evaluate(test.x_test, test.y_test, classes=material.names, progress=bar) if test is not None else None
