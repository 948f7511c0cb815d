# SPDX-License-Identifier: Apache-2.0
"""What the guard is worth and what it costs: streams with shuffled labels, which must end with the old head in place, and right ones.

In: a bundle and a dataset. Out: a row for each setting of the guard, the first without one. Teaching runs on the twin, in the same seeded
orders for each row.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import fmean
from tempfile import TemporaryDirectory

import numpy as np

from tinytl.bundle.bundle import Bundle, head_fields, read_bundle, write_bundle
from tinytl.data import Dataset
from tinytl.errors import BenchError
from tinytl.progress import Progress, silent
from tinytl_bridge import connect
from tinytl_bridge.device import Device
from tinytl_bridge.wire.verdicts import Verdict

HALF = 400
"""Samples of a part of a stream with shuffled labels, at most."""
LEAST = 100


@dataclass(frozen=True)
class GuardSetting:
    """As in `Learning`; no bytes: no guard."""

    guard_buffer_bytes: int = 0
    guard_every: int = 8
    guard_check_every: int = 0

    @property
    def text(self) -> str:
        """As tables say it."""
        if not self.guard_buffer_bytes:
            return "no guard"
        when = f"every {self.guard_check_every}" if self.guard_check_every else "at the end"
        return f"{self.guard_buffer_bytes // 1024} KB, one of {self.guard_every}, {when}"


SETTINGS = (
    GuardSetting(), GuardSetting(8192), GuardSetting(8192, guard_check_every=100), GuardSetting(16384, guard_check_every=100),
    GuardSetting(16384, guard_every=4, guard_check_every=100),
)  # fmt: skip


@dataclass(frozen=True)
class GuardOutcome:
    """Over the orders.

    Attributes:
        guard: in words. samples: right ones of a stream. accuracy: mean on the test split after it; lowest: of the orders.
        checks, undone: of right streams; how many undid a head.
        shuffled: streams with shuffled labels, half of them after as many right samples, whose head was kept; old_head: of them that
            ended with the head from before the shuffled ones, byte for byte.
    """

    guard: str
    samples: int
    accuracy: float
    lowest: float
    checks: int
    undone: int
    shuffled: int
    old_head: int


def study_guard(
    bundle: Path, dataset: Dataset, *, orders: int = 8, settings: Sequence[GuardSetting] = SETTINGS, seed: int = 1,
    progress: Progress | None = None,
) -> tuple[GuardOutcome, ...]:  # fmt: skip
    """Teach a bundle a dataset under each setting: as it is, and with shuffled labels.

    Args:
        bundle: a file. dataset: labelled by the bundle's class numbers; 100 samples to teach, or more. orders: seeded, of the samples.
        settings: each is tried in all orders. seed: of the first order. progress: told before each setting; None: nobody.

    Raises:
        BenchError: fewer than 100 samples to teach. CompileError: a buffer that holds too few samples. DeviceError: labels that the
            bundle does not have.
    """
    report, count = progress or silent, len(dataset.x_train)
    if count < LEAST:
        raise BenchError(f"dataset {dataset.name!r} has {count} samples to teach", expected=f"{LEAST} or more")
    outcomes = []
    with TemporaryDirectory() as scratch:
        for number, setting in enumerate(settings):
            report(f"study: {setting.text}", number, len(settings))
            guarded = with_settings(bundle, Path(scratch) / "guarded.tinytl", **vars(setting))
            outcomes.append(_outcome(guarded, dataset, setting, [np.random.default_rng(seed + order) for order in range(orders)]))
    report("study: guard", len(settings), len(settings))
    return tuple(outcomes)


def with_settings(source: Path, out: Path, **settings: float) -> Bundle:
    """Write a bundle like `source` but for settings of learning.

    Args:
        source: the bundle's file. out: the file that is written. settings: fields of `Learning` with their new values.
    """
    bundle = read_bundle(source)
    head = replace(bundle.head, learning=replace(bundle.head.learning, **settings))  # type: ignore[arg-type]
    return write_bundle(replace(bundle, head=head, manifest=bundle.manifest | {"head": head_fields(head)}), out)


@contextmanager
def _factory_device(bundle: Bundle) -> Iterator[Device]:
    """A twin that has never saved a head: the guard compares with the last one that was."""
    with TemporaryDirectory() as scratch, connect("host", state_dir=Path(scratch)) as device:
        device.flash(bundle)
        yield device


def _outcome(bundle: Bundle, dataset: Dataset, setting: GuardSetting, generators: Sequence[np.random.Generator]) -> GuardOutcome:
    accuracies, verdicts, kept = [], list[Verdict](), list[bool]()
    has_guard = setting.guard_buffer_bytes > 0
    for generator in generators:
        order = generator.permutation(len(dataset.x_train))
        x, y = dataset.x_train[order], dataset.y_train[order]
        with _factory_device(bundle) as device:
            verdicts += device.teach(x, y).verdicts
            verdicts += [device.check()] if has_guard else []
            accuracies.append(device.evaluate(dataset.x_test, dataset.y_test).accuracy)
        half = min(HALF, len(x) // 2)
        kept += [_old_head_stays(bundle, x, y, right, half, generator) for right in (half, 0) if has_guard]
    undone = sum(verdict.decision == "undone" for verdict in verdicts)
    return GuardOutcome(setting.text, len(dataset.x_train), fmean(accuracies), min(accuracies), len(verdicts), undone, len(kept), sum(kept))


def _old_head_stays(bundle: Bundle, x: np.ndarray, y: np.ndarray, right: int, shuffled: int, generator: np.random.Generator) -> bool:
    """Teach `right` samples and keep the head; then `shuffled` ones with shuffled labels. Tell whether that head is there at the end."""
    part = slice(right, right + shuffled)
    with _factory_device(bundle) as device:
        if right:
            device.teach(x[:right], y[:right])
            if device.check().decision != "committed":
                device.save()
        before = device.head_parameters().tobytes()
        device.teach(x[part], generator.permutation(y[part]))
        device.check()
        return device.head_parameters().tobytes() == before
