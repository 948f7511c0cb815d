# SPDX-License-Identifier: Apache-2.0
"""An image of a head alone: its graph inputs are its features. For benchmarks and tests of the learner."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod

import numpy as np

from tinytl.compiler.compile import CompileOptions, build_image
from tinytl.compiler.head.section import HeadPlan, guard_capacity_of
from tinytl.compiler.image.writer import Image
from tinytl.compiler.program import Program, ProgramTensor
from tinytl.head.layers import Head

PORTABLE = CompileOptions()


@dataclass(frozen=True)
class Replayed:
    """Replay set, features (N, feature_count) int8 and labels (N,), and the places of the replay buffer."""

    features: np.ndarray
    labels: np.ndarray
    capacity: int = 0


def compile_head(
    head: Head,
    quantization: Sequence[tuple[float, int]],
    *,
    class_count: int | None = None,
    replayed: Replayed | None = None,
    options: CompileOptions = PORTABLE,
) -> Image:
    """Compile a head without an extractor.

    Args:
        head: what is compiled. quantization: (scale, zero point) of each of its feature tensors.
        class_count: classes in use, by default all that the head has rows for; its rows are the capacity.
        replayed: none by default. options: what to compile for.

    Raises:
        CompileError: an arena or image beyond the options' limits.
    """
    capacity = logits = head.shapes[-1][2]
    if head.learning.loss == "sigmoid_cross_entropy" and logits == 1:
        capacity = 2
    replayed = replayed or Replayed(np.zeros((0, head.feature_count), np.int8), np.zeros(0, np.uint16))
    tensors = tuple(
        ProgramTensor(f"feature {number}", "int8", (1, prod(shape)), scale, zero_point, number)
        for number, (shape, (scale, zero_point)) in enumerate(zip(head.feature_shapes, quantization, strict=True))
    )
    numbers = tuple(range(len(tensors)))
    labels = [str(number) for number in range(class_count or capacity)]
    guard = guard_capacity_of(head, head.feature_count, capacity)
    plan = HeadPlan(head, len(labels), capacity, replayed.capacity, replayed.features, replayed.labels.astype(np.uint16), guard)
    metadata = {
        "name": "", "model": "", "plan": "", "labels": labels, "features": [], "preprocessing": {}, "operators": [], "source": {},
        "input": {"shape": list(head.feature_shapes[0]), "scale": quantization[0][0], "zero_point": quantization[0][1]},
        "macs": {"frozen": 0, "trainable": head.macs},
        "head": {"layers": [], "parameter_count": int(plan.parameters.size)},
    }  # fmt: skip
    return build_image(Program(tensors, (), numbers, numbers), plan, metadata, options, bundle_id=bytes(16))
