"""Antialiased strokes that need only wheels: matplotlib's Agg renderer, drawing straight into memory.

A stroke is the quadratic Bezier from the pen's place over the control point to the end, with round ends, twice the
radius wide, as opaque as its pressure, in its colour; a jump only moves the pen. Measured on one core at 64x64 with
radii 1 to 4: 48,000 strokes/s (`spiral bench`). Agg was chosen for subpixel widths, round caps and
wheels for every system: aggdraw (as fast) has no round caps, skia-python needs a GL library, OpenCV draws whole-pixel
widths only. The renderer holds the GIL, so threads would not help and `threads` is ignored.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib.path import Path

from spiral.engines.agg import DOT, AggCanvas
from spiral.engines.base import Engine, check_commands, check_fork, check_load, check_mask
from spiral.engines.splines import Splines
from spiral.engines.strokes import POINT, StrokeSettings, decode


class VectorEngine:
    """A batch of canvases; see `spiral.engines.base.Engine` for the protocol."""

    name = "vector"

    def __init__(self, batch: int, settings: StrokeSettings) -> None:
        """Canvases for `batch` pictures, all blank."""
        self._stroke_settings = settings
        self.settings: dict[str, Any] = settings.to_json()
        self.specification = settings.specification()
        self.batch = batch
        self.shape: tuple[int, int, int] = (settings.size, settings.size, settings.channels)
        self._agg_canvases = [AggCanvas(settings.size) for _ in range(batch)]
        self._memory = [agg_canvas.memory for agg_canvas in self._agg_canvases]
        self._pixels = np.zeros((batch, *self.shape), np.uint8)
        self._ground = np.array([round(255 * value) for value in (*settings.ground, 1.0)], np.uint8)
        self._pens = np.zeros((batch, 2))
        self._splines = Splines(batch) if settings.spline else None
        self.reset(np.zeros(batch, np.int64))

    def reset(self, seeds: npt.NDArray[np.int64], which: npt.NDArray[np.bool_] | None = None) -> None:
        """Blank the canvases in `which` and put their pens in the upper left corner; nothing here is random."""
        chosen = check_mask(self, which)
        for index in np.flatnonzero(chosen):
            self._memory[index][...] = self._ground
            self._pixels[index] = self._ground[: self.shape[2]]
            self._pens[index] = 0.0
        if self._splines is not None:
            self._splines.reset(chosen)

    def load(
        self,
        pictures: npt.NDArray[np.uint8],
        pens: npt.NDArray[np.float32],
        which: npt.NDArray[np.bool_] | None = None,
    ) -> None:
        """Put pictures onto the canvases of `which`, pens lifted; see the protocol."""
        pictures, pens = check_load(self, pictures, pens)
        chosen = check_mask(self, which)
        for index in np.flatnonzero(chosen):
            self._memory[index][..., :3] = pictures[index]
            self._memory[index][..., 3] = 255
            self._pixels[index] = pictures[index]
            self._pens[index] = pens[index]
        if self._splines is not None:
            self._splines.reset(chosen, pens)

    def fork(self, source: Engine, rows: npt.NDArray[np.int64], which: npt.NDArray[np.bool_] | None = None) -> None:
        """Become copies of canvases of another engine; see the protocol."""
        rows, chosen = check_fork(self, source, rows, which)
        assert isinstance(source, VectorEngine)
        memory = {row: source._memory[row].copy() for row in set(rows[chosen].tolist())}
        for index in np.flatnonzero(chosen):
            self._memory[index][...] = memory[int(rows[index])]
        self._pixels[chosen] = source._pixels[rows[chosen]]
        self._pens[chosen] = source._pens[rows[chosen]]
        if self._splines is not None and source._splines is not None:
            self._splines.fork(source._splines, rows, chosen)

    def step(self, commands: npt.NDArray[np.int64], which: npt.NDArray[np.bool_] | None = None) -> None:
        """Execute one command in each canvas of `which`; see the protocol."""
        commands = check_commands(self, commands)
        strokes = decode(self._stroke_settings, commands)
        chosen = check_mask(self, which)
        ends = strokes.end.astype(np.float64)
        if self._splines is None:
            if strokes.start is not None:
                chosen = chosen & strokes.paint
                self._pens = np.where(chosen[:, None], strokes.start, self._pens)
            controls = (self._pens + ends) / 2 if strokes.midway else strokes.control.astype(np.float64)
            curves = list(np.stack([self._pens, controls, ends], axis=1))
            self._pens = np.where(chosen[:, None], ends, self._pens)
        else:
            flags = commands[:, self._stroke_settings.choices.index("flag")]
            pieces = self._splines.add(flags, strokes.end, chosen)
            curves = [
                np.concatenate([pen[None], some.reshape(-1, 2)]) for pen, some in zip(self._pens, pieces, strict=True)
            ]
            # The pen stays at the next spline's beginning until it is drawn.
            moved = chosen & (flags != POINT)
            self._pens = np.where(moved[:, None], ends, self._pens)
        for index in np.flatnonzero(chosen & strokes.paint):
            curve = np.array(curves[index], np.float64)
            curve[-1, 0] += DOT * (curve == curve[0]).all()
            red, green, blue = strokes.colour[index].tolist()
            width, opacity = 2.0 * float(strokes.radius[index]), float(strokes.pressure[index])
            codes = np.full(len(curve), Path.CURVE3, Path.code_type)
            codes[0] = Path.MOVETO
            self._agg_canvases[index].draw(Path(curve, codes), width, (red, green, blue), opacity)
            self._pixels[index] = self._memory[index][..., : self.shape[2]]

    def canvases(self) -> npt.NDArray[np.uint8]:
        """The canvases, uint8 [B, H, W, C]: the engine's own memory."""
        return self._pixels


def missing() -> str | None:
    """Always None: the engine's only dependency is installed with spiral."""
    return None


def build(batch: int, settings: dict[str, Any], threads: int | None) -> VectorEngine:
    """Build the engine from JSON settings; called by `spiral.engines.make`."""
    return VectorEngine(batch, StrokeSettings.parse(settings))
