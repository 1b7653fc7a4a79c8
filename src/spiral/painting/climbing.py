"""Hill climbing: a mark's points, size and pressure are changed a little, and kept where it then gains more."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from spiral.painting.closed_form import solve
from spiral.painting.marks import PRESSURE, SIZE, Coverage, Floats, Marks

_SIDES = (32, 48, 64, 96, 128, 192)
_SLACK = 5
"""Pixels by which a mark may grow before it leaves its window."""


@dataclass(frozen=True)
class Windows:
    """Squares of the canvas, one around each mark.

    Attributes:
        sides: int64 [N], in pixels.
        corners: int64 [N, 2], (x, y) in pixels.
    """

    sides: npt.NDArray[np.int64]
    corners: npt.NDArray[np.int64]


def extents(coverage: Coverage, marks: Marks) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """The corners of the boxes around marks, (x, y) in pixels: float64 [N, 2] twice; they may lie off the canvas."""
    points = marks[:, :SIZE].reshape(-1, 3, 2) / coverage.cells
    reach = coverage.reach[marks[:, SIZE], None]
    return points.min(1) - reach, points.max(1) + reach


def windows(coverage: Coverage, marks: Marks, slack: int = _SLACK) -> Windows:
    """The smallest windows that hold each mark and some pixels around it."""
    whole = coverage.settings.size
    low, high = extents(coverage, marks)
    low, high = np.maximum(low - slack, 0), np.minimum(high + slack, whole)
    longest = (high - low).max(1)
    options = [side for side in _SIDES if side < whole] + [whole]
    sides = np.array(options)[np.searchsorted(np.array(options[:-1]), longest)]
    corners = np.round((low + high) / 2 - sides[:, None] / 2).astype(np.int64)
    return Windows(sides, np.clip(corners, 0, whole - sides[:, None]))


def local(coverage: Coverage, marks: Marks, corners: npt.NDArray[np.int64]) -> Marks:
    """Marks [..., 8] in cells of their windows, whose corners [..., 2] are in pixels."""
    moved = marks.copy()
    shift = np.round(corners * coverage.cells).astype(np.int64)
    moved[..., :SIZE] -= np.concatenate([shift, shift, shift], -1)
    return moved


def mutate(coverage: Coverage, marks: Marks, number: int, spread: float, generator: np.random.Generator) -> Marks:
    """Changed copies of marks: int64 [N, number, 8] from [N, 8].

    Args:
        coverage: of the canvas.
        marks: int64 [N, 8].
        number: of copies.
        spread: standard deviation of points, in cells.
        generator: chooses the changes.
    """
    settings, count = coverage.settings, len(marks)
    copies = np.repeat(marks[:, None], number, 1)
    kind = generator.integers(0, 7, (count, number))
    moves = np.round(generator.normal(0.0, spread, (count, number, 3, 2))).astype(np.int64)
    together = (kind == 3) | (kind == 6)
    moves[together] = moves[together][:, :1]
    for point in range(3):
        moves[..., point, :][~(together | (kind == point))] = 0
    copies[..., :SIZE] = np.clip(copies[..., :SIZE] + moves.reshape(count, number, SIZE), 0, settings.grid - 1)
    wide = max(1, round(spread / 3))
    steps = generator.integers(1, wide + 1, (count, number)) * generator.choice([-1, 1], (count, number))
    size = np.where((kind == 4) | (kind == 6), steps, 0)
    copies[..., SIZE] = np.clip(copies[..., SIZE] + size, 0, len(settings.radii) - 1)
    copies[..., PRESSURE] = np.clip(copies[..., PRESSURE] + np.where(kind == 5, steps, 0), 0, settings.pressures - 1)
    return copies


def gains_of(
    coverage: Coverage,
    marks: Marks,
    corners: npt.NDArray[np.int64],
    side: int,
    first: Floats,
    second: Floats,
    palette: Floats | None = None,
) -> tuple[Floats, Floats, Floats]:
    """What marks int64 [N, M, 8] gain, M of them in each of N windows.

    Args:
        coverage: renders them.
        marks: in cells of the whole canvas.
        corners: int64 [N, 2], of the windows in pixels.
        side: of the windows.
        first: float32 [N, C + 1, side * side], `closed_form.fields` in the windows.
        second: float32 [N, C + 2, side * side].
        palette: see `closed_form.solve`.

    Returns:
        Gains float32 [N, M], colours float32 [N, M, C], coverage float32 [N, M, side * side].
    """
    count, number = marks.shape[:2]
    moved = local(coverage, marks, np.repeat(corners[:, None], number, 1))
    inside = ((moved[..., :SIZE] >= 0) & (moved[..., :SIZE] < round(side * coverage.cells))).all(-1)
    moved[~inside] = 0
    alpha = coverage.render(moved.reshape(-1, 8), side).reshape(count, number, -1)
    once = alpha @ first.transpose(0, 2, 1)
    twice = np.square(alpha) @ second.transpose(0, 2, 1)
    gains, colours = solve(once, twice, palette)
    low, high = extents(coverage, marks.reshape(-1, 8))
    low, high = low.reshape(count, number, 2), high.reshape(count, number, 2)
    whole = coverage.settings.size
    # What leaves its window, other than over the edge of the canvas, would be seen in part only.
    cut = ((low < corners[:, None]) & (corners[:, None] > 0)) | (
        (high > corners[:, None] + side) & (corners[:, None] + side < whole)
    )
    gains[~inside | cut.any(-1)] = -np.inf
    return gains, colours, alpha


def cut_out(pictures: Floats, corners: npt.NDArray[np.int64], side: int) -> Floats:
    """Windows of fields [F, S, S]: float32 [N, F, side * side]."""
    views = np.lib.stride_tricks.sliding_window_view(pictures, (side, side), axis=(1, 2))
    return views[:, corners[:, 1], corners[:, 0]].transpose(1, 0, 2, 3).reshape(len(corners), len(pictures), -1)


def by_side(
    around: Windows, first: Floats, second: Floats
) -> Iterator[tuple[int, npt.NDArray[np.int64], npt.NDArray[np.int64], Floats, Floats]]:
    """Windows of one side after another, since marks are rendered in batches of one size.

    Yields:
        The side, the rows int64 [M] of its windows, their corners int64 [M, 2], and both fields cut out there.
    """
    for side in np.unique(around.sides).tolist():
        rows = np.flatnonzero(around.sides == side)
        corners = around.corners[rows]
        yield side, rows, corners, cut_out(first, corners, side), cut_out(second, corners, side)


def climb(
    coverage: Coverage,
    marks: Marks,
    first: Floats,
    second: Floats,
    rounds: int,
    mutations: int,
    generator: np.random.Generator,
    palette: Floats | None = None,
) -> tuple[Marks, Floats, Floats]:
    """Improve marks, each for itself.

    Args:
        coverage: renders them.
        marks: int64 [N, 8].
        first: float32 [C + 1, S, S] of `closed_form.fields`.
        second: float32 [C + 2, S, S].
        rounds: of changes.
        mutations: changed copies of each mark in a round.
        generator: chooses the changes.
        palette: see `closed_form.solve`.

    Returns:
        Marks int64 [N, 8], gains float32 [N], colours float32 [N, C].
    """
    best, around = marks.copy(), windows(coverage, marks)
    gains = np.full(len(marks), -np.inf, np.float32)
    colours = np.zeros((len(marks), len(first) - 1), np.float32)
    for side, rows, corners, one, two in by_side(around, first, second):
        for turn in range(rounds + 1):
            if turn == 0:
                tried = best[rows][:, None]
            else:
                spread = max(1.0, 6.0 * coverage.cells / 2 * (1 - turn / (rounds + 1)))
                tried = mutate(coverage, best[rows], mutations, spread, generator)
            gain, colour, _ = gains_of(coverage, tried, corners, side, one, two, palette)
            pick, every = gain.argmax(1), np.arange(len(rows))
            better = gain[every, pick] > gains[rows]
            chosen = rows[better]
            best[chosen] = tried[every, pick][better]
            gains[chosen] = gain[every, pick][better]
            colours[chosen] = colour[every, pick][better]
    return best, gains, colours


def apart(coverage: Coverage, marks: Marks, most: int, tolerance: float) -> list[int]:
    """Indices of up to `most` marks, earlier ones first, whose boxes overlap by no more than `tolerance` pixels."""
    low, high = extents(coverage, marks)
    low, high = low + tolerance / 2, high - tolerance / 2
    kept: list[int] = []
    for index in range(len(marks)):
        others = np.array(kept, np.int64)
        if not ((low[index] < high[others]) & (high[index] > low[others])).all(1).any():
            kept.append(index)
            if len(kept) == most:
                break
    return kept
