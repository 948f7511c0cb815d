# SPDX-License-Identifier: Apache-2.0
"""Energy models at 45 nm. Modelled, never measured: print them with their model's name.

Numbers of M. Horowitz, «Computing's energy problem (and what we can do about it)», ISSCC 2014.
"""

THESIS_PJ_PER_MAC = 3.2  # int32: multiply 3.1, add 0.1


def thesis_energy_nj(trainable_macs: int) -> float:
    """Return the energy of one forward pass of the trainable part, arithmetic alone: MACs × 3.2 pJ / 1000.

    Args:
        trainable_macs: multiply-accumulates of that pass.

    Returns:
        nJ, model `thesis` (V. Lygnos, University of Thessaly, 2022).
    """
    return trainable_macs * THESIS_PJ_PER_MAC / 1000
