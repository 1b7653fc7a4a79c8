"""A prior over programs of brush strokes: random walks of the pen over the canvas."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from spiral.engines.strokes import StrokeSettings

MOVE = 0
_JUMP = 0.15
"""Share of commands after the first that lift the pen."""
_KEEP = 0.7
"""Share of strokes that keep the size, pressure or colour of the one before."""
_STEP = 0.3
"""Deviation of a stroke's end from its beginning, as a share of the canvas's side, by axis."""
_BEND = 0.12
"""Deviation of a control point from the middle between them, likewise."""


def sample_walks(
    settings: StrokeSettings, generator: np.random.Generator, length: int, count: int
) -> npt.NDArray[np.int64]:
    """Draw programs int64 [length, count, K] of 1 to `length` commands, padded with rests.

    The pen first jumps to its starting point; each stroke begins at the end of the last one, except for occasional
    jumps. A rest is a jump to the pen's place. Where strokes have starts, these take the jumps' place.
    """
    specification, grid = settings.specification(), settings.grid
    commands = specification.random(generator, (length, count))
    column = {name: position for position, name in enumerate(settings.choices)}
    lasting = [position for name, position in column.items() if name not in ("flag", "start", "end", "control")]
    busy = generator.integers(1, length + 1, size=count)
    pen = np.zeros((count, 2))
    for step, command in enumerate(commands):
        jump = generator.random(count) < (_JUMP if step else 0.9)
        rest = step >= busy
        anywhere = generator.random((count, 2)) * grid
        if "start" in column:
            pen = np.where((jump & ~rest)[:, None], anywhere, pen)
            command[:, column["start"]] = _cells(pen, grid)
            jump = np.zeros(count, bool)
        if "flag" not in column:
            jump, rest = np.zeros(count, bool), np.zeros(count, bool)
        near = _fold(pen + generator.normal(0.0, _STEP * grid, (count, 2)), grid)
        end = np.where(rest[:, None], pen, np.where(jump[:, None], anywhere, near))
        middle = (pen + end) / 2.0
        if "flag" in column:
            command[:, column["flag"]] = np.where(jump | rest, MOVE, np.maximum(command[:, column["flag"]], 1))
        if "control" in column:
            bent = _fold(middle + generator.normal(0.0, _BEND * grid, (count, 2)), grid)
            command[:, column["control"]] = _cells(bent, grid)
        command[:, column["end"]] = _cells(end, grid)
        if step:
            kept = (generator.random(count) < _KEEP)[:, None]
            command[:, lasting] = np.where(kept, commands[step - 1][:, lasting], command[:, lasting])
        pen = end
    return commands


def _fold(points: npt.NDArray[np.float64], grid: int) -> npt.NDArray[np.float64]:
    """Points reflected at the canvas's edges."""
    return np.clip(np.abs(grid - 1e-6 - np.abs(grid - 1e-6 - points)), 0.0, grid - 1e-6)


def _cells(points: npt.NDArray[np.float64], grid: int) -> npt.NDArray[np.int64]:
    """The cells of points float64 [N, 2], row and column."""
    rows, columns = points.astype(np.int64).clip(0, grid - 1).T
    return rows * grid + columns
