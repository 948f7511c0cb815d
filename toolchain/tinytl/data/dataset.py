# SPDX-License-Identifier: Apache-2.0
"""The `Dataset` type: labelled samples in two splits, as every stage takes them."""

from dataclasses import dataclass

import numpy as np

from tinytl.errors import DataError


@dataclass(frozen=True)
class Dataset:
    """Labelled samples of one task.

    Attributes:
        name: registry name, or the file's stem.
        x_train, x_test: samples, both of one type; images (N, H, W, C) uint8 with C in {1, 3}; or float32 of the model's input shape,
            (N, D), (N, T, F) or (N, H, W, C); or int8 likewise: real numbers, or a model's own input where its bundle says so.
        y_train, y_test: class numbers (N,) int64 in [0, len(classes)).
        classes: class names in order.
        origin: what `load_dataset` took to make it: a registered name or an absolute path; empty for samples made in memory.
        seed, resize: of the split and of a folder's images, as `load_dataset` took them.
    """

    name: str
    x_train: np.ndarray
    y_train: np.ndarray
    x_test: np.ndarray
    y_test: np.ndarray
    classes: tuple[str, ...]
    origin: str = ""
    seed: int = 0
    resize: tuple[int, int] | None = None

    def __post_init__(self) -> None:
        for split in ("train", "test"):
            self._check(split, getattr(self, f"x_{split}"), getattr(self, f"y_{split}"))
        if self.x_train.shape[1:] != self.x_test.shape[1:]:
            raise DataError(
                f"dataset {self.name!r}: test samples have shape {self.x_test.shape[1:]}",
                expected=f"{self.x_train.shape[1:]}, as in the train split",
            )

        if self.x_train.dtype.kind != self.x_test.dtype.kind:
            raise DataError(
                f"dataset {self.name!r}: test samples are {self.x_test.dtype}", expected=f"{self.x_train.dtype}, as in the train split"
            )

    def _check(self, split: str, x: np.ndarray, y: np.ndarray) -> None:
        where = f"dataset {self.name!r}: {split}"
        if len(x) != len(y):
            raise DataError(f"{where} split has {len(x)} samples and {len(y)} labels", expected="as many of both")
        if x.ndim not in (2, 3, 4):
            raise DataError(f"{where} samples have shape {x.shape}", expected="(N, H, W, C) images, (N, T, F) sequences or (N, D) vectors")
        if x.dtype.kind == "f" and not np.isfinite(x).all():
            bad = int(np.argwhere(~np.isfinite(x.reshape(len(x), -1)).all(axis=1))[0, 0])
            raise DataError(f"{where} sample {bad} holds NaN or infinity", expected="finite numbers")
        if y.dtype.kind not in "iu":
            raise DataError(f"{where} labels are {y.dtype}", expected="integers, one class number a sample")
        if len(y) and (y.min() < 0 or y.max() >= len(self.classes)):
            bad = int(y.min() if y.min() < 0 else y.max())
            raise DataError(f"{where} label {bad}", expected=f"0 to {len(self.classes) - 1} ({len(self.classes)} classes)")

    @property
    def sample_shape(self) -> tuple[int, ...]:
        """Shape of one sample."""
        return tuple(self.x_train.shape[1:])
