# SPDX-License-Identifier: Apache-2.0
"""What `teach` teaches: a dataset in seeded order (`DataCourse`), or a stream as it comes (`streaming.StreamCourse`).

In: options. Out: something that is checked against a device, taught, and that tells facts of its own.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from tinytl.class_match import match_classes
from tinytl.errors import TinytlError
from tinytl_cli.resuming import place_to_teach
from tinytl_cli.sample_sources import read_samples

if TYPE_CHECKING:
    from tinytl.data import Dataset
    from tinytl.progress import Progress
    from tinytl_bridge import Device
    from tinytl_bridge.taught import TeachResult
    from tinytl_bridge.wire.requests import TeachFlags
    from tinytl_bridge.wire.results import StreamPlace, TaughtSample


@dataclass(frozen=True)
class Rules:
    """How samples are taught. adding: whether new names become classes. flags, keep_source, on_step: as for `Device.teach`."""

    adding: bool
    flags: "TeachFlags"
    keep_source: float | None
    on_step: "Callable[[TaughtSample], None] | None"


class Course(Protocol):
    """What is taught.

    Attributes:
        title: what the facts call it. test: what is evaluated on, or None. names: of the classes of its labels.
        error: what ended it before its time, once it was taught.
    """

    title: str
    test: "Dataset | None"
    names: tuple[str, ...]
    error: TinytlError | None

    def check(self, device: "Device", rules: Rules) -> None:
        """Refuse what the device would refuse later, before anything is sent."""

    def teach(self, device: "Device", rules: Rules, bar: "Progress") -> "TeachResult":
        """Teach it."""

    def first_facts(self) -> dict[str, Any]:
        """Return what is told of it before the accuracies, once it was taught."""


class DataCourse:
    """The train split of a dataset, in seeded order; with a label all samples of a file, of that class, and nothing is evaluated.

    Args:
        data: name or path. label: of all samples, or None. resize: of a folder of images. samples: at most so many; None: all.
        seed: of the order. resume, again: whether what the head has taken before is left out, or taught once more.
    """

    def __init__(
        self, data: str, *, label: str | None, resize: tuple[int, int] | None, samples: int | None, seed: int, resume: bool, again: bool
    ) -> None:
        from tinytl.data import load_dataset
        from tinytl_bridge.stream_place import number_stream

        generator = np.random.default_rng(seed)
        self.test = dataset = None if label is not None else load_dataset(data, resize=resize)
        x = read_samples(data, "train", resize) if dataset is None else dataset.x_train
        y = np.zeros(len(x), np.int64) if dataset is None else dataset.y_train
        self.names: tuple[str, ...] = (str(label),) if dataset is None else dataset.classes
        order = generator.permutation(len(x))
        some = order[:samples]
        self._x, self._y, self._number = x[some], y[some], number_stream(x, y, self.names, order)
        self._resume, self._again, self._match_text = resume, again, ""
        self._place: StreamPlace | None = None
        self.title = data if dataset is None else dataset.name
        self.error: TinytlError | None = None

    def check(self, device: "Device", rules: Rules) -> None:
        """As `Course.check`; asks the person where the head has taken samples of this course before."""
        match = match_classes(self._y, self.names, device.labels(), adding=rules.adding)
        match.expect_teachable()
        self._match_text = match.text
        self._place = place_to_teach(device.stream_place(), self._number, len(self._x), resume=self._resume, again=self._again)

    def teach(self, device: "Device", rules: Rules, bar: "Progress") -> "TeachResult":
        """As `Course.teach`."""
        from tinytl_bridge.wire.results import NOWHERE

        return device.teach(
            self._x, self._y, classes=self.names, new_classes=rules.adding, flags=rules.flags, recall=True, keep_source=rules.keep_source,
            place=self._place or NOWHERE, progress=bar, on_step=rules.on_step,
        )  # fmt: skip

    def first_facts(self) -> dict[str, Any]:
        """As `Course.first_facts`."""
        resumed = self._place.position if self._place else 0
        return {"classes_matched": self._match_text} | ({"resumed_behind": resumed} if resumed else {})
