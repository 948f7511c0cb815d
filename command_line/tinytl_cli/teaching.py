# SPDX-License-Identifier: Apache-2.0
"""The command that teaches a target: `teach`."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tinytl.class_match import match_classes
from tinytl.errors import DeviceError
from tinytl_cli.console import progress, say, show_facts
from tinytl_cli.courses import Course, DataCourse, Rules
from tinytl_cli.loudness import detail_of
from tinytl_cli.options import FILE, expect_option, json_option, resize_option, seed_option, target_options
from tinytl_cli.run_logs import answers, expect_folder, learning_curve, write_log
from tinytl_cli.streaming import StreamCourse, expect_one_kind, stream_options
from tinytl_cli.teaching_facts import on_old, say_forgotten, source_facts

if TYPE_CHECKING:
    from tinytl.progress import Progress
    from tinytl.report import Answers
    from tinytl_bridge import Device
    from tinytl_bridge.wire.requests import OnlyWhen
    from tinytl_bridge.wire.results import Evaluation


@click.command()
@target_options
@click.option("--data", metavar="NAME|PATH", help="Dataset: `tinytl data list`, a folder, .npz or .csv.")
@stream_options
@resize_option
@click.option("--samples", type=click.IntRange(min=1), help="At most so many of the train split, or of a stream  [default: all]")
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
    target: str, state_dir: Path | None, data: str | None, stream: str | None, stream_format: str, stream_dtype: str | None, strict: bool,
    resize: tuple[int, int] | None, samples: int | None, new_classes: bool, label: str | None, guard: bool | None, only_when: "OnlyWhen",
    unsure_below: float, save: bool, trace: bool, keep_source: float | None, log: Path | None, resume: bool, again: bool,
    expect: str | None, seed: int, as_json: bool,
) -> None:  # fmt: skip
    """Teach labelled samples, of a dataset in seeded random order or of a stream as they come; the head learns on the target.

    Accuracy is measured on the test split before and after, and shown live on the samples themselves, each before it is learned; so are how
    sure the head is, and drift: how far samples lie from the source task's classes, about 1 for samples like the source's.

    \b
    tinytl teach --target host --data uci-digits
    sensor | tinytl teach --target host --stream - --new-classes
    tinytl teach --target host --stream camera:0 --label cup --samples 60
    """
    from tinytl_bridge import connect
    from tinytl_bridge.wire.requests import TeachFlags

    expect_one_kind(data, stream, resume=resume, again=again, strict=strict, chosen_format=stream_format, dtype=stream_dtype)
    expect_folder(log)
    adding = new_classes or label is not None
    with connect(target, state_dir=state_dir, expect=expect) as device, progress() as bar:
        held, old = device.identity(), device.labels()
        guarded = _is_guarded(device, guard)
        course: Course
        if stream is None:
            course = DataCourse(str(data), label=label, resize=resize, samples=samples, seed=seed, resume=resume, again=again)
        else:
            course = StreamCourse(
                stream, stream_format, stream_dtype, label=label, samples=samples, strict=strict, data=data, resize=resize
            )
        on_step = (lambda step: say(f"step {step.steps}: head {step.head_crc32:08x}", always=True)) if trace else None
        rules = Rules(adding, TeachFlags(trace, guarded, only_when, unsure_below), keep_source, on_step)
        course.check(device, rules)
        before, seen = _evaluated(device, course, bar, "before learning", adding=adding)
        taught = course.teach(device, rules, bar)
        save = save and not taught.undone and (stream is None or taught.tally.count > 0)
        verdict = device.check() if save and guarded else None
        after, seen_after = _evaluated(device, course, bar, "after learning", adding=adding)
        sequence = device.save() if save and not guarded else verdict.sequence if verdict else 0
        classes = len(device.labels())
        detail_of(device)
    facts: dict[str, Any] = {"target": target, **held.facts, "data": course.title, **course.first_facts(), "taught": taught.taught}
    facts |= {"accuracy_before": before and before.accuracy, "accuracy_while_learning": taught.accuracy,
              "accuracy_after": after and after.accuracy, "classes": classes, "classes_added": " ".join(taught.added) or None,
              "confidence_while_learning": taught.confidence, "drift_while_learning": taught.drift,
              "diverged": taught.diverged}  # fmt: skip
    if only_when != "always":
        facts["skipped"] = taught.skipped
    if guarded:
        facts |= {"held_out": taught.held_out, "undone_meanwhile": taught.tally.undone, "guard": verdict and verdict.decision}
    facts |= source_facts(taught, old)
    if taught.added and course.test is not None and before and after:
        pair = on_old(course.test, course.names, old, before, after)
        facts |= dict(zip(("old_classes_before", "old_classes_after"), pair, strict=True))
    facts |= {"saved_as": sequence or None}
    show_facts(facts, as_json=as_json, title="Taught")
    if log is not None:
        write_log(log, "teach", facts, seen=seen + seen_after, curve=learning_curve(taught, before, after))
    if verdict and not as_json:
        say(f"guard: {verdict.text}" + ("\nhint: teach more, or tinytl save keeps it" if verdict.decision == "waits" else ""))
    if not as_json:
        say_forgotten(facts, taught, keep_source)
    if before and after and after.accuracy < before.accuracy and not as_json:
        say("warning: the head is worse than before\nhint: tinytl rollback --to previous, with the same --target")
    if course.error is not None:
        raise type(course.error)(
            f"{course.error.what}; taught before: {taught.tally.count:,}; "
            + (f"the head was saved as {sequence}" if sequence else "nothing was saved"),
            expected=course.error.expected, hint=course.error.hint,
        )  # fmt: skip


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


def _evaluated(
    device: "Device", course: Course, bar: "Progress", when: str, *, adding: bool
) -> "tuple[Evaluation | None, tuple[Answers, ...]]":
    """Evaluate on the test split, by the classes that the device has by now; classes that are still to come are wrong."""
    test = course.test
    if test is None:
        return None, ()
    match = match_classes(test.y_test, course.names, device.labels(), adding=adding)
    result = device.evaluate(test.x_test, test.y_test, classes=match, progress=bar)
    return result, (answers(when, test.y_test, result, match),)
