# SPDX-License-Identifier: Apache-2.0
"""All kernels of the dsp family that could run an operator."""

from tinytl.compiler.kernels.candidate import Candidate
from tinytl.compiler.kernels.dsp import add, conv_2d, depthwise, fully_connected, pooling, winograd
from tinytl.compiler.kinds import ADD, AVERAGE_POOL_2D, CONV_2D, DEPTHWISE_CONV_2D, FULLY_CONNECTED, MEAN
from tinytl.compiler.program import Program, ProgramOperator

_SOURCES = {
    ADD.code: (add.candidates,),
    CONV_2D.code: (conv_2d.candidates, winograd.candidates),
    DEPTHWISE_CONV_2D.code: (conv_2d.candidates, depthwise.candidates),
    FULLY_CONNECTED.code: (fully_connected.candidates,),
    AVERAGE_POOL_2D.code: (pooling.candidates,),
    MEAN.code: (pooling.candidates,),
}


def candidates(program: Program, operator: ProgramOperator) -> list[Candidate]:
    """Return the kernels, each proven exact; empty where only the portable one is."""
    return [candidate for source in _SOURCES.get(operator.kind.code, ()) for candidate in source(program, operator)]
