"""The compound stroke of SPIRAL++: points are added command by command, then a curve is drawn.

The curve is the cubic Catmull-Rom spline through the pen's place and all points added since; at its ends the tangent is
that of the first and last chord. Engines draw it as quadratic Bezier pieces, two for each cubic.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from spiral.engines.strokes import MOVE, PAINT

Pieces = npt.NDArray[np.float32]
"""Consecutive quadratic Bezier pieces: float32 [n, 2, 2], control point and end of each, (x, y) in pixels."""
_NONE: Pieces = np.zeros((0, 2, 2), np.float32)


class Splines:
    """The points on each of B canvases that are not drawn yet."""

    def __init__(self, batch: int) -> None:
        """Put all pens in the upper left corner."""
        self._points: list[list[npt.NDArray[np.float32]]] = [[np.zeros(2, np.float32)] for _ in range(batch)]

    def reset(self, chosen: npt.NDArray[np.bool_], pens: npt.NDArray[np.float32] | None = None) -> None:
        """Move the pens in `chosen` (bool [B]) to float32 [B, 2], or to the corner, and forget their points."""
        for index in np.flatnonzero(chosen):
            self._points[index] = [np.zeros(2, np.float32) if pens is None else pens[index].copy()]

    def fork(self, source: Splines, rows: npt.NDArray[np.int64], chosen: npt.NDArray[np.bool_]) -> None:
        """Copy the points of canvases `rows` (int64 [B]) of another engine to the canvases in `chosen`."""
        points = [list(source._points[row]) for row in rows[chosen]]
        for index, taken in zip(np.flatnonzero(chosen), points, strict=True):
            self._points[index] = taken

    def add(
        self, flags: npt.NDArray[np.int64], ends: npt.NDArray[np.float32], chosen: npt.NDArray[np.bool_]
    ) -> list[Pieces]:
        """Add one command on each canvas in `chosen`.

        Args:
            flags: int64 [B]; `MOVE` lifts the pen and forgets the points, `POINT` adds one, `PAINT` adds one and draws.
            ends: float32 [B, 2], the point, (x, y) in pixels.
            chosen: bool [B].

        Returns:
            The pieces to draw on each canvas, B arrays, empty where there are none.
        """
        result = [_NONE] * len(self._points)
        for index in np.flatnonzero(chosen):
            end = ends[index]
            if flags[index] == MOVE:
                self._points[index] = [end]
                continue
            self._points[index].append(end)
            if flags[index] == PAINT:
                result[index] = through(np.stack(self._points[index]))
                self._points[index] = [end]
        return result


def through(points: npt.NDArray[np.float32]) -> Pieces:
    """The spline through n + 1 points float32 [n + 1, 2], from the first on, as 2 n quadratic pieces.

    Each cubic is halved (de Casteljau), and each half replaced by the quadratic with the same ends whose control point
    is the mean of those that fit the half's two tangents.
    """
    exact = points.astype(np.float64)
    padded = np.concatenate([exact[:1], exact, exact[-1:]])
    tangents = (padded[2:] - padded[:-2]) / 2.0
    start, end = exact[:-1], exact[1:]
    first, second = start + tangents[:-1] / 3.0, end - tangents[1:] / 3.0
    middle = (first + second) / 2.0
    left, right = (start + first) / 2.0, (second + end) / 2.0
    left_inner, right_inner = (left + middle) / 2.0, (middle + right) / 2.0
    centre = (left_inner + right_inner) / 2.0
    pieces = np.empty((len(start), 2, 2, 2))
    pieces[:, 0, 0] = (3.0 * (left + left_inner) - start - centre) / 4.0
    pieces[:, 0, 1] = centre
    pieces[:, 1, 0] = (3.0 * (right_inner + right) - centre - end) / 4.0
    pieces[:, 1, 1] = end
    return pieces.reshape(-1, 2, 2).astype(np.float32)
