# SPDX-License-Identifier: Apache-2.0
"""One head of many: by the mean, by a mean without the extremes, or the one that most others are near.

In: heads that `checking` found alike. Out: an `Averaged`. An int8 weight is byte × scale of its row, and the scale is the bundle's: so the
mean of weights is the mean of bytes, rounded. Equal heads in the same order give equal bytes.

    mean     FedAvg, Σ nᵢ wᵢ / Σ nᵢ with n samples each: McMahan et al. 2017, arXiv:1602.05629. One poisoned head
             moves it anywhere
    trimmed  each number's mean without the b largest and the b smallest: Yin et al. 2018, arXiv:1803.01498. Holds against b of 2b + 1
    krum     the head with the least sum of squared distances to its n − b − 2 nearest: Blanchard et al. 2017, arXiv:1703.02757. Holds
             against b of 2b + 3
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from tinytl.errors import DeviceError
from tinytl_bridge.fleet.checking import MOST_NORM, expect_alike, norms, numbers_of
from tinytl_bridge.fleet.head_file import HeadFile

RULES = ("mean", "trimmed", "krum")


@dataclass(frozen=True)
class Averaged:
    """What came of averaging.

    Attributes:
        head: the one of many. rule: by which. weights: share of each head in a mean, adding up to 1; () by the other rules.
        chosen: name of the head that Krum took; "" by the other rules.
        norms: by the name of each head, its norm in medians of all.
    """

    head: HeadFile
    rule: str
    weights: tuple[float, ...]
    chosen: str
    norms: dict[str, float]

    @property
    def outliers(self) -> tuple[str, ...]:
        """Names of heads whose norm is more than ten medians."""
        return tuple(name for name, norm in self.norms.items() if norm > MOST_NORM)


def average_heads(
    heads: Mapping[str, HeadFile], *, rule: str = "mean", weights: Sequence[float] | None = None, poisoned: int = 1,
    most_norm: float = MOST_NORM,
) -> Averaged:  # fmt: skip
    """Make one head of many.

    Args:
        heads: two or more, by the name that errors call each.
        rule: "mean", "trimmed" or "krum".
        weights: of the mean, samples that each head stands for, ≥ 0 and not all 0; None: the samples that each was taught since the
            factory head, alike where none was.
        poisoned: b, heads that "trimmed" and "krum" hold against, ≥ 1.
        most_norm: largest norm in medians of all that a head of a mean may have; infinity: any. The other rules only tell.

    Raises:
        DeviceError: heads that are not alike or out of range; too few for the rule; weights that do not fit, or with a rule that counts
            each head once.
    """
    expect_alike(heads)
    if rule not in RULES:
        raise DeviceError(f"rule {rule!r}", expected=", ".join(RULES))
    if weights is not None and rule != "mean":
        raise DeviceError(f"weights with rule {rule}, which counts each head once", expected="rule mean")
    listed, found = list(heads.values()), dict(zip(heads, norms(list(heads.values())).tolist(), strict=True))
    if rule == "mean":
        _expect_norms(found, most_norm)
        shares = _shares(listed, weights)
        return Averaged(_mean(listed, shares), rule, tuple(shares.tolist()), "", found)
    _expect_enough(len(listed), rule, poisoned)
    if rule == "trimmed":
        return Averaged(_trimmed(listed, poisoned), rule, (), "", found)
    nearest = _krum(listed, poisoned)
    return Averaged(listed[nearest], rule, (), list(heads)[nearest], found)


def _expect_norms(found: Mapping[str, float], most: float) -> None:
    for name, norm in found.items():
        if norm > most:
            raise DeviceError(
                f"{name} has {norm:.1f} times the median norm of these heads: it alone would decide the mean", expected=f"at most {most:g}",
                hint="leave it out; --rule trimmed and --rule krum hold against it",
            )  # fmt: skip


def _expect_enough(count: int, rule: str, poisoned: int) -> None:
    fewest = 2 * poisoned + (1 if rule == "trimmed" else 3)
    if poisoned < 1 or count < fewest:
        raise DeviceError(
            f"{count} heads by rule {rule} against {poisoned} poisoned", expected=f"1 poisoned or more, and {fewest} heads or more",
            hint="--rule mean takes any number",
        )  # fmt: skip


def _shares(heads: Sequence[HeadFile], weights: Sequence[float] | None) -> np.ndarray:
    told = [float(head.steps) for head in heads] if weights is None else [float(weight) for weight in weights]
    if weights is None and not any(told):
        told = [1.0] * len(heads)
    numbers = np.array(told)
    if len(numbers) != len(heads) or not np.isfinite(numbers).all() or (numbers < 0).any() or not numbers.any():
        raise DeviceError(f"weights {', '.join(f'{weight:g}' for weight in told)} for {len(heads)} heads",
                          expected="one of 0 or more for each, not all 0")  # fmt: skip
    return numbers / numbers.sum()


def _mean(heads: Sequence[HeadFile], shares: np.ndarray) -> HeadFile:
    floats = sum(share * head.floats.astype(np.float64) for share, head in zip(shares, heads, strict=True))
    weights = sum(share * head.int8_weights.astype(np.float64) for share, head in zip(shares, heads, strict=True))
    return heads[0].with_numbers(np.asarray(floats), np.rint(weights), steps=_steps(heads))


def _trimmed(heads: Sequence[HeadFile], poisoned: int) -> HeadFile:
    floats, weights = (
        np.sort(np.stack(parts).astype(np.float64), axis=0)[poisoned : len(heads) - poisoned].mean(axis=0)
        for parts in ([head.floats for head in heads], [head.int8_weights for head in heads])
    )
    return heads[0].with_numbers(floats, np.rint(weights), steps=_steps(heads))


def _krum(heads: Sequence[HeadFile], poisoned: int) -> int:
    """Return the number of the head that is nearest to most; of equal ones the first."""
    numbers = np.stack([numbers_of(head) for head in heads])
    scores = []
    for own in numbers:
        distances = np.sort(np.square(numbers - own).sum(axis=1))[1:]  # the first is its own, 0
        scores.append(float(distances[: len(heads) - poisoned - 2].sum()))
    return int(np.argmin(scores))


def _steps(heads: Sequence[HeadFile]) -> int:
    """Return how far the averaged head is: as far as the one that was taught most, so that schedules of the learning rate go on."""
    return max(head.steps for head in heads)
