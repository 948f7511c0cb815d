# SPDX-License-Identifier: Apache-2.0
"""What a layer has to do, and what that costs by each energy model.

In: counts of one layer, as `energy.Work`. Out: a `LayerEnergy` in nJ, split into forward, backward, update and memory traffic. Every price
is one of `tinytl.energy`; here its parts are only told apart, so that over all layers they add up to `full_inference_nj` and
`full_taught_sample_nj` of the whole model.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, fields, replace

from tinytl import energy
from tinytl.energy import Calibration, Work

NOTHING = Work(0, 0, 0, 0, 0, 0, 0, 0)
THESIS, FULL, BOARD = "thesis", "full", "board:"


@dataclass(frozen=True)
class LayerWork:
    """What one layer does for one sample.

    Attributes:
        name, operator: of the layer. trains: whether it belongs to the head.
        work: its counts; replays is 0, they are the whole model's.
        additions: of an average pooling, whose sums are no MACs; the thesis counts each as half of one.
        counts_in_thesis: whether the thesis counts it to the part that trains: the head, and an average pooling right in front of it.
    """

    name: str
    operator: str
    trains: bool
    work: Work
    additions: int = 0
    counts_in_thesis: bool = False


@dataclass(frozen=True)
class LayerEnergy:
    """What one layer costs for one sample, all in nJ.

    Attributes:
        name, operator, trains, macs: of the layer. gradient_macs: of one backward pass.
        forward_nj: arithmetic of one forward pass. backward_nj: arithmetic of the gradients.
        update_nj: reading and writing what trains. memory_nj: reading constants, parameters and activations, writing activations.
    """

    name: str
    operator: str
    trains: bool
    macs: int
    gradient_macs: int
    forward_nj: float
    backward_nj: float
    update_nj: float
    memory_nj: float

    @property
    def inference_nj(self) -> float:
        """Energy of one forward pass."""
        return self.forward_nj + self.memory_nj

    @property
    def learned_nj(self) -> float:
        """Energy of one learned sample: forward, backward and update where the layer trains."""
        return self.inference_nj + self.backward_nj + self.update_nj


Price = Callable[[LayerWork], tuple[float, float, float, float]]


def price_full(layer: LayerWork) -> tuple[float, float, float, float]:
    """Return forward, backward, update and memory of a layer in nJ, by model `full`."""
    work = layer.work
    moved = work.constant_bytes + work.activation_bytes
    return (
        energy.operator_nj(work.frozen_macs, 0) + energy.head_nj(replace(work, parameters=0)),
        energy.full_step_nj(replace(work, trainable_macs=0, parameters=0, trained=0)),
        energy.full_step_nj(replace(work, trainable_macs=0, gradient_macs=0, parameters=0)),
        energy.operator_nj(0, moved) + energy.head_nj(replace(work, trainable_macs=0)),
    )


def price_thesis(layer: LayerWork) -> tuple[float, float, float, float]:
    """Return forward of a layer that counts in the thesis's model, in nJ; the other three are nothing there."""
    macs = layer.work.trainable_macs + layer.additions / 2
    return energy.thesis_energy_nj(macs) if layer.counts_in_thesis else 0.0, 0.0, 0.0, 0.0


def price_on(calibration: Calibration) -> Price:
    """Return what prices layers by a measured board: each MAC of either pass alike, memory and update within that figure."""

    def price(layer: LayerWork) -> tuple[float, float, float, float]:
        backward = replace(NOTHING, frozen_macs=layer.work.gradient_macs)
        inference, learning = (energy.calibrated_inference_nj(work, calibration) for work in (layer.work, backward))
        return inference, learning, 0.0, 0.0

    return price


def priced(layers: Iterable[LayerWork], price: Price) -> tuple[LayerEnergy, ...]:
    """Return what each layer costs.

    Args:
        layers: in order. price: one of `price_full`, `price_thesis`, `price_on(…)`.
    """
    return tuple(
        LayerEnergy(
            layer.name, layer.operator, layer.trains, layer.work.frozen_macs + layer.work.trainable_macs, layer.work.gradient_macs,
            *price(layer),
        )
        for layer in layers
    )  # fmt: skip


def whole(layers: Iterable[LayerWork], replays: int) -> Work:
    """Return the counts of all layers together.

    Args:
        layers: of one model. replays: replayed samples after each taught one.
    """
    works = [layer.work for layer in layers]
    counts = {field.name: sum(getattr(work, field.name) for work in works) for field in fields(Work)}
    learning = [work.head_pj_per_mac for work in works if work.trainable_macs]
    return Work(**counts | {"replays": replays, "head_pj_per_mac": max(learning, default=energy.FLOAT32_PJ_PER_MAC)})
