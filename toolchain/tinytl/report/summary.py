# SPDX-License-Identifier: Apache-2.0
"""The top of the page: the five numbers that matter, one sentence each, and what was proved.

In: a `Story`. Out: `Card`s and `Proof`s, texts only. Each card carries whether its number was measured, computed or modelled, and how.
"""

from dataclasses import dataclass

from tinytl.measurement import Figure, Measurement
from tinytl.report import wording
from tinytl.report.story import Story


@dataclass(frozen=True)
class Card:
    """One number: what it is, the number, why it matters, and how it was had. task colours it: "target", "source" or ""."""

    what: str
    number: str
    why: str
    kind: str
    how: str
    task: str = ""


@dataclass(frozen=True)
class Proof:
    """A claim that was checked, and whether it held."""

    holds: bool
    text: str


def cards(story: Story) -> tuple[Card, ...]:
    """Return four or five cards: before learning, after it, source kept, RAM, and the cost of a taught sample if it is known."""
    seen, taught = story.accuracies, len(story.curve.correct)
    target, source = story.bundle.target_task, story.bundle.source_task
    on = f"{seen.how}, {wording.count(seen.target_samples)} test samples"
    gained = wording.points(seen.target_after - seen.target_before)
    lost = wording.points(seen.source_after - seen.source_before)
    ram = story.memory.arena_bytes
    deck = (
        Card("Target task before learning", wording.percent(seen.target_before),
             f"{target}, before the device had learned anything from it.", wording.MEASURED, on, "target"),
        Card(f"After {wording.count(taught)} taught samples", wording.percent(seen.target_after),
             f"{target}: {gained}, learned on the device in one pass.", wording.MEASURED, on, "target"),
        Card("Source task afterwards", wording.percent(seen.source_after),
             f"{source}: {lost} from {wording.percent(seen.source_before)}: what the new task cost the old one.", wording.MEASURED,
             f"{seen.how}, {wording.count(seen.source_samples)} test samples", "source"),
        Card("RAM to run and to learn", wording.size(ram),
             f"Activations, head and replay buffer together; the board has {wording.size(story.board.ram_bytes)}.",
             wording.COMPUTED, "arena, image plan"),
    )  # fmt: skip
    price = _price(story.measurement)
    return deck if price is None else (*deck, price)


def proofs(story: Story) -> tuple[Proof, ...]:
    """Return what was compared byte for byte: the head after a power cycle, and the twin's head."""
    seen = story.accuracies
    again, twin = wording.percent(seen.target_after_power_cycle), wording.percent(seen.target_on_twin)
    same = "ends with the same head, byte for byte"
    other = "does not end with the same head"
    return (
        Proof(
            seen.head_equal_after_power_cycle,
            f"The learned head {'survived' if seen.head_equal_after_power_cycle else 'did not survive'} a power cycle byte for byte; "
            f"the target task then stands at {again}.",
        ),
        Proof(
            seen.head_equal_on_twin,
            f"The twin on the workstation, taught the same samples, {same if seen.head_equal_on_twin else other}; "
            f"its target task stands at {twin}.",
        ),
    )


def find(measurement: Measurement, unit: str, *words: str) -> Figure | None:
    """Return the first figure of that unit whose name holds all the words.

    Args:
        measurement: to look in, in its order. unit: as `Figure` has it, e.g. "ms". words: parts of the name, in any order.
    """
    for name, figure in measurement.figures.items():
        if figure.unit == unit and all(word in name for word in words):
            return figure
    return None


def _price(measurement: Measurement) -> Card | None:
    figure = find(measurement, "ms", "taught")
    if figure is not None:
        number, why = wording.amount(figure), "The extractor, the head’s update and the replayed samples."
        return Card("Time for one taught sample", number, why, wording.kind(figure), figure.how)
    figure = find(measurement, "instructions", "taught")
    if figure is None:
        return None
    why = "Instructions for the extractor, the head’s update and the replayed samples."
    return Card("Instructions for one taught sample", wording.compact(figure.value), why, wording.kind(figure), figure.how)
