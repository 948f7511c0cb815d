# SPDX-License-Identifier: Apache-2.0
"""The energy of a model: by layer, in total, and of one retraining, by one named energy model.

In: a model, a plan and an energy model's name. Out: an `EnergyReport`, all in nJ. Modelled, never measured, and it says so.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tinytl import energy
from tinytl.errors import BenchError
from tinytl_bench.energy.boards import find_energy_board, list_energy_boards
from tinytl_bench.energy.layers import BOARD, FULL, THESIS, LayerEnergy, Price, price_full, price_on, price_thesis, priced, whole
from tinytl_bench.energy.retraining import CR2032_MAH, CR2032_NJ, CR2032_VOLTS, Retraining, retraining
from tinytl_bench.energy.source import Counted, count

SAMPLES = 900
_CELL = f"a CR2032 holds {CR2032_NJ / 1e9:,.0f} J: {CR2032_MAH} mAh to 2.0 V at nominal {CR2032_VOLTS:g} V"
_LEFT_OUT = "sensor, radio, sleep and what the battery loses by itself are left out"


@dataclass(frozen=True)
class EnergyReport:
    """Energies of one model by one energy model, all in nJ.

    Attributes:
        model, kind, plan: as in `Counted`. energy_model: "thesis", "full" or "board:NAME". how: the words that go with each figure.
        layers: in order, of one sample each. replays: replayed samples after each taught one.
        forward_nj, backward_nj, update_nj, memory_nj: sums over all layers, of one sample.
        inference_nj: of one inference; None where the energy model leaves the extractor out.
        taught_nj: of one taught sample, replays included; None where nothing trains.
        retraining: of many of them; None where nothing trains.
        assumptions: in sentences.
    """

    model: str
    kind: str
    plan: str
    energy_model: str
    how: str
    layers: tuple[LayerEnergy, ...]
    replays: int
    forward_nj: float
    backward_nj: float
    update_nj: float
    memory_nj: float
    inference_nj: float | None
    taught_nj: float | None
    retraining: Retraining | None
    assumptions: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """Return the object for `json.dump`: every energy's name ends in its unit."""
        answer = self.retraining
        return {
            **{name: getattr(self, name) for name in ("model", "kind", "plan", "energy_model", "how", "replays")},
            "unit": "nJ",
            **{name: getattr(self, name) for name in ("forward_nj", "backward_nj", "update_nj", "memory_nj", "inference_nj", "taught_nj")},
            "layers": [vars(layer) for layer in self.layers],
            "retraining": answer and {**vars(answer), "text": answer.text},
            "assumptions": list(self.assumptions),
        }


def of_model(
    model: str | Path, *, plan: str | None = None, energy_model: str = FULL, samples: int = SAMPLES, classes: int | None = None,
    input_shape: tuple[int, int, int] | None = None,
) -> EnergyReport:  # fmt: skip
    """Return the energy of a model.

    Args:
        model, plan, classes, input_shape: as for `tinytl_bench.energy.source.count`.
        energy_model: "thesis", "full", or "board:NAME" of `list_energy_boards`. samples: ≥ 1, of the retraining.

    Raises:
        ModelError: as `count`. BenchError: no such energy model or board; a model of which nothing trains by model `thesis`.
    """
    price, how, assumptions = _energy_model(energy_model)
    counted = count(model, plan=plan, classes=classes, input_shape=input_shape)
    if energy_model == THESIS and not counted.plan:
        raise BenchError(f"model thesis is of what trains, and of {counted.name} nothing does", expected="model full or board:NAME",
                         hint=counted.notes[0])  # fmt: skip
    return _report(counted, energy_model, price, how, assumptions, samples)


def _energy_model(name: str) -> tuple[Price, str, tuple[str, ...]]:
    if name == THESIS:
        note = "one forward pass of what trains, 3.2 pJ a MAC, an addition of an average pooling half of one; nothing else is counted"
        return price_thesis, energy.HOW_THESIS, (note,)
    if name == FULL:
        return price_full, energy.HOW_FULL, ("arithmetic and memory traffic alone: a whole board takes hundreds of times more",)
    if not name.startswith(BOARD):
        boards = ", ".join(f"{BOARD}{board.name}" for board in list_energy_boards())
        raise BenchError(f"energy model {name!r}", expected=f"{THESIS}, {FULL} or one of {boards}")
    board = find_energy_board(name.removeprefix(BOARD))
    models = ", ".join(board.models)
    return price_on(board.calibration), board.calibration.how, (
        f"{board.pj_per_mac:.1f} pJ per MAC are a whole {board.name}'s over {models}; of one of them alone {board.lowest:.0f} to "
        f"{board.highest:.0f}; measured by its maker with another engine",
        "memory traffic and update are within that figure; learning in float32 takes more than the int8 MACs that were measured",
    )  # fmt: skip


def _report(counted: Counted, name: str, price: Price, how: str, assumptions: tuple[str, ...], samples: int) -> EnergyReport:
    layers, has_head = priced(counted.layers, price), bool(counted.plan)
    inference = None if name == THESIS else sum(layer.inference_nj for layer in layers)
    taught = taught_energy(layers, 1 if name == THESIS else 1 + counted.replays) if has_head else None
    replays = whole(counted.layers, counted.replays).replays
    if has_head and name != THESIS:
        assumptions += (f"a taught sample is one pass of the extractor and {1 + replays} learned by the head, {replays} replayed of them",)
    return EnergyReport(
        counted.name, counted.kind, counted.plan, name, how, layers, counted.replays,
        sum(layer.forward_nj for layer in layers), sum(layer.backward_nj for layer in layers),
        sum(layer.update_nj for layer in layers), sum(layer.memory_nj for layer in layers), inference, taught,
        None if taught is None else retraining(samples, taught_nj=taught, inference_nj=inference),
        (*counted.notes, *assumptions, *((_CELL, _LEFT_OUT) if has_head else ())),
    )  # fmt: skip


def taught_energy(layers: tuple[LayerEnergy, ...], learned: int) -> float:
    """Return the energy of one taught sample in nJ: the frozen layers once, those of the head as often as samples are learned.

    Args:
        layers: of one sample. learned: 1 and the replayed ones.
    """
    frozen = sum(layer.inference_nj for layer in layers if not layer.trains)
    return frozen + learned * sum(layer.learned_nj for layer in layers if layer.trains)
