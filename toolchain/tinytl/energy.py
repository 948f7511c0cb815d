# SPDX-License-Identifier: Apache-2.0
"""Energy models at 45 nm. Modelled, never measured: print them with their model's name.

In: counts of multiply-accumulates and of bytes moved. Out: nJ. Numbers of M. Horowitz, «Computing's energy problem (and what we can
do about it)», ISSCC 2014: `energy_nJ = MACs × E_mac[pJ] / 1000`. Whole boards take hundreds of times more than this arithmetic; a
board whose pJ per MAC somebody measured is shown beside, labelled (`Calibration`).

    thesis   3.2 pJ × MACs of one forward pass of the trainable part, nothing else
    full     int8 MACs of the extractor 0.3 pJ, float32 MACs of the head 4.6 pJ, 5 pJ for each 32-bit word read or written: every constant
             and activation of the extractor once, every parameter of the head once forward and twice (read, write) in its update.
             A head with int8 weights multiplies 16-bit numbers: taken as int32 MACs of 3.2 pJ, which is too much rather than too little.
             Momentum, decay, loss and the features of replayed samples are left out: thousandths of the rest.
"""

import math
from dataclasses import dataclass

from tinytl.errors import BenchError

THESIS_PJ_PER_MAC = INT32_PJ_PER_MAC = 3.2  # multiply 3.1, add 0.1
INT8_PJ_PER_MAC = 0.3  # int8 multiply 0.2, int32 add 0.1
FLOAT32_PJ_PER_MAC = 4.6  # multiply 3.7, add 0.9
SRAM_PJ_PER_WORD = 5.0  # 32-bit read, 8 KB
_WORD_BYTES = 4

HOW_THESIS = "nJ (model: thesis)"
HOW_FULL = "nJ (model: full)"
HOW_FULL_STEP = "nJ (model: full, teach step)"
HOW_FULL_SAMPLE = "nJ (model: full, taught sample)"


def thesis_energy_nj(trainable_macs: float) -> float:
    """Return the energy of one forward pass of the trainable part, arithmetic alone: MACs × 3.2 pJ / 1000.

    Args:
        trainable_macs: multiply-accumulates of that pass; halves where additions of a pooling count as half of one.

    Returns:
        nJ, model `thesis` (V. Lygnos, University of Thessaly, 2022).
    """
    return trainable_macs * THESIS_PJ_PER_MAC / 1000


@dataclass(frozen=True)
class Work:
    """What the energy of a bundle depends on.

    Attributes:
        frozen_macs, trainable_macs: of one forward pass.
        gradient_macs: of one backward pass of the head: gradients of weights and inputs.
        constant_bytes: weights and rescaling constants of the extractor, each read once an inference.
        activation_bytes: all that operators read and write in the arena, once an inference.
        parameters: 32-bit words of the head's parameters; trained: those that learning changes.
        replays: replayed samples after each taught one.
        head_pj_per_mac: of the head's arithmetic.
    """

    frozen_macs: int
    trainable_macs: int
    gradient_macs: int
    constant_bytes: int
    activation_bytes: int
    parameters: int
    trained: int
    replays: int
    head_pj_per_mac: float = FLOAT32_PJ_PER_MAC


def operator_nj(macs: int, accessed_bytes: int) -> float:
    """Return the energy of one frozen operator: int8 MACs, and each constant and activation byte accessed once, as 32-bit words.

    Returns:
        nJ, model `full`.
    """
    return (macs * INT8_PJ_PER_MAC + accessed_bytes / _WORD_BYTES * SRAM_PJ_PER_WORD) / 1000


def head_nj(work: Work) -> float:
    """Return the energy of one forward pass of the head, each word of its parameters read once.

    Returns:
        nJ, model `full`.
    """
    return (work.trainable_macs * work.head_pj_per_mac + work.parameters * SRAM_PJ_PER_WORD) / 1000


def full_inference_nj(work: Work) -> float:
    """Return the energy of one inference: int8 extractor, head, each constant, activation and parameter accessed once.

    Returns:
        nJ, model `full`.
    """
    return operator_nj(work.frozen_macs, work.constant_bytes + work.activation_bytes) + head_nj(work)


def full_step_nj(work: Work) -> float:
    """Return the energy of one teach step of the head, replays included, the extractor not.

    Each learned sample takes the MACs of a forward and a backward pass; updates are part of the weights' gradients. Each parameter is
    read forward, and those that train are read and written in the update.

    Returns:
        nJ, model `full`.
    """
    macs = work.trainable_macs + work.gradient_macs
    learned = 1 + work.replays
    return learned * (macs * work.head_pj_per_mac + (work.parameters + 2 * work.trained) * SRAM_PJ_PER_WORD) / 1000


def full_taught_sample_nj(work: Work) -> float:
    """Return the energy of one taught sample: the extractor once, then one teach step of the head.

    Returns:
        nJ, model `full`.
    """
    return operator_nj(work.frozen_macs, work.constant_bytes + work.activation_bytes) + full_step_nj(work)


@dataclass(frozen=True)
class Calibration:
    """What a whole board was measured to take. source: which board and whose measurement, as figures say it.

    Raises:
        BenchError: not a finite number above 0.
    """

    pj_per_mac: float
    source: str

    def __post_init__(self) -> None:
        if not (math.isfinite(self.pj_per_mac) and self.pj_per_mac > 0):
            raise BenchError(f"calibration of {self.pj_per_mac:g} pJ per MAC", expected="a finite number above 0")

    @property
    def how(self) -> str:
        """The words that go with a figure."""
        return f"nJ (calibrated: {self.pj_per_mac:g} pJ per MAC, {self.source})"


def calibrated_inference_nj(work: Work, calibration: Calibration) -> float:
    """Return what one inference would take on the calibrated board: all MACs × its pJ per MAC / 1000, in nJ."""
    return (work.frozen_macs + work.trainable_macs) * calibration.pj_per_mac / 1000
