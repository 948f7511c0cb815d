# SPDX-License-Identifier: Apache-2.0
"""Which of TFLite's rescalings a layer needs on MVE (runtime: kernels/mve/tile.h).

VQRDMULH is TFLite's doubling high multiplication and VRSHL rounds its result, but ties upwards, where TFLite rounds them away
from zero. Both differ by one, and only where the rounded result is zero or less; so where no output is below the zero point the
clamp takes the difference away. Other layers subtract one from the product of a negative sum first, as the portable kernel does.
"""

from dataclasses import dataclass

import numpy as np

from tinytl.compiler.kernels.dsp.panels import wrapped
from tinytl.compiler.kernels.sums import Sums

ROUNDED, SIGNED = 0, 1
_INT32 = 2**31


@dataclass(frozen=True)
class Doubled:
    """mode: ROUNDED or SIGNED. biases, multipliers, shifts: (channels,) int32; shifts as VRSHL takes them, 0 or less."""

    mode: int
    biases: np.ndarray
    multipliers: np.ndarray
    shifts: np.ndarray


def find_doubled(sums: Sums) -> Doubled | None:
    """Return the exact rescaling, None for a layer that the family leaves to the portable kernel.

    That is one whose sums may leave 32 bits or are shifted to the left, or, where negative sums count, not to the right.
    """
    reference = sums.reference
    if reference.multiplier is None or reference.shift is None:
        return None
    mode = ROUNDED if reference.act_min >= reference.zero_point else SIGNED
    if np.any(reference.shift > (0 if mode == ROUNDED else -1)):
        return None
    if max(np.abs(reference.low).max(), np.abs(reference.high).max()) >= _INT32:
        return None
    return Doubled(mode, wrapped(sums.folded), wrapped(reference.multiplier), wrapped(reference.shift))
