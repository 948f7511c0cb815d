# SPDX-License-Identifier: Apache-2.0
"""What a person says about an export, in one object that is checked once: every stage takes it whole.

In: keyword arguments of `tinytl.export`. Out: `ExportSettings`. What depends on the model or on its task is checked where these are known.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

from tinytl.bundle.bundle import Bundle
from tinytl.cutting.plan_names import parse_plan
from tinytl.data.dataset import Dataset
from tinytl.errors import BundleError, ModelError
from tinytl.head.learning import Learning
from tinytl.progress import Progress, silent
from tinytl.runtime_lists import limit

Check = Callable[[Bundle], object]
"""Refuses a bundle by raising, before it is written."""
MAX_CLASSES = limit("MAX_CLASSES")


@dataclass(frozen=True, kw_only=True)
class ExportSettings:
    """How a model becomes a bundle.

    Attributes:
        out: `.tinytl` file to write, in a folder that exists; its stem becomes the bundle's name.
        plan: freeze plan, as `tinytl.cutting.keras_cut.cut` names them; of a .tflite "last-dense".
        learning: how the head learns on the device: a whole `Learning`, or by name the settings in which it differs from the source's own,
            which is `Learning()`, of a .tflite with the loss of its end. None: in none.
        replay_samples: source samples whose features travel along, spread evenly over the classes, ≥ 0; 0: none; None: as many as fit into
            160 KB of flash, at most 200.
        class_capacity: rows reserved for classes, from the model's classes to 4,096; None: as many as the model has.
        dropout: keep the Dropout layers of the head; they act while a device learns.
        channel_dataset: its training samples choose the channels of "fc+conv1:P%", by `gradient_energy`: the target, where some of it is
            at hand; None: the source task.
        value_range: (low, high), low < high: what pixels 0 and 255 become, of float samples 0 and 1. None: the run's; of a .keras file
            the one with which it knows its data (`find_range`); of a .tflite all that its input can hold.
        check: refuses the bundle by raising, before it is written: whether a board takes it, say.
        seed: of every draw, ≥ 0.
        progress: called with each stage, what is done of it, and how much there is.

    Raises:
        ModelError: a setting out of its range, by its name; a plan that does not exist. BundleError: the folder of `out` does not exist.
    """

    out: Path
    plan: str = "last-dense"
    learning: Learning | Mapping[str, Any] | None = None
    replay_samples: int | None = None
    class_capacity: int | None = None
    dropout: bool = False
    channel_dataset: Dataset | None = None
    value_range: tuple[float, float] | None = None
    check: Check | None = None
    seed: int = 1
    progress: Progress | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "out", Path(self.out))
        low, high = self.value_range or (0.0, 1.0)
        ranges = (
            ("replay_samples", self.replay_samples is None or self.replay_samples >= 0, "0 or more"),
            ("class_capacity", self.class_capacity is None or 1 <= self.class_capacity <= MAX_CLASSES, f"1 to {MAX_CLASSES:,}"),
            ("value_range", -math.inf < low < high < math.inf, "two numbers, the lower one first"),
            ("seed", self.seed >= 0, "0 or more"),
        )
        for name, fits, expected in ranges:
            if not fits:
                raise ModelError(f"{name} {getattr(self, name)!r}", expected=expected)
        parse_plan(self.plan)
        self.learning_of(Learning())
        if not self.out.parent.is_dir():
            raise BundleError(f"folder {self.out.parent} does not exist", expected=f"a folder to write {self.out.name} to")

    @property
    def report(self) -> Progress:
        """What is called with each stage; nothing happens where nobody looks."""
        return self.progress or silent

    def learning_of(self, own: Learning) -> Learning:
        """Return how a head learns whose source says `own`. Raises ModelError: a setting that does not exist, or out of its range."""
        if isinstance(self.learning, Learning):
            return self.learning
        changes, known = dict(self.learning or {}), [field.name for field in fields(Learning)]
        unknown = [name for name in changes if name not in known]
        if unknown:
            raise ModelError(f"the head has no setting {', '.join(unknown)}", expected=", ".join(known))
        return replace(own, **changes)
