# SPDX-License-Identifier: Apache-2.0
"""What `teach` tells beside its main figures: what became of the source task and of the classes that were there before."""

from typing import TYPE_CHECKING, Any

from tinytl.class_match import UNKNOWN, match_classes
from tinytl_cli.console import say

if TYPE_CHECKING:
    from tinytl.data import Dataset
    from tinytl_bridge.taught import TeachResult
    from tinytl_bridge.wire.results import Evaluation


def source_facts(taught: "TeachResult", labels: tuple[str, ...]) -> dict[str, Any]:
    """Tell what became of the source task, by the replay set: as a whole, and the class that lost most."""
    if taught.source is None:
        return {}
    label, class_before, class_after = taught.source.worst
    return {
        "replay_set_before": taught.source.before.accuracy, "replay_set_after": taught.source.after.accuracy,
        "worst_class": labels[label], "worst_class_before": class_before, "worst_class_after": class_after, "taken_back": taught.undone,
    }  # fmt: skip


def on_old(
    test: "Dataset | None", names: tuple[str, ...], old: tuple[str, ...], before: "Evaluation", after: "Evaluation"
) -> tuple[float | None, float | None]:
    """Return the accuracy before and after on those test samples whose class the device had before, None where there are none."""
    if test is None:
        return None, None
    numbers = match_classes(test.y_test, names, old, adding=True).numbers_of(test.y_test)
    known = numbers != UNKNOWN
    if not known.any():
        return None, None
    first, last = ((evaluation.predictions == numbers)[known].mean() for evaluation in (before, after))
    return float(first), float(last)


def say_forgotten(facts: dict[str, Any], taught: "TeachResult", limit: float | None) -> None:
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
