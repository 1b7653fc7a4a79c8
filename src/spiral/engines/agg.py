"""Round strokes by matplotlib's Agg renderer, drawn straight into memory."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from matplotlib.backends.backend_agg import RendererAgg
from matplotlib.path import Path
from matplotlib.transforms import Affine2D

_POINTS_PER_INCH = 72  # at this resolution one point is one pixel
DOT = 1e-3
"""A stroke that ends where it starts gets this length in pixels, so that its round ends are drawn."""


class AggCanvas:
    """A square of pixels that strokes are drawn on.

    Attributes:
        memory: uint8 [S, S, 4], red, green, blue and alpha: the renderer's own.
    """

    memory: npt.NDArray[np.uint8]

    def __init__(self, size: int) -> None:
        """Make pixels that are all zero.

        Args:
            size: S.
        """
        self._renderer = RendererAgg(size, size, _POINTS_PER_INCH)
        self.memory = np.asarray(self._renderer.buffer_rgba())
        self._brush = self._renderer.new_gc()
        self._brush.set_capstyle("round")
        self._brush.set_joinstyle("round")
        # Agg counts rows from the bottom, as figures do.
        self._upright = Affine2D().scale(1, -1).translate(0, size)

    def draw(self, path: Path, width: float, colour: tuple[float, float, float], opacity: float) -> None:
        """Draw one stroke.

        Args:
            path: in pixels, (x, y) from the upper left corner.
            width: in pixels.
            colour: red, green and blue, 0 to 1.
            opacity: 0 to 1.
        """
        self._brush.set_linewidth(width)
        self._brush.set_foreground((*colour, opacity), isRGBA=True)
        self._brush.set_alpha(opacity)
        self._renderer.draw_path(self._brush, path, self._upright, None)
