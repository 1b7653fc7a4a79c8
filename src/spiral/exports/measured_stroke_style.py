"""Width and opacity of an engine's strokes, measured, since a brush names neither.

A vector stroke is as wide as its brush and as opaque as its pressure. With libmypaint both depend on the brush: many
faint dabs over each other are nearly opaque.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from spiral.engines import make, missing
from spiral.engines.strokes import MOVE, PAINT, StrokeSettings
from spiral.exports.paths import Curve, curves, stroke_settings
from spiral.program import Program

_FAINTEST = 0.02
"""Fainter strokes cannot be measured."""
_LARGEST = 512
"""Largest side of the canvases for test strokes."""


def measured_curves(program: Program, size: int | None = None) -> list[Curve]:
    """The visible strokes of a program, in order, with the width and opacity that its engine paints.

    Each combination of size and pressure is tried once: a straight stroke of the typical length, black on white. If the
    engine is missing, the result is that of `curves`.

    Args:
        program: of brush strokes.
        size: side of the canvas in pixels; the program's own when None.

    Raises:
        InputError: not a program of brush strokes.
    """
    drawn = curves(program, size)
    if program.engine == "vector" or not drawn or missing(program.engine) is not None:
        return drawn
    settings = stroke_settings(program)
    side = min(settings.size, _LARGEST)
    chosen = [_options(program, settings, curve.command) for curve in drawn]
    pairs = sorted(set(chosen))
    lengths = np.array([np.hypot(*(curve.points[-1] - curve.points[0])) for curve in curves(program, side)])
    usual = [float(np.median(lengths[[one == pair for one in chosen]])) for pair in pairs]
    tried = _try_out(program.engine, replace(settings, size=side), pairs, usual)
    measured = dict(zip(pairs, tried, strict=True))
    scale = (settings.size if size is None else size) / side
    result = []
    for curve, pair in zip(drawn, chosen, strict=True):
        width, opacity = measured[pair]
        result.append(curve if opacity < _FAINTEST else replace(curve, width=width * scale, opacity=opacity))
    return result


def _options(program: Program, settings: StrokeSettings, place: int) -> tuple[int, int]:
    """The size and pressure of a command; the first size and full pressure if they are not choices."""
    command = dict(zip(settings.choices, program.commands[place], strict=True))
    return command.get("size", 0), command.get("pressure", settings.pressures - 1)


def _try_out(
    engine: str, settings: StrokeSettings, pairs: Sequence[tuple[int, int]], lengths: Sequence[float]
) -> list[tuple[float, float]]:
    """Width in pixels and opacity, 0 to 1, of a stroke of a given length with each pair of size and pressure."""
    plain = replace(
        settings, choices=("flag", "end", "size", "pressure"), channels=1, spline=False, aspect=1.0,
        ground=(1.0, 1.0, 1.0), ink=(0.0, 0.0, 0.0),
    )  # fmt: skip
    canvases = make(engine, len(pairs), plain.to_json())
    canvases.reset(np.zeros(len(pairs), np.int64))
    grid, cell = plain.grid, plain.size / plain.grid
    row, left = grid // 2, grid // 4
    right = np.array([min(grid - 1, left + max(1, round(length / cell))) for length in lengths])
    options = np.array(pairs, np.int64)
    for flag, column in ((MOVE, np.full(len(pairs), left)), (PAINT, right)):
        places = (row * grid + column)[:, None]
        canvases.step(np.concatenate([np.full_like(places, flag), places, options], axis=1))
    tried = []
    for canvas, end in zip(canvases.canvases()[..., 0], right.tolist(), strict=True):
        # Across the stroke, over its middle half: its ends differ.
        quarter = (end - left) * cell / 4
        first, last = int(left * cell + quarter), int(np.ceil(end * cell - quarter)) + 1
        across: npt.NDArray[np.float64] = 1.0 - canvas[:, first:last].mean(axis=1) / 255.0
        opacity = float(across.max())
        tried.append((float(across.sum()) / max(opacity, _FAINTEST), opacity))
    return tried
