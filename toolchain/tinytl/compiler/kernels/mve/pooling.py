# SPDX-License-Identifier: Apache-2.0
"""Average pooling and the mean over height and width, eight channels at a time: `mve_average_pool_2d`, `mve_mean`."""

from tinytl.compiler.kernels.candidate import Candidate
from tinytl.compiler.kernels.dsp.pooling import Pooling, pooling_candidates
from tinytl.compiler.kernels.mve import cost
from tinytl.compiler.program import Program, ProgramOperator
from tinytl.compiler.variants import MVE_AVERAGE_POOL_2D, MVE_MEAN

_LANES = 8
_SUMS = Pooling(MVE_AVERAGE_POOL_2D, MVE_MEAN, lambda channels: channels % _LANES == 0, cost.average_pool, cost.mean)


def candidates(program: Program, operator: ProgramOperator) -> list[Candidate]:
    """Return the kernel where channels come in eights and a window has at most 256 places."""
    return pooling_candidates(program, operator, _SUMS)
