"""Accuracy of scenes beyond pixels: which objects were found, with which attributes (section 4.6)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from spiral.datasets.base import Dataset
from spiral.engines import CanvasSettings
from spiral.engines.objects import Objects, SceneSettings, objects_after
from spiral.program import Program

NEAR = 1
"""Two objects can match if their cells are at most so many rows and columns apart."""


def scene_accuracy(canvas: CanvasSettings, programs: Sequence[Program], data: Dataset) -> dict[str, float | None]:
    """`object_accuracy` of programs for scenes whose true programs are known; empty for other pictures."""
    if not isinstance(canvas, SceneSettings) or data.programs is None:
        return {}
    return object_accuracy(canvas, programs, data.programs)


def object_accuracy(
    settings: SceneSettings, programs: Sequence[Program], truth: npt.NDArray[np.int64]
) -> dict[str, float | None]:
    """Compare the scenes of N programs with the true scenes.

    Each object is matched with at most one other, no more than a cell away in either direction: the closest first,
    and among equally close ones the most similar.

    Args:
        settings: of the engine.
        programs: N, of an agent or a search.
        truth: int64 [N, T, 7], the true programs.

    Returns:
        `recall`, the share of true objects that were matched; `precision`, the share of built ones that were; and of
        the pairs the shares whose `cell`, `type`, `size` and `colour` are right, and `colour_off`, the mean
        error of a channel in [0, 1] (None without matches).
    """
    true = objects_after(settings, truth.swapaxes(0, 1))
    pairs: list[tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]] = []
    found_count = 0
    for index, program in enumerate(programs):
        found = objects_after(settings, program.array()[:, None])
        found_count += int(found.count[0])
        pairs += _matched(settings, _objects(true, index), _objects(found, 0))
    all_true = int(true.count.sum())
    figures: dict[str, float | None] = {
        "recall": len(pairs) / max(all_true, 1),
        "precision": len(pairs) / max(found_count, 1),
    }
    names = ("cell", "type", "size", "colour", "colour_off")
    if not pairs:
        return figures | dict.fromkeys(names)
    one, other = (np.stack(side) for side in zip(*pairs, strict=True))
    off = np.abs(one[:, 3:] - other[:, 3:])
    same = one == other
    shares = (same[:, 0], same[:, 1], same[:, 2], (off == 0).all(1), off.mean(1) / (settings.levels - 1))
    return figures | {name: float(share.mean()) for name, share in zip(names, shares, strict=True)}


def _objects(scenes: Objects, index: int) -> npt.NDArray[np.int64]:
    return scenes.options[index, : scenes.count[index]]


def _matched(
    settings: SceneSettings, true: npt.NDArray[np.int64], found: npt.NDArray[np.int64]
) -> list[tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]]:
    rows = [divmod(side[:, 0], settings.grid) for side in (true, found)]
    apart = [np.abs(rows[0][axis][:, None] - rows[1][axis][None]) for axis in (0, 1)]
    distance = np.maximum(*apart)
    unlike = (true[:, None, 1:] != found[None, :, 1:]).sum(2)
    order = np.lexsort((unlike.ravel(), (apart[0] + apart[1]).ravel()))
    pairs, taken = [], (set[int](), set[int]())
    for place in order:
        one, other = divmod(int(place), len(found))
        if distance[one, other] <= NEAR and one not in taken[0] and other not in taken[1]:
            taken[0].add(one)
            taken[1].add(other)
            pairs.append((true[one], found[other]))
    return pairs
