"""The motion of the brush's tip: strokes with the brush down, travel between them with the brush up."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from spiral.errors import InputError
from spiral.exports.paths import Curve, curves, stroke_settings
from spiral.program import Program
from spiral.robot.arm import sheet_coordinates

STEP = 0.01
"""Seconds between two points of a motion."""
PAINTING, TRAVELLING = 0.12, 0.35
"""Metres a second, at most."""
ACCELERATION = 1.2
"""Metres a second squared, at most, at the beginning and the end of a stroke or a travel."""
LIFT = 0.025
"""Metres above the sheet on the way to the next stroke."""
_DWELL = 0.1
"""Seconds that the brush rests for a dot."""
_PIECES = 64
"""Points along each curve, before resampling."""
_TOGETHER = 1e-6
"""Strokes that begin this near to the last one's end are painted without lifting the brush, metres."""


@dataclass(frozen=True)
class Motion:
    """The tip's planned positions at N moments, `STEP` seconds apart.

    Attributes:
        points: float64 [N, 3], metres.
        stroke: int64 [N], which of the curves is being painted, -1 with the brush up.
        curves: the strokes.
    """

    points: npt.NDArray[np.float64]
    stroke: npt.NDArray[np.int64]
    curves: list[Curve]

    @property
    def seconds(self) -> float:
        """Its duration."""
        return len(self.points) * STEP


def plan(program: Program, start: npt.NDArray[np.float64]) -> Motion:
    """The motion that paints a program.

    Args:
        program: of brush strokes.
        start: float64 [3], the tip's position at the beginning and the end.

    Raises:
        InputError: a program without visible brush strokes.
    """
    settings = stroke_settings(program)
    strokes = curves(program)
    if not strokes:
        raise InputError("there is nothing to paint in this program: it has no visible stroke")
    points, which, place = [], [], start
    for index, curve in enumerate(strokes):
        flat = sheet_coordinates(_along(curve.points) / settings.size, settings.aspect)
        path = np.column_stack([flat, np.zeros(len(flat))])
        if np.linalg.norm(path[0] - place) > _TOGETHER:
            points.append(_way(place, path[0]))
            which.append(np.full(len(points[-1]), -1))
        points.append(_timed(path, PAINTING))
        which.append(np.full(len(points[-1]), index))
        place = path[-1]
    points.append(_way(place, start))
    which.append(np.full(len(points[-1]), -1))
    return Motion(np.concatenate(points), np.concatenate(which), strokes)


def _along(chain: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Points float64 [M, 2] along consecutive quadratic Beziers float64 [2 n + 1, 2]."""
    t = np.linspace(0.0, 1.0, _PIECES)[:, None]
    pieces = [
        (1 - t) ** 2 * chain[i] + 2 * t * (1 - t) * chain[i + 1] + t**2 * chain[i + 2]
        for i in range(0, len(chain) - 2, 2)
    ]
    return np.concatenate(pieces)


def _way(start: npt.NDArray[np.float64], end: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Travel up, over and down."""
    above = [np.array([*point[:2], max(LIFT, start[2], end[2])]) for point in (start, end)]
    legs = (np.stack([start, above[0]]), np.stack(above), np.stack([above[1], end]))
    return np.concatenate([_timed(leg, TRAVELLING) for leg in legs if np.ptp(leg, axis=0).any()])


def _timed(path: npt.NDArray[np.float64], speed: float) -> npt.NDArray[np.float64]:
    """A path float64 [M, 3] from rest to rest, one point per `STEP`: the speed rises, stays and falls."""
    lengths = np.concatenate([[0.0], np.linalg.norm(np.diff(path, axis=0), axis=1).cumsum()])
    total = float(lengths[-1])
    if total < _TOGETHER:
        return np.repeat(path[:1], round(_DWELL / STEP), axis=0)
    top = min(speed, (ACCELERATION * total) ** 0.5)
    rising, cruising = top / ACCELERATION, (total - top**2 / ACCELERATION) / top
    count = max(2, int(np.ceil((2 * rising + cruising) / STEP)))
    time = np.linspace(0.0, 2 * rising + cruising, count + 1)[1:]
    left = time[-1] - time
    done = np.where(
        time < rising,
        0.5 * ACCELERATION * time**2,
        np.where(left < rising, total - 0.5 * ACCELERATION * left**2, top * (time - rising / 2)),
    )
    return np.column_stack([np.interp(done, lengths, path[:, axis]) for axis in range(3)])
