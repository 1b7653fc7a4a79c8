"""Data sets, and the checks of every loader's result."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from spiral.errors import InputError

Split = Literal["train", "test"]
_HELD_OUT_SHARE = 10
"""Sources without a split of their own hold out every tenth picture, at least one."""


@dataclass(frozen=True)
class Dataset:
    """Pictures with or without labels.

    Attributes:
        name: where they came from.
        images: uint8 [N, H, W, C], C 1 or 3.
        labels: int64 [N], or None.
        programs: int64 [N, T, K], the programs that drew them, if known.
    """

    name: str
    images: npt.NDArray[np.uint8]
    labels: npt.NDArray[np.int64] | None = None
    programs: npt.NDArray[np.int64] | None = None

    def __post_init__(self) -> None:
        """Check shapes and types.

        Raises:
            InputError: no pictures, wrong shapes or types, or not one label per picture.
        """
        images, labels = self.images, self.labels
        if images.dtype != np.uint8 or images.ndim != 4 or images.shape[3] not in (1, 3):
            raise InputError(f"{self.name}: images must be uint8 [N, H, W, 1 or 3], got {images.dtype} {images.shape}")
        if 0 in images.shape:
            raise InputError(f"{self.name}: there are no pictures in it")
        if labels is not None and (labels.shape != images.shape[:1] or labels.dtype.kind not in "iu"):
            raise InputError(
                f"{self.name}: labels must be {len(images)} whole numbers, got {labels.dtype} {labels.shape}"
            )

    def __len__(self) -> int:
        """N."""
        return len(self.images)

    def part(self, rows: slice) -> Dataset:
        """The pictures and labels of some rows."""
        return self.rows(np.arange(len(self))[rows])

    def rows(self, rows: npt.NDArray[np.int64] | npt.NDArray[np.bool_]) -> Dataset:
        """The pictures of some rows, with their labels and programs."""
        labels, programs = (None if part is None else part[rows] for part in (self.labels, self.programs))
        return Dataset(self.name, self.images[rows], labels, programs)

    def evenly_spaced(self, limit: int | None) -> Dataset:
        """At most `limit` pictures, evenly spread over all, since archives sort them by class."""
        if limit is None or limit >= len(self):
            return self
        rows = np.linspace(0, len(self) - 1, limit).round().astype(int) if limit > 1 else np.zeros(1, int)
        return self.rows(rows)


def is_called(source: str, name: str) -> bool:
    """Whether a source is `NAME` or `NAME:ARGUMENT`."""
    return source == name or source.startswith(f"{name}:")


def belongs(index: int, count: int, split: Split) -> bool:
    """Whether picture `index` of `count` is in a split of a source without splits; a single one is in both."""
    held_out = index % _HELD_OUT_SHARE == min(_HELD_OUT_SHARE, count) - 1
    return count == 1 or held_out == (split == "test")


def held_out(data: Dataset, split: Split) -> Dataset:
    """The part of a data set without splits that `belongs` to `split`."""
    return data.rows(np.array([belongs(index, len(data), split) for index in range(len(data))]))
