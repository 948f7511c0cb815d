# SPDX-License-Identifier: Apache-2.0
"""The tables of a sweep, as text: what each plan reaches, and what it costs. Both fit 100 columns."""

from collections.abc import Sequence

from tinytl_bench.sweep.picking import Pick
from tinytl_bench.sweep.results import Row
from tinytl_bench.sweep.settings import TWIN

REACHES = ("plan", "on", "rate", "val. %", "±", "val. F1", "test %", "loss", "F1", "source", "s")
COSTS = (
    "plan", "trains", "MACs\nforward", "MACs\nback", "thesis\nnJ", "step\nµJ", "sample\nµJ", "arena\nKiB", "flash\nKiB", "step\nM instr.",
)  # fmt: skip
NOTES = (
    "→ the pick. val.: the validation part, which chose rates and plan: mean ± deviation over the seeds",
    "test, loss (nats), F1 (macro): the test split, looked at once, at the end; s: wall time of a cell",
    "source: points on the source's test split, after minus before: what was forgotten",
    "MACs: of the head, one sample, forward and backward; trains: numbers that learning changes",
    "nJ, µJ: modelled: thesis; full, of a step with its replays; full, of a taught sample",
    "arena, flash: the image's plan, * the board refuses it; instr.: a step with its replays, counted",
)
_NONE = "–"


def reaches(rows: Sequence[Row], picked: Pick | None) -> list[tuple[str, ...]]:
    """Return the cells of the first table, in the order of `REACHES`. picked: marked."""
    return [
        (
            _marked(row, picked), row.place, f"{row.rate:g}", _percent(row.accuracy), _percent(row.spread), f"{row.macro_f1:.3f}",
            _percent(row.test_accuracy), _number(row.test_loss), _number(row.test_macro_f1), _points(row.source_change),
            f"{row.seconds:.1f}",
        )
        for row in rows
    ]  # fmt: skip


def costs(rows: Sequence[Row], picked: Pick | None) -> list[tuple[str, ...]]:
    """Return the cells of the second table, a row a plan and kind of weights, in the order of `COSTS`. picked: marked."""
    shown: dict[tuple[str, str], tuple[str, ...]] = {}
    for row in sorted(rows, key=lambda each: each.place != TWIN):
        cost = row.costs
        shown.setdefault((row.plan, row.weights), (
            _marked(row, picked), f"{cost.trainable:,}", _short(cost.macs_forward), _short(cost.macs_backward),
            f"{cost.energy_nj_thesis:.4g}", f"{cost.energy_nj_step / 1000:.3g}", f"{cost.energy_nj_sample / 1000:.3g}",
            f"{cost.arena_bytes / 1024:,.1f}{'*' if cost.misfit else ''}", f"{cost.image_bytes / 1024:,.1f}",
            _NONE if cost.instructions_step is None else f"{cost.instructions_step / 1e6:.3g}",
        ))  # fmt: skip
    return list(shown.values())


def markdown_table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a Markdown table whose first column is text and whose others are numbers."""
    lines = [[column.replace("\n", " ") for column in columns], ["---", *["---:"] * (len(columns) - 1)], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _marked(row: Row, picked: Pick | None) -> str:
    """Return a plan with its weights, where these are not float32; an arrow before the pick."""
    is_picked = picked is not None and (row.plan, row.weights) == (picked.plan, picked.weights)
    arrow = "→ " if is_picked and row.place == TWIN else ""
    return f"{arrow}{row.plan}{'' if row.weights == 'float32' else f' {row.weights}'}"


def _percent(fraction: float | None) -> str:
    return _NONE if fraction is None else f"{100 * fraction:.1f}"


def _number(value: float | None) -> str:
    return _NONE if value is None else f"{value:.3f}"


def _points(change: float | None) -> str:
    return _NONE if change is None else f"{100 * change:+.1f}".replace("-", "−").replace("+0.0", "0.0").replace("−0.0", "0.0")


def _short(count: int) -> str:
    return f"{count / 1e6:.3g}M" if count >= 1_000_000 else f"{count:,}"
