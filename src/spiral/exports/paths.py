"""Programs of brush strokes as curves, each with its path, width and colour."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from spiral.engines.splines import Splines
from spiral.engines.strokes import POINT, StrokeSettings, decode
from spiral.errors import InputError
from spiral.program import Program


@dataclass(frozen=True)
class Curve:
    """One stroke as drawn.

    Attributes:
        command: its place in the program, from 0.
        points: float64 [2 n + 1, 2], (x, y) in pixels: a start point, then control and end point of n quadratic
            Beziers.
        width: in pixels, twice the brush's radius.
        opacity: 0 to 1, the pressure.
        colour: red, green, blue, 0 to 1.
    """

    command: int
    points: npt.NDArray[np.float64]
    width: float
    opacity: float
    colour: tuple[float, float, float]

    @property
    def hexadecimal(self) -> str:
        """The colour as #rrggbb."""
        return hexadecimal(self.colour)


def hexadecimal(colour: tuple[float, ...]) -> str:
    """A colour of red, green and blue, 0 to 1, as #rrggbb."""
    return "#" + "".join(f"{round(255 * value):02x}" for value in colour)


def stroke_settings(program: Program) -> StrokeSettings:
    """The settings of a program of brush strokes.

    Raises:
        InputError: it is none.
    """
    try:
        settings = StrokeSettings.parse(program.settings)
    except InputError as error:
        raise InputError(f"not a program of brush strokes: {error}") from error
    if program.specification != settings.specification():
        raise InputError("not a program of brush strokes: its commands are others")
    return settings


def curves(program: Program, size: int | None = None) -> list[Curve]:
    """The visible strokes of a program, in order.

    Args:
        program: of brush strokes.
        size: side of the canvas in pixels; the program's own when None.

    Raises:
        InputError: not a program of brush strokes.
    """
    settings = stroke_settings(program)
    settings = settings if size is None else replace(settings, size=size)
    commands = program.array()
    strokes = decode(settings, commands)
    flags = commands[:, settings.choices.index("flag")] if "flag" in settings.choices else None
    splines = Splines(1) if settings.spline else None
    pen, found = np.zeros(2), []
    for place in range(len(commands)):
        end = strokes.end[place].astype(np.float64)
        if splines is not None and flags is not None:
            pieces = splines.add(flags[place : place + 1], strokes.end[place : place + 1], np.ones(1, bool))[0]
            points = np.concatenate([pen[None], pieces.reshape(-1, 2).astype(np.float64)])
        else:
            if strokes.start is not None:
                pen = strokes.start[place].astype(np.float64)
            control = (pen + end) / 2 if strokes.midway else strokes.control[place].astype(np.float64)
            points = np.stack([pen, control, end])
        if strokes.paint[place]:
            red, green, blue = strokes.colour[place].tolist()
            width, opacity = 2.0 * float(strokes.radius[place]), float(strokes.pressure[place])
            found.append(Curve(place, points, width, opacity, (red, green, blue)))
        # The pen stays at the next spline's beginning until it is drawn.
        if splines is None or flags is None or flags[place] != POINT:
            pen = end
    return found
