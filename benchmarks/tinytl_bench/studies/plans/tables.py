# SPDX-License-Identifier: Apache-2.0
"""The tables of a study of freeze plans: a row a plan, the workstation's full training last; cells as text."""

from collections.abc import Sequence

from tinytl_bench.studies.plans.outcomes import PlanOutcome, TaskStudy

COLUMNS = ("plan", "rate", "before %", "after %", "to host", "source", "arena B", "M instr.", "µJ", "to 90 %")
NOTES = (
    "to host, source: points, after minus full training on the workstation; the source task's accuracy, after minus before",
    "arena B: on a Cortex-M4, * more than the board has; M instr., µJ: a step with its replays, counted; modelled (model: full)",
    "to 90 %: samples taught, each pass counted, until nine tenths of the accuracy at the end",
)
_NONE = "–"


def rows_of(study: TaskStudy) -> list[tuple[str, ...]]:
    """Return the cells of a study, in the order of `COLUMNS`."""
    host = study.host
    before = percent(study.plans[0].before)
    last = ("host, all layers", f"{host.learning_rate:g}", before, percent(host.after), _NONE, points(host.source_change), *[_NONE] * 4)
    return [*(_row(plan, study) for plan in study.plans), last]


def _row(plan: PlanOutcome, study: TaskStudy) -> tuple[str, ...]:
    instructions = _NONE if plan.step_instructions is None else f"{plan.step_instructions / 1e6:.3g}"
    return (
        plan.plan, f"{plan.learning_rate:g}", percent(plan.before), percent(plan.after), points(plan.after - study.host.after),
        points(plan.source_change), f"{plan.arena_bytes:,}{'' if plan.fits else '*'}", instructions, f"{plan.step_nj / 1000:.3g}",
        f"{plan.samples_to_90:,}",
    )  # fmt: skip


def percent(fraction: float) -> str:
    """Return a fraction in per cent, one decimal."""
    return f"{100 * fraction:.1f}"


def points(change: float | None) -> str:
    """Return a change of a fraction in points, with its sign; a dash where there is none."""
    if change is None:
        return _NONE
    rounded = round(100 * change, 1)
    return f"{'−' if rounded < 0 else '+'}{abs(rounded):.1f}" if rounded else "0.0"


def title_of(study: TaskStudy) -> str:
    """Return what was taught how, in a line."""
    replays = f", {study.replays_per_step} replays a step from 32 KB" if study.replays_per_step else ""
    passes = "1 pass" if study.passes == 1 else f"{study.passes} passes"
    model = ", ".join((study.model, *study.special))
    return f"{study.title}: {model}, {study.samples:,} samples, {passes}{replays}, means over {study.orders} orders"


def markdown(studies: Sequence[TaskStudy]) -> str:
    """Return a page of tables."""
    origin = "Written by `tinytl study plans -o`; the figures with their curves and settings are in the JSON files."
    lines = ["# Freeze plans after deployment", "", origin, ""]
    for study in studies:
        lines += [f"**{title_of(study)}** ({study.test_samples:,} test samples)", ""]
        lines += [_line(COLUMNS), _line(["---", *["---:"] * (len(COLUMNS) - 1)])]
        lines += [*map(_line, rows_of(study)), ""]
    lines += [f"- {note}" for note in NOTES]
    return "\n".join(lines) + "\n"


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
