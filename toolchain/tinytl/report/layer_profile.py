# SPDX-License-Identifier: Apache-2.0
"""The layer profile: where the instructions of an inference go, and which layer is far above what its operator needs elsewhere.

In: a `Measurement` whose layers were counted. Out: a `LayerProfile` for the page's template: rows in the order of the graph, each with
its rank by cost and by room, and columns without those that nothing fills.
"""

from collections import Counter as Tally
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from tinytl.measurement import Figure, LayerRow, Measurement
from tinytl.report import wording
from tinytl.report.summary import find

CLASSES: dict[str, tuple[str, ...]] = {
    "multiply": ("multiply", "dual multiply-add"),
    "load": ("load", "load multiple", "float load"),
    "store": ("store", "store multiple", "float store"),
    "ALU": ("integer", "divide"),
    "branch": ("branch",),
    "FP": ("float", "float multiply-add", "float divide"),
    "vector": ("vector",),
    "other": (),
}
"""Class on the page → classes as counted; what stands nowhere is «other»."""
_EXPECTED = "instructions by the compiler’s cost model; below, by how much the count differs"
_ROOM = "what the layer would save of all instructions at the lowest rate per MAC of its operator in this model; not each can reach it"
_CLASS_OF = {counted: shown for shown, several in CLASSES.items() for counted in several}


@dataclass(frozen=True)
class Share:
    """So many instructions of one class."""

    name: str
    instructions: int
    fraction: float


@dataclass(frozen=True)
class ProfileRow:
    """One layer, or the sum of all (layer None).

    Attributes:
        instructions, macs: counts. share: fraction of all instructions. bar: fraction of the costliest layer's.
        expected, cycles: None where unknown. deviation: counted against expected as a fraction, of the layers that have both.
        room: instructions above those at the operator's lowest rate per MAC in this model; None without MACs.
        classes: as far as counted. cost_rank, room_rank: places from 0 on, the most first.
    """

    layer: LayerRow | None
    instructions: int
    macs: int
    share: float
    bar: float
    expected: int | None
    deviation: float | None
    cycles: int | None
    room: float | None
    classes: tuple[Share, ...]
    cost_rank: int = 0
    room_rank: int = 0

    @property
    def rate(self) -> float | None:
        """Instructions per multiply-accumulate."""
        return self.instructions / self.macs if self.macs else None


@dataclass(frozen=True)
class ProfileColumn:
    """One column. key: of the template; how: what it holds, where from; kind: measured, computed, modelled; width: in em (layer: 0)."""

    key: str
    title: str
    how: str
    kind: str
    width: float


@dataclass(frozen=True)
class LayerProfile:
    """Everything that the template shows of a measurement's layers."""

    rows: tuple[ProfileRow, ...]
    total: ProfileRow
    columns: tuple[ProfileColumn, ...]

    @property
    def widths(self) -> tuple[float, ...]:
        """Of the columns behind the first, which takes what is left, in em."""
        return tuple(column.width for column in self.columns[1:])

    @property
    def told(self) -> str:
        """Where the next gain is, in words."""
        most = sorted(self.rows, key=lambda row: row.cost_rank)[:3]
        text = "Most instructions: " + ", ".join(f"{_name(row)} ({wording.percent(row.share)})" for row in most) + "."
        (room,) = [row for row in self.rows if row.room_rank == 0]
        if not room.room:
            return text
        share = wording.percent(room.room / self.total.instructions)
        return f"{text} Most to save: {_name(room)}, {share} at the lowest rate per MAC that its operator reaches in this model."


def layer_profile(measurement: Measurement) -> LayerProfile | None:
    """Return the profile of a measurement; None where not every layer's instructions were counted."""
    layers = measurement.layers
    counts = [layer.instructions for layer in layers if layer.instructions is not None]
    if len(counts) < len(layers) or not sum(counts):
        return None
    rows = [_row(layer, counts, room) for layer, room in zip(layers, _rooms(layers), strict=True)]
    by_cost, by_room = _ranks(rows, lambda row: row.instructions), _ranks(rows, lambda row: row.room or 0.0)
    ranked = (replace(row, cost_rank=cost, room_rank=room) for row, cost, room in zip(rows, by_cost, by_room, strict=True))
    total = _total(rows)
    return LayerProfile(tuple(ranked), total, _columns(measurement, total))


