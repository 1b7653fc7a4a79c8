"""Radii at which marks on the small canvas of the search cover what they will cover in the finished picture.

libmypaint's brushes depend on the size of the canvas, most of all through the speed of the pen in pixels: at 1024
pixels the same command covers up to a quarter less than at 128.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from spiral.engines import make
from spiral.engines.strokes import StrokeSettings
from spiral.painting.marks import PRESSURE, Coverage, commands

_FACTORS = np.arange(0.55, 1.3, 0.05)
_LENGTH = 6.0
"""Of the stroke that is compared, in radii."""
_SIDE = 64
_OFF = 0.03
"""The mean difference, 0 to 1, from which a brush does more than cover."""


def calibrated(coverage: Coverage, fine: Coverage) -> StrokeSettings:
    """The small canvas's settings with other radii, whose marks cover what those of the fine canvas cover.

    Args:
        coverage: of the canvas that is searched on.
        fine: of the finished picture.
    """
    settings = coverage.settings
    if fine.factor == 1:
        return settings
    radii = np.array(settings.radii)
    best = np.ones(len(radii))
    room = round(_SIDE * coverage.cells)
    for size in range(len(radii)):
        span = min(_LENGTH * coverage.radii[size], _SIDE - 2 * coverage.reach[size])
        if span < coverage.radii[size]:
            best[size] = best[size - 1]
            continue
        half = round(span * coverage.cells / 2)
        middle = room // 2
        mark = [middle - half, middle, middle, middle, middle + half, middle, size, settings.pressures - 1]
        marks = np.array([mark], np.int64)
        wanted = fine.render(marks, _SIDE).sum()
        trial = replace(settings, radii=tuple((radii[size] * _FACTORS).tolist()))
        tried = np.repeat(marks, len(_FACTORS), 0)
        tried[:, 6] = np.arange(len(_FACTORS))
        seen = Coverage(coverage.name, trial, threads=coverage.threads, batch=len(_FACTORS)).render(tried, _SIDE)
        best[size] = np.interp(wanted, seen.sum((1, 2)), _FACTORS)
    return replace(settings, radii=tuple((radii * best).tolist()))


def breadth(coverage: Coverage) -> float:
    """The radius of a brush's strokes over the radius that is asked for, 1 to 3: libmypaint's pens are broader."""
    size, half = int(np.abs(coverage.radii - _SIDE / 20).argmin()), round(_SIDE / 6 * coverage.cells)
    middle = round(_SIDE / 2 * coverage.cells)
    mark = [middle - half, middle, middle, middle, middle + half, middle, size, coverage.settings.pressures - 1]
    area = float(coverage.render(np.array([mark], np.int64), _SIDE).sum())
    # A straight stroke covers a rectangle and two half circles.
    length = 2 * half / coverage.cells
    radius = (np.sqrt(length**2 + np.pi * area) - length) / np.pi
    return float(np.clip(radius / coverage.radii[size], 1, 3))


def covers(coverage: Coverage) -> bool:
    """Whether a brush only covers: whether it leaves c + a (k - c) of a colour c, with its colour k and coverage a.

    Brushes that smudge or erase do not.
    """
    settings = coverage.settings
    size = min(range(len(settings.radii)), key=lambda index: abs(settings.radii[index] - _SIDE / 8))
    room, cells = settings.size, settings.grid
    mark = np.array([[cells // 4, cells // 2, cells // 2, cells // 2, 3 * cells // 4, cells // 2, size, 0]], np.int64)
    mark[0, PRESSURE] = settings.pressures - 1
    alpha = coverage.render(mark, room)[0, :, :, None]
    before = np.zeros((room, room, settings.channels), np.float32)
    before[:, : room // 2] = 1.0
    has_colour = "red" in settings.choices
    colour = np.full(settings.channels, 0.2, np.float32) if has_colour else np.array(settings.ink[: settings.channels])
    levels = np.round(np.repeat(0.2, 3)[None] * (settings.levels - 1)).astype(np.int64) if has_colour else None
    engine = make(coverage.name, 1, settings.to_json(), coverage.threads)
    engine.load((before[None] * 255).astype(np.uint8), np.zeros((1, 2), np.float32))
    for command in commands(settings, mark, levels):
        engine.step(command)
    after = engine.canvases()[0].astype(np.float32) / np.float32(255)
    off = np.abs(after - before - alpha * (colour - before))
    return float(off.sum()) <= _OFF * settings.channels * max(1.0, float(alpha.sum()))
