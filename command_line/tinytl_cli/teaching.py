# SPDX-License-Identifier: Apache-2.0
"""The command that teaches a target: `teach`."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import numpy as np

from tinytl.class_match import UNKNOWN, match_classes
from tinytl.errors import DeviceError
from tinytl_cli.console import progress, say, show_facts
from tinytl_cli.loudness import detail_of
from tinytl_cli.options import FILE, data_option, expect_option, json_option, resize_option, seed_option, target_options
from tinytl_cli.resuming import place_to_teach
from tinytl_cli.run_logs import answers, expect_folder, learning_curve, write_log
from tinytl_cli.sample_sources import read_samples

if TYPE_CHECKING:
    from tinytl.data import Dataset
    from tinytl.progress import Progress
    from tinytl.report import Answers
    from tinytl_bridge import Device
    from tinytl_bridge.taught import TeachResult
    from tinytl_bridge.wire.requests import OnlyWhen
    from tinytl_bridge.wire.results import Evaluation


@dataclass(frozen=True)
class _Material:
    """Samples to teach, in order, with labels and their names, the number of the stream, however many of it are taught; and what to
    evaluate on."""

    x: np.ndarray
    y: np.ndarray
    names: tuple[str, ...]
    stream: int
    test: "Dataset | None"


@click.command()
@target_options
@data_option
@resize_option
@click.option("--samples", type=click.IntRange(min=1), help="At most so many of the train split  [default: all]")
@click.option("--new-classes", is_flag=True, help="Classes whose names the device does not have become classes of it.")
@click.option("--label", metavar="NAME", help="All samples are of this class, new or not; the data may be a .npy, or one image.")
@click.option("--guard/--no-guard", default=None, help="Hold samples out, keep or undo the head by them  [default: if there is a guard]")
@click.option(
    "--only-when",
    type=click.Choice(["always", "wrong", "unsure"]),
    default="always",
    show_default=True,
    help="Learn only samples that the head has wrong, or is not sure of either.",
)
@click.option(
    "--unsure-below",
    type=click.FloatRange(0, 1, min_open=True, max_open=True),
    default=0.9,
    show_default=True,
    help="Probability of its class from which on the head is sure.",
)
@click.option("--save/--no-save", default=True, show_default=True, help="Keep the head through power loss afterwards, if the guard agrees.")
@click.option("--trace", is_flag=True, help="Print the CRC-32 of the head after every step.")
@click.option(
    "--keep-source", metavar="POINTS", type=click.FloatRange(min=0),
    help="Points of accuracy on the replay set that may be lost; the saved head is back if it is more.",
)  # fmt: skip
@click.option("--log", type=FILE, metavar="STORY.json", help="Write what happened here, for tinytl report.")
@click.option("--resume", is_flag=True, help="Go on where the head stands in this stream: what it has taken is left out.")
@click.option("--again", is_flag=True, help="Teach samples that the head has taken before once more.")
@expect_option
@seed_option
@json_option
def teach(
    target: str, state_dir: Path | None, data: str, resize: tuple[int, int] | None, samples: int | None, new_classes: bool,
    label: str | None, guard: bool | None, only_when: "OnlyWhen", unsure_below: float, save: bool, trace: bool, keep_source: float | None,
    log: Path | None, resume: bool, again: bool, expect: str | None, seed: int, as_json: bool,
) -> None:  # fmt: skip
    """Stream labelled samples of the train split, in seeded random order; the head learns on the target.

    Accuracy is measured on the test split before and after, and shown live on the samples themselves, each before it is learned; so are how
    sure the head is, and drift: how far samples lie from the source task's classes, about 1 for samples like the source's.
    """
    from tinytl_bridge import connect
    from tinytl_bridge.wire.requests import TeachFlags

    expect_folder(log)
    with connect(target, state_dir=state_dir, expect=expect) as device, progress() as bar:
        held, old = device.identity(), device.labels()
        guarded = _is_guarded(device, guard)
        material = _material(data, label, resize, samples=samples, seed=seed)
        adding = new_classes or label is not None
        match = match_classes(material.y, material.names, old, adding=adding)
        match.expect_teachable()
        place = place_to_teach(device.stream_place(), material.stream, len(material.x), resume=resume, again=again)
        before, seen = _evaluated(device, material, bar, "before learning", adding=adding)
        on_step = (lambda step: say(f"step {step.steps}: head {step.head_crc32:08x}", always=True)) if trace else None
        taught = device.teach(
            material.x, material.y, classes=material.names, new_classes=adding,
            flags=TeachFlags(trace, guarded, only_when, unsure_below), recall=True, keep_source=keep_source, place=place, progress=bar,
            on_step=on_step,
        )  # fmt: skip
        save = save and not taught.undone
        verdict = device.check() if save and guarded else None
        after, seen_after = _evaluated(device, material, bar, "after learning", adding=adding)
        sequence = device.save() if save and not guarded else verdict.sequence if verdict else 0
        classes = len(device.labels())
        detail_of(device)
    facts: dict[str, Any] = {"target": target, **held.facts}
    facts |= {"data": data if material.test is None else material.test.name, "classes_matched": match.text, "taught": taught.taught}
    if place.position:
        facts["resumed_behind"] = place.position
    facts |= {"accuracy_before": before and before.accuracy, "accuracy_while_learning": taught.accuracy,
              "accuracy_after": after and after.accuracy, "classes": classes, "classes_added": " ".join(taught.added) or None,
              "confidence_while_learning": taught.confidence, "drift_while_learning": taught.drift,
              "diverged": taught.diverged}  # fmt: skip
    if only_when != "always":
        facts["skipped"] = taught.skipped
    if guarded:
        facts |= {"held_out": taught.held_out, "undone_meanwhile": sum(ruling.decision == "undone" for ruling in taught.verdicts),
                  "guard": verdict and verdict.decision}  # fmt: skip
    facts |= _source_facts(taught, old)
    if taught.added and material.test is not None and before and after:
        facts |= dict(zip(("old_classes_before", "old_classes_after"), _on_old(material, old, before, after), strict=True))
    facts |= {"saved_as": sequence or None}
    show_facts(facts, as_json=as_json, title="Taught")
    if log is not None:
        write_log(log, "teach", facts, seen=seen + seen_after, curve=learning_curve(taught, before, after))
    if verdict and not as_json:
        say(f"guard: {verdict.text}" + ("\nhint: teach more, or tinytl save keeps it" if verdict.decision == "waits" else ""))
    if not as_json:
        _say_forgotten(facts, taught, keep_source)
    if before and after and after.accuracy < before.accuracy and not as_json:
        say("warning: the head is worse than before\nhint: tinytl rollback --to previous, with the same --target")


def _source_facts(taught: "TeachResult", labels: tuple[str, ...]) -> dict[str, Any]:
    """Tell what became of the source task, by the replay set: as a whole, and the class that lost most."""
    if taught.source is None:
        return {}
    label, class_before, class_after = taught.source.worst
    return {
        "replay_set_before": taught.source.before.accuracy, "replay_set_after": taught.source.after.accuracy,
        "worst_class": labels[label], "worst_class_before": class_before, "worst_class_after": class_after, "taken_back": taught.undone,
    }  # fmt: skip


def _on_old(material: _Material, old: tuple[str, ...], before: "Evaluation", after: "Evaluation") -> tuple[float | None, float | None]:
    """Return the accuracy before and after on those test samples whose class the device had before, None where there are none."""
    if material.test is None:
        return None, None
    numbers = match_classes(material.test.y_test, material.names, old, adding=True).numbers_of(material.test.y_test)
    known = numbers != UNKNOWN
    if not known.any():
        return None, None
    first, last = ((evaluation.predictions == numbers)[known].mean() for evaluation in (before, after))
    return float(first), float(last)


def _say_forgotten(facts: dict[str, Any], taught: "TeachResult", limit: float | None) -> None:
    """Warn where more of what was known before is lost than a few points; say so where it was taken back for that."""
    from tinytl_bridge.recalling import WARN_POINTS

    if taught.undone and taught.source is not None:
        points = taught.source.points_lost
        say(f"taken back: the replay set lost {points:.1f} points, more than the {limit:g} of --keep-source; nothing was saved\n"
            "hint: fewer new samples, or tinytl export with a smaller --learning-rate or more --replays-per-step", always=True)  # fmt: skip
        return
    pairs = (("replay_set", "the replay set"), ("old_classes", "test samples of the old classes"))
    groups = [(key, name) for key, name in pairs if facts.get(f"{key}_before") is not None]
    losses = [(100 * (facts[f"{key}_before"] - facts[f"{key}_after"]), name) for key, name in groups]
    points, name = max(losses, default=(0.0, ""))
    if points > WARN_POINTS:
        worst = f"; worst is {facts['worst_class']!r}" if taught.source is not None else ""
        say(f"warning: the head forgets: {name} lost {points:.1f} points{worst}\n"
            "hint: tinytl rollback --to previous goes back; teach --keep-source 3 would not have kept it")  # fmt: skip


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


def _material(data: str, label: str | None, resize: tuple[int, int] | None, *, samples: int | None, seed: int) -> _Material:
    """Read the samples, put them in seeded order. With a label they are all of that class, and nothing is evaluated."""
    from tinytl.data import load_dataset
    from tinytl_bridge.stream_place import number_stream

    generator = np.random.default_rng(seed)
    dataset = None if label is not None else load_dataset(data, resize=resize)
    x = read_samples(data, "train", resize) if dataset is None else dataset.x_train
    y, names = (np.zeros(len(x), np.int64), (str(label),)) if dataset is None else (dataset.y_train, dataset.classes)
    order = generator.permutation(len(x))
    some = order[:samples]
    return _Material(x[some], y[some], names, number_stream(x, y, names, order), dataset)


def _evaluated(
    device: "Device", material: _Material, bar: "Progress", when: str, *, adding: bool
) -> "tuple[Evaluation | None, tuple[Answers, ...]]":
    """Evaluate on the test split, by the classes that the device has by now; classes that are still to come are wrong."""
    test = material.test
    if test is None:
        return None, ()
    match = match_classes(test.y_test, material.names, device.labels(), adding=adding)
    result = device.evaluate(test.x_test, test.y_test, classes=match, progress=bar)
    return result, (answers(when, test.y_test, result, match),)
