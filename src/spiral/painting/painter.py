"""Pictures of any size in many strokes, each as good as a search can make it.

The ground is covered first. Then every stroke is searched for on the whole canvas (`bank`), large ones first, improved
(`climbing`), and painted in its best colour if it lowers the error. At the end the colours of all strokes are solved
for together (`layers`). Errors are measured on a small canvas, coverage at the size of the finished picture.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from PIL import Image

from spiral.agent import Agent
from spiral.errors import InputError, require_number, require_seed
from spiral.painting.attention import attention
from spiral.painting.calibration import breadth
from spiral.painting.easel import Easel, Effort
from spiral.painting.marks import SIDE, Coverage, Floats, aspect_of, canvas_settings
from spiral.painting.tiles import CANDIDATES, MAXIMUM_STROKES, paint_tiles
from spiral.program import Program

_FINER_FROM = 1500
"""Number of strokes from which the canvas that is searched on is twice as wide."""
_FINE = 1024
"""The largest canvas on which coverage is measured."""
_PATIENCE = 10
"""Rounds in a row without a stroke that end a painting."""
_FEW = 4
"""A painting has few strokes if they are less than the number asked for over this."""
_LIKENESS = 0.005
"""Mean squared error below which a painting needs no more strokes."""
_REPLACED = 5
"""In a revision one stroke of so many is replaced."""


EFFORTS = {1: Effort(0.15, 4, 8), 2: Effort(0.25, 6, 12), 3: Effort(0.6, 14, 16, 4), 4: Effort(1.0, 30, 24, 16)}
DEFAULT_EFFORT = 2
DEFAULT_FOCUS = 0.1
"""Eyes and outlines come out better, at 0 to 4 % more squared error."""


def paint_picture(
    agent: Agent,
    picture: Image.Image,
    strokes: int,
    size: int | None = None,
    seed: int = 0,
    palette: Floats | None = None,
    effort: int = DEFAULT_EFFORT,
    focus: float = DEFAULT_FOCUS,
    paper: Image.Image | None = None,
    candidates: int = CANDIDATES,
    report: Callable[[int], object] | None = None,
) -> Program:
    """Paint a picture with `paint_strokes`, or with an effort of 0 by the agent alone, with `paint_tiles`.

    With some brushes that mix colours the search finds few strokes that do what it expects. Then the agent paints, too,
    and the better painting is returned. Arguments and errors are theirs; focus and paper are for the search, candidates
    for the agent alone.
    """
    if effort == 0:
        return paint_tiles(agent, picture, strokes, size, seed, palette, candidates, report)
    stopped = False

    def told(done: int) -> object:
        nonlocal stopped
        stopped = report is not None and bool(report(done))
        return stopped

    found = paint_strokes(agent, picture, strokes, size, seed, palette, effort, focus, paper, told)
    few = _FEW * len(found.commands) // 2 < strokes  # each stroke has a jump, too
    if stopped or paper is not None or not few or _difference(found, picture) <= _LIKENESS:
        return found
    alone = paint_tiles(agent, picture, strokes, size, seed, palette, candidates, report)
    return min(found, alone, key=lambda program: _difference(program, picture))


def paint_strokes(
    agent: Agent,
    picture: Image.Image,
    strokes: int,
    size: int | None = None,
    seed: int = 0,
    palette: Floats | None = None,
    effort: int = DEFAULT_EFFORT,
    focus: float = DEFAULT_FOCUS,
    paper: Image.Image | None = None,
    report: Callable[[int], object] | None = None,
) -> Program:
    """Write one program that paints a picture with an agent's brush; the same seed writes the same program.

    Args:
        agent: whose engine, brush, paper and channels are used.
        picture: in the agent's mode, `L` or `RGB`, of any size and shape.
        strokes: at most, 1 to `MAXIMUM_STROKES`; each has a jump of the pen, too.
        size: side of the canvas when the program is rendered, for which it is painted; 1024 when None.
        seed: of the search and the brush.
        palette: every stroke has one of these colours, float32 [P, 3]; any colour when None.
        effort: of `EFFORTS`.
        focus: 0 weighs all of the picture alike, 1 its edges and faces ten times as much as the rest.
        paper: what is on the canvas already, in the picture's shape; blank when None. The program then continues it.
        report: called with the number of strokes so far from time to time; if it returns True, the painting ends there.

    Raises:
        InputError: an agent without single strokes, a palette for grey, or a number out of range.
    """
    require_number("strokes", strokes, 1, MAXIMUM_STROKES)
    require_seed(seed)
    if effort not in EFFORTS:
        raise InputError(f"effort must be 1 to {max(EFFORTS)}, got {effort}")
    require_number("focus", focus, 0, 1)
    require_number("size", 1024 if size is None else size, 8, 4096)
    side = SIDE if strokes < _FINER_FROM else 2 * SIDE
    size = _FINE if size is None else size
    factor, aspect = max(1, min(size, _FINE) // side), aspect_of(*picture.size)
    plain = Coverage(agent.preset.engine, canvas_settings(agent.strokes, side, aspect), factor, batch=1)
    settings = canvas_settings(agent.strokes, side, aspect, breadth(plain))
    if "red" not in settings.choices:
        if palette is not None:
            raise InputError(f"{agent.name} does not choose colours; a palette needs one that does")
        palette = np.array([settings.ink[: settings.channels]], np.float32)
    target = _pixels(picture, side, settings.channels)
    how, generator = EFFORTS[effort], np.random.default_rng(seed)
    easel = Easel(
        agent.preset.engine,
        settings,
        plain.radii,
        target,
        attention(target, focus, picture),
        palette=palette,
        factor=factor,
        paper=None if paper is None else _pixels(paper, side, settings.channels),
        seed=seed,
    )
    if paper is None:
        easel.wash(strokes)
    stopped = False
    for revision in range(how.revisions + 1):
        if revision:
            easel.prune(max(1, strokes // _REPLACED))
        idle = 0
        while len(easel.layers) < strokes and idle < _PATIENCE:
            painted = easel.round(strokes - len(easel.layers), how, generator)
            idle = 0 if painted else idle + 1
            if report is not None and report(len(easel.layers)):
                stopped = True
                break
        easel.recolour()
        if stopped:
            break
    return replace(easel.program(size, seed), continues=paper is not None)


def _difference(program: Program, picture: Image.Image) -> float:
    """The mean squared error of a painting, pixels in [0, 1]."""
    seen = program.render(SIDE).astype(np.float32) / 255
    return float(np.square(seen - _pixels(picture, SIDE, seen.shape[2])).mean())


def _pixels(picture: Image.Image, side: int, channels: int) -> Floats:
    scaled = picture.convert("L" if channels == 1 else "RGB").resize((side, side), Image.Resampling.BICUBIC)
    return np.asarray(scaled, np.float32).reshape(side, side, channels) / np.float32(255)
