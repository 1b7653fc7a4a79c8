"""Marks: strokes without a colour, and their coverage as the engine paints them.

A mark is eight whole numbers: column and row of its start, control and end in grid cells, its size and its pressure.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt

from spiral.engines import Engine, make
from spiral.engines.strokes import CHOICES, COLOURS, LONGEST, MOVE, PAINT, StrokeSettings
from spiral.errors import InputError

Floats = npt.NDArray[np.float32]
Marks = npt.NDArray[np.int64]
"""int64 [N, 8]: x, y of start, control and end in cells, size, pressure."""
SIZE, PRESSURE = 6, 7
_BATCH_PIXELS = 2**20
"""Of all small canvases of one size together; libmypaint keeps eight bytes a pixel."""
SIDE = 128
"""Side in pixels of the canvas that radii below are for."""
_GRID = 256
_SIZES = 28
_PRESSURES = 8
_FINEST, _COARSEST = 0.6, 96.0
"""Radii in pixels on a canvas of `SIDE`."""
_SPILL = 1.15
"""How far a mark reaches beyond its points, in radii."""


def aspect_of(width: int, height: int) -> float:
    """Width over height of a picture to paint.

    Raises:
        InputError: it is too narrow for a canvas.
    """
    if not width <= LONGEST * height or not height <= LONGEST * width:
        raise InputError(
            f"a picture of {width}x{height} pixels is too narrow to be painted in strokes: one side may be {LONGEST} "
            "times as long as the other; cut it first"
        )
    return width / height


def canvas_settings(own: StrokeSettings, side: int, aspect: float) -> StrokeSettings:
    """Settings of a canvas to paint on, with an agent's brush, paper and channels, and finer choices than its own.

    Args:
        own: the agent's.
        side: of the canvas in pixels: 128 or 256.
        aspect: width over height of the picture.

    Raises:
        InputError: compound strokes.
    """
    if own.spline:
        raise InputError("compound strokes cannot be tried one at a time; choose an agent that paints simple ones")
    radii = np.geomspace(_FINEST, _COARSEST, _SIZES) * (side / SIDE)
    colours = COLOURS if own.channels == 3 else ()
    return replace(
        own,
        size=side,
        choices=tuple(name for name in CHOICES if name not in COLOURS or name in colours),
        grid=_GRID,
        radii=tuple(float(round(radius, 3)) for radius in radii),
        radii_at=side,
        pressures=_PRESSURES,
        levels=256,
        aspect=aspect,
    )


def commands(settings: StrokeSettings, marks: Marks, colours: npt.NDArray[np.integer] | None = None) -> Marks:
    """A jump and a stroke for each mark: int64 [2, N, K].

    Args:
        settings: of the canvas; its grid is the marks'.
        marks: int64 [N, 8].
        colours: int [N, 3], levels of red, green and blue; without them the colour is not a choice.
    """
    columns = {
        "control": marks[:, 3] * settings.grid + marks[:, 2],
        "size": marks[:, SIZE],
        "pressure": marks[:, PRESSURE],
    }
    if colours is not None:
        columns |= {name: colours[:, channel] for channel, name in enumerate(COLOURS)}
    both = np.zeros((2, len(marks), len(settings.choices)), np.int64)
    for place, name in enumerate(settings.choices):
        if name == "flag":
            both[0, :, place], both[1, :, place] = MOVE, PAINT
        elif name == "end":
            both[0, :, place] = marks[:, 1] * settings.grid + marks[:, 0]
            both[1, :, place] = marks[:, 5] * settings.grid + marks[:, 4]
        else:
            both[1, :, place] = columns[name]
    return both


def shrink(pictures: npt.NDArray, step: int) -> Floats:
    """Means over squares of `step` pixels: [N, H, W] to float32 [N, H / step, W / step]."""
    if step == 1:
        return pictures.astype(np.float32, copy=False)
    count, height, width = pictures.shape
    rows = pictures.reshape(count, height // step, step, width).sum(2, dtype=np.float32)
    return rows.reshape(count, height // step, width // step, step).sum(3) * np.float32(1 / step**2)


class Coverage:
    """What marks cover, measured by painting them white on black on small canvases.

    Attributes:
        cells: grid cells a pixel.
        reach: float64 [sizes], pixels that a mark of each size may reach beyond its points.
    """

    def __init__(self, name: str, settings: StrokeSettings, factor: int = 1, threads: int | None = None) -> None:
        """Make canvases when they are first needed.

        Args:
            name: of the engine.
            settings: of the canvas that the marks are for.
            factor: marks are painted so many times as large and then shrunk.
            threads: of the engine; all processors when None.
        """
        self.name, self.settings, self.factor, self.threads = name, settings, factor, threads
        self.cells = settings.grid / settings.size
        self.reach = np.array(settings.radii) * (settings.size / settings.radii_at) * _SPILL + 1.5
        self._engines: dict[tuple[int, int], tuple[Engine, StrokeSettings]] = {}

    def render(self, marks: Marks, side: int, grid: int | None = None) -> Floats:
        """Coverage float32 [N, side, side], 1 where it is full.

        Args:
            marks: int64 [N, 8] in cells of this small canvas.
            side: of the small canvas in pixels, which are as large as the whole canvas's.
            grid: its cells; as fine as the whole canvas's when None.
        """
        engine, settings = self._engine(side, round(side * self.cells) if grid is None else grid)
        out = np.empty((len(marks), side, side), np.float32)
        for start in range(0, len(marks), engine.batch):
            part = marks[start : start + engine.batch]
            chosen = np.arange(engine.batch) < len(part)
            both = np.zeros((2, engine.batch, len(settings.choices)), np.int64)
            both[:, : len(part)] = commands(settings, part)
            engine.reset(np.zeros(engine.batch, np.int64), chosen)
            engine.step(both[0], chosen)
            engine.step(both[1], chosen)
            out[start : start + len(part)] = self._shrunk(engine.canvases()[: len(part), :, :, 0])
        out *= np.float32(1 / 255)
        return out

    def _shrunk(self, seen: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8] | Floats:
        return seen if self.factor == 1 else shrink(seen, self.factor)

    def _engine(self, side: int, grid: int) -> tuple[Engine, StrokeSettings]:
        key = (side, grid)
        if key not in self._engines:
            own = self.settings
            settings = replace(
                own,
                size=side * self.factor,
                grid=grid,
                channels=1,
                choices=tuple(name for name in own.choices if name not in COLOURS),
                radii=tuple(radius * own.size / own.radii_at for radius in own.radii),
                radii_at=side,
                ground=(0.0, 0.0, 0.0),
                ink=(1.0, 1.0, 1.0),
            )
            batch = min(256, max(4, _BATCH_PIXELS // (side * self.factor) ** 2))
            self._engines[key] = make(self.name, batch, settings.to_json(), self.threads), settings
        return self._engines[key]
