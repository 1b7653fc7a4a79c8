"""The robot's motion as G-code for pen plotters."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from spiral.io.files import write_atomically
from spiral.program import Program
from spiral.robot.arm import CENTRE, SHEET
from spiral.robot.motion import PAINTING, TRAVELLING, Motion, plan

_UP = 5.0
"""Millimetres above the paper between strokes."""
_EVERY = 4
"""Every n-th point of a stroke is written, and the last: about 5 mm apart at full speed."""
_START = np.array([CENTRE, 0.0, 0.05])


def write_gcode(path: Path, program: Program) -> None:
    """Write the strokes of a program for a plotter, atomically: see `to_gcode`.

    Raises:
        InputError: a program without visible brush strokes, or the file cannot be written.
    """
    write_atomically(path, to_gcode(plan(program, _START)).encode())


def to_gcode(motion: Motion) -> str:
    """G-code of a motion: millimetres, absolute, the origin in the sheet's lower left corner, Z 0 on the paper.

    A plotter has one pen: colours and widths are comments before each stroke.
    """
    lines = [
        "; written by spiral",
        "G21 ; millimetres",
        "G90 ; absolute positions",
        f"G0 Z{_UP:.1f} F{TRAVELLING * 60000:.0f}",
    ]
    places = np.flatnonzero(motion.stroke >= 0)
    breaks = np.flatnonzero((np.diff(places) > 1) | (np.diff(motion.stroke[places]) != 0)) + 1
    for moments in np.split(places, breaks):
        curve = motion.curves[int(motion.stroke[moments[0]])]
        x = (motion.points[moments, 1] + SHEET / 2) * 1000.0
        y = (CENTRE + SHEET / 2 - motion.points[moments, 0]) * 1000.0
        lines.append(f"; stroke {curve.command}: {curve.hexadecimal}, {curve.width:.2f} pixels wide")
        lines.append(f"G0 X{x[0]:.2f} Y{y[0]:.2f}")
        lines.append("G1 Z0 F3000")
        kept = sorted({*range(0, len(moments), _EVERY), len(moments) - 1})
        lines += [f"G1 X{x[i]:.2f} Y{y[i]:.2f} F{PAINTING * 60000:.0f}" for i in kept]
        lines.append(f"G0 Z{_UP:.1f} F{TRAVELLING * 60000:.0f}")
    return "\n".join([*lines, "G0 X0 Y0", "M2", ""])
