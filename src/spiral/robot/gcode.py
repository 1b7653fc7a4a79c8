"""The robot's motion as G-code for pen plotters."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from spiral.errors import require_number
from spiral.exports.palette_files import Paints
from spiral.exports.paths import hexadecimal
from spiral.io.files import write_atomically
from spiral.program import Program
from spiral.robot.arm import CENTRE, SHEET
from spiral.robot.motion import PAINTING, TRAVELLING, Motion, plan

_UP = 5.0
"""Millimetres above the paper between strokes."""
_LIFTED = f"G0 Z{_UP:.1f} F{TRAVELLING * 60000:.0f}"
_EVERY = 4
"""Every n-th point of a stroke is written, and the last: about 5 mm apart at full speed."""
_START = np.array([CENTRE, 0.0, 0.05])


def write_gcode(
    path: Path, program: Program, pauses: bool = False, refill: float | None = None, paints: Paints | None = None
) -> None:
    """Write the strokes of a program for a plotter, atomically: see `to_gcode`.

    Raises:
        InputError: a program without visible brush strokes, a number out of range, or the file cannot be written.
    """
    write_atomically(path, to_gcode(plan(program, _START), pauses, refill, paints).encode())


def to_gcode(motion: Motion, pauses: bool = False, refill: float | None = None, paints: Paints | None = None) -> str:
    """G-code of a motion: millimetres, absolute, the origin in the sheet's lower left corner, Z 0 on the paper.

    Colours and widths are comments before each stroke.

    Args:
        motion: as planned.
        pauses: wait (M0) in the corner for another pen, or a rinsed brush, before a stroke of another colour.
        refill: millimetres of painting after which the plotter waits in the corner for fresh paint; it does so between
            strokes, or within one that is longer.
        paints: names and numbers of colours, for what a pause asks for.

    Raises:
        InputError: a refill of less than 1 mm or more than 1 km.
    """
    if refill is not None:
        require_number("the refill", refill, 1, 1e6)
    colour, painted = "", 0.0
    lines = [
        "; written by spiral",
        "G21 ; millimetres",
        "G90 ; absolute positions",
        _LIFTED,
    ]
    places = np.flatnonzero(motion.stroke >= 0)
    breaks = np.flatnonzero((np.diff(places) > 1) | (np.diff(motion.stroke[places]) != 0)) + 1
    for moments in np.split(places, breaks):
        curve = motion.curves[int(motion.stroke[moments[0]])]
        x = (motion.points[moments, 1] + SHEET / 2) * 1000.0
        y = (CENTRE + SHEET / 2 - motion.points[moments, 0]) * 1000.0
        kept = sorted({*range(0, len(moments), _EVERY), len(moments) - 1})
        steps = np.hypot(np.diff(x[kept], prepend=x[0]), np.diff(y[kept], prepend=y[0]))
        length = float(steps.sum())
        if pauses and curve.hexadecimal != colour:
            lines += _pause(("rinse, then " if colour else "") + f"take {paint_name(curve.colour, paints)}")
            painted = 0.0
        elif refill is not None and painted > 0 and painted + length > refill:
            lines += _pause(f"refill {paint_name(curve.colour, paints)}")
            painted = 0.0
        colour = curve.hexadecimal
        lines.append(f"; stroke {curve.command}: {colour}, {curve.width:.2f} pixels wide")
        lines += _lowered(x[0], y[0])
        for place, step in zip(kept, steps.tolist(), strict=True):
            if refill is not None and painted > 0 and painted + step > refill:
                # The brush goes on where it was lifted.
                last = kept[kept.index(place) - 1]
                lines += [_LIFTED, *_pause(f"refill {paint_name(curve.colour, paints)}"), *_lowered(x[last], y[last])]
                painted = 0.0
            lines.append(f"G1 X{x[place]:.2f} Y{y[place]:.2f} F{PAINTING * 60000:.0f}")
            painted += step
        lines.append(_LIFTED)
    return "\n".join([*lines, "G0 X0 Y0", "M2", ""])


def paint_name(colour: tuple[float, float, float], paints: Paints | None) -> str:
    """What to call a colour: `3 Ochre #cc7722` if it is among the paints, else `#cc7722`."""
    if paints is not None:
        distances = np.abs(paints.colours - np.array(colour)).max(1)
        place = int(distances.argmin())
        if distances[place] < 1 / 255:
            name = "".join(letter for letter in paints.names[place] if letter.isprintable() and letter not in "();")
            return f"{place + 1} {name} {hexadecimal(colour)}"
    return hexadecimal(colour)


def _lowered(x: float, y: float) -> list[str]:
    return [f"G0 X{x:.2f} Y{y:.2f}", "G1 Z0 F3000"]


def _pause(what: str) -> list[str]:
    """Wait in the corner, where the brush is out of the way."""
    return ["G0 X0 Y0", f"M0 ({what})"]
