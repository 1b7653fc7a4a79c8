"""The paint on the sheet: strokes along the tip's real path, in the program's colours and widths."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from matplotlib.path import Path

from spiral.engines.agg import DOT, AggCanvas
from spiral.exports.paths import Curve
from spiral.robot.arm import CENTRE, SHEET

TOUCHING = 0.003
"""The brush paints while its tip is lower than this above the sheet, metres."""


class Sheet:
    """A sheet of paper, painted by the rules of the `vector` engine."""

    def __init__(self, size: int, ground: tuple[float, float, float]) -> None:
        """A blank sheet.

        Args:
            size: side in pixels.
            ground: its colour, red, green and blue 0 to 1.
        """
        self._size = size
        self._canvas = AggCanvas(size)
        self._memory = self._canvas.memory
        self._memory[..., :3] = np.round(np.array(ground) * 255.0)
        self._memory[..., 3] = 255
        self._before = self._memory.copy()

    def begin(self) -> None:
        """Begin another stroke."""
        self._before[:] = self._memory

    def stroke(self, curve: Curve, width: float, tips: npt.NDArray[np.float64]) -> None:
        """Repaint the current stroke so far, so that its parts do not overlap.

        Args:
            curve: with its colour and opacity.
            width: in metres.
            tips: float64 [N, 3], positions of the tip, painted where it touched the sheet.
        """
        down = tips[tips[:, 2] < TOUCHING, :2]
        if not len(down):
            return
        self._memory[:] = self._before
        scale = self._size / SHEET
        points = np.column_stack([down[:, 1], down[:, 0] - CENTRE]) * scale + self._size / 2
        points = np.concatenate([points, points[-1:] + np.array([DOT, 0.0])])
        self._canvas.draw(Path(points), width * scale, curve.colour, curve.opacity)

    def picture(self) -> npt.NDArray[np.uint8]:
        """The current sheet: uint8 [S, S, 3]."""
        return self._memory[..., :3].copy()
