# SPDX-License-Identifier: Apache-2.0
"""What it saves, and what it costs, to learn only the samples that the head has wrong or is unsure of.

In: a bundle and a dataset. Out: a row a rule: how many samples were learned, the accuracy on the test split afterwards, the modelled energy
of the steps and, where a board can count, their instructions. Teaching runs on the twin, in the same seeded orders for each rule.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from tempfile import TemporaryDirectory

import numpy as np

from tinytl.bundle.bundle import read_bundle
from tinytl.compiler import compile_bundle
from tinytl.data import Dataset
from tinytl.energy import full_step_nj, head_nj
from tinytl.progress import Progress, silent
from tinytl_bench.figures import work_of
from tinytl_bench.measuring import bench
from tinytl_bridge import connect
from tinytl_bridge.device import Device
from tinytl_bridge.wire.requests import OnlyWhen, TeachFlags


@dataclass(frozen=True)
class Rule:
    """When a sample is learned: see `TeachFlags`."""

    only_when: OnlyWhen
    unsure_below: float = 0.9

    @property
    def text(self) -> str:
        """As tables say it."""
        return f"unsure below {self.unsure_below:g}" if self.only_when == "unsure" else self.only_when


RULES = (Rule("always"), *(Rule("unsure", share) for share in (0.99, 0.95, 0.9, 0.7)), Rule("wrong"))


@dataclass(frozen=True)
class RuleOutcome:
    """Means over the orders.

    Attributes:
        rule: in words. samples: taught. learned: of them. accuracy: on the test split, after the last; lowest: of the orders.
        energy_nj: of all steps, and of the forward pass that decides; model `full`, the extractor not counted.
        instructions: of the steps learned (a mean step, counted on a board, times their number); None: not counted.
    """

    rule: str
    samples: int
    learned: float
    accuracy: float
    lowest: float
    energy_nj: float
    instructions: float | None


def study_rules(
    bundle: Path, dataset: Dataset, *, samples: int | None = None, orders: int = 3, board: str | None = None,
    rules: Sequence[Rule] = RULES, seed: int = 1, progress: Progress | None = None,
) -> tuple[RuleOutcome, ...]:  # fmt: skip
    """Teach a bundle a dataset by each rule, in `orders` seeded orders.

    Args:
        bundle: a file. dataset: labelled by the bundle's class numbers. samples: at most so many of the train split; None: all.
        orders: seeded, 1 or more.
        board: target whose instructions of a step are counted, e.g. qemu:mps2-an386; None: none are.
        rules: each is tried in all orders. seed: of the first order. progress: told after each rule; None: nobody.

    Raises:
        DeviceError: labels that the bundle does not have.
    """
    report, read = progress or silent, read_bundle(bundle)
    work = work_of(read, compile_bundle(read))
    counted = bench(bundle, target=board, dataset=dataset, samples=1).figures["instructions_per_teach_step"].value if board else None
    outcomes = []
    with TemporaryDirectory() as scratch, connect("host", state_dir=Path(scratch)) as device:
        device.flash(read)
        for number, rule in enumerate(rules):
            learned, accuracies = _taught(device, dataset, rule, samples=samples, orders=orders, seed=seed)
            count = len(dataset.x_train[:samples])
            deciding = 0.0 if rule.only_when == "always" else count * head_nj(work)
            mean = fmean(learned)
            outcomes.append(
                RuleOutcome(
                    rule.text, count, mean, fmean(accuracies), min(accuracies), mean * full_step_nj(work) + deciding,
                    mean * counted if counted else None,
                )
            )  # fmt: skip
            report("study", number + 1, len(rules))
    return tuple(outcomes)


def _taught(device: Device, dataset: Dataset, rule: Rule, *, samples: int | None, orders: int, seed: int) -> tuple[list[int], list[float]]:
    """Return samples learned and accuracy of each order."""
    learned, accuracies = [], []
    for draw in range(orders):
        order = np.random.default_rng(seed + draw).permutation(len(dataset.x_train))[:samples]
        device.rollback("factory")
        flags = TeachFlags(guard=False, only_when=rule.only_when, unsure_below=rule.unsure_below)
        learned.append(device.teach(dataset.x_train[order], dataset.y_train[order], flags=flags).taught)
        accuracies.append(device.evaluate(dataset.x_test, dataset.y_test).accuracy)
    return learned, accuracies