def _row(layer: LayerRow, counts: Sequence[int], room: float | None) -> ProfileRow:
    count = layer.instructions or 0
    return ProfileRow(
        layer, count, layer.macs, count / sum(counts), count / max(counts), layer.expected_instructions,
        _deviation(count, layer.expected_instructions), layer.cycles_model, room, _shares(layer.classes or {}),
    )  # fmt: skip


def _shares(counted: Mapping[str, int]) -> tuple[Share, ...]:
    """Group classes as counted into those of the page, in its order."""
    tally: Tally[str] = Tally()
    for name, instructions in counted.items():
        tally[_CLASS_OF.get(name, "other")] += instructions
    return tuple(Share(name, tally[name], tally[name] / tally.total()) for name in CLASSES if tally[name])


def _rooms(layers: Sequence[LayerRow]) -> list[float | None]:
    """Return instructions of each layer above those at the lowest rate per MAC that its operator has among the layers."""
    lowest: dict[str, float] = {}
    for layer in layers:
        if layer.macs:
            rate = (layer.instructions or 0) / layer.macs
            lowest[layer.operator] = min(rate, lowest.get(layer.operator, rate))
    return [(layer.instructions or 0) - layer.macs * lowest[layer.operator] if layer.macs else None for layer in layers]


def _ranks(rows: Sequence[ProfileRow], value: Callable[[ProfileRow], float]) -> list[int]:
    """Return the place of each row, the largest value first; of equals the earlier."""
    order = sorted(range(len(rows)), key=lambda place: (-value(rows[place]), place))
    return [order.index(place) for place in range(len(rows))]


def _total(rows: Sequence[ProfileRow]) -> ProfileRow:
    """Return the sum of all rows; of what one of them lacks there is none, but of the expected, which a head lacks."""
    modelled = [(row.instructions, row.expected) for row in rows if row.expected is not None]
    expected = sum(expected for _, expected in modelled) or None
    cycles = [row.cycles for row in rows if row.cycles is not None]
    classes: Tally[str] = Tally()
    for row in rows:
        classes.update({share.name: share.instructions for share in row.classes})
    whole = sum(row.instructions for row in rows)
    shares = (Share(name, classes[name], classes[name] / whole) for name in CLASSES if classes[name])
    return ProfileRow(
        None, whole, sum(row.macs for row in rows), 1.0, 1.0, expected, _deviation(sum(count for count, _ in modelled), expected),
        sum(cycles) if len(cycles) == len(rows) else None, sum(row.room or 0.0 for row in rows), tuple(shares),
    )  # fmt: skip


def _deviation(counted: int, expected: int | None) -> float | None:
    return counted / expected - 1 if expected else None


def _columns(measurement: Measurement, total: ProfileRow) -> tuple[ProfileColumn, ...]:
    instructions = find(measurement, "instructions", "inference") or Figure(0.0, "instructions", "instructions")
    cycles = find(measurement, "cycles") or Figure(0.0, "cycles", "cycles (model)")
    counted = wording.kind(instructions)
    columns = (
        ProfileColumn("layer", "Layer", "", wording.COMPUTED, 0),
        ProfileColumn("share", "Share", "of all instructions", counted, 8),
        ProfileColumn("instructions", "Instructions", instructions.how, counted, 7),
        ProfileColumn("classes", "Classes", "of the layer’s instructions", counted, 9.5),
        ProfileColumn("rate", "Instr./MAC", "instructions per multiply-accumulate", counted, 5.5),
        ProfileColumn("macs", "MACs", "multiply-accumulates, from the graph", wording.COMPUTED, 6.5),
        ProfileColumn("expected", "Expected", _EXPECTED, wording.MODELLED, 7),
        ProfileColumn("cycles", "Cycles", cycles.how, wording.MODELLED, 7),
        ProfileColumn("room", "To save", _ROOM, wording.COMPUTED, 4.5),
    )
    empty = {"classes": not total.classes, "rate": not total.macs, "expected": total.expected is None, "cycles": total.cycles is None}
    return tuple(column for column in columns if not empty.get(column.key))


def _name(row: ProfileRow) -> str:
    return row.layer.name if row.layer else "all"
