# SPDX-License-Identifier: Apache-2.0
"""Inputs for a model of which nothing else is known: the same for everybody who draws with the same seed."""

import numpy as np

from tinytl.model_file import Ends
from tinytl_bridge.running import sample_shape

SEED = 0


def seeded_inputs(ends: Ends, count: int, *, seed: int = SEED) -> dict[str, np.ndarray]:
    """Draw inputs: integers over their whole type, float32 normal with deviation 1.5.

    Args:
        ends: whose inputs are drawn. count: samples. seed: equal ones give equal inputs.

    Returns:
        Graph input's name → (count, *shape without batch) of its own dtype.
    """
    random = np.random.default_rng(seed)
    drawn = {}
    for spec in ends.inputs:
        shape, dtype = (count, *sample_shape(spec)), np.dtype(spec.dtype)
        if dtype.kind == "f":
            drawn[spec.name] = random.normal(0.0, 1.5, shape).astype(dtype)
        else:
            limits = np.iinfo(dtype)
            drawn[spec.name] = random.integers(limits.min, limits.max + 1, shape).astype(dtype)
    return drawn
