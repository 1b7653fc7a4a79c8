"""Pictures of any size in many strokes, each as good as a search can make it.

The ground is covered first. Then every stroke is searched for on the whole canvas (`bank`), large ones first, improved
(`climbing`), and painted in its best colour if it lowers the error. At the end the colours of all strokes are solved
for together (`layers`). Errors are measured on a small canvas, coverage at the size of the finished picture.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
from PIL import Image

from spiral.agent import Agent
from spiral.engines import make
from spiral.errors import InputError, require_number, require_seed
from spiral.painting.easel import Easel, Effort
from spiral.painting.marks import SIDE, Floats, aspect_of, canvas_settings
from spiral.painting.tiles import CANDIDATES, MAXIMUM_STROKES, paint_tiles
from spiral.program import Program

_FINER_FROM = 1500
"""Number of strokes from which the canvas that is searched on is twice as wide."""
_FINE = 1024
"""The largest canvas on which coverage is measured."""
_PATIENCE = 4
"""Rounds in a row without a stroke that end a painting."""
_REPLACED = 5
"""In a revision one stroke of so many is replaced."""


EFFORTS = {1: Effort(0.15, 4, 8), 2: Effort(0.25, 6, 12), 3: Effort(0.6, 14, 16, 4), 4: Effort(1.0, 30, 24, 16)}
DEFAULT_EFFORT = 2


def paint_picture(
    agent: Agent,
    picture: Image.Image,
    strokes: int,
    size: int | None = None,
    seed: int = 0,
    palette: Floats | None = None,
    effort: int = DEFAULT_EFFORT,
    focus: float = 0.0,
    paper: Image.Image | None = None,
    candidates: int = CANDIDATES,
    report: Callable[[int], None] | None = None,
) -> Program:
    """Paint a picture with `paint_strokes`, or with an effort of 0 by the agent alone, with `paint_tiles`.

    Arguments and errors are theirs; focus and paper are for the search, candidates for the agent alone.
    """
    if effort == 0:
        return paint_tiles(agent, picture, strokes, size, seed, palette, candidates, report)
    return paint_strokes(agent, picture, strokes, size, seed, palette, effort, focus, paper, report)


def paint_strokes(
    agent: Agent,
    picture: Image.Image,
    strokes: int,
    size: int | None = None,
    seed: int = 0,
    palette: Floats | None = None,
    effort: int = DEFAULT_EFFORT,
    focus: float = 0.0,
    paper: Image.Image | None = None,
    report: Callable[[int], None] | None = None,
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
        focus: 0 weighs all of the picture alike, 1 its edges ten times as much as plain areas.
        paper: what is on the canvas already, in the picture's shape; blank when None.
        report: called with the number of strokes so far from time to time.

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
    settings = canvas_settings(agent.strokes, side, aspect_of(*picture.size))
    if "red" not in settings.choices:
        if palette is not None:
            raise InputError(f"{agent.name} does not choose colours; a palette needs one that does")
        palette = np.array([settings.ink[: settings.channels]], np.float32)
    size = _FINE if size is None else size
    target = _pixels(picture, side, settings.channels)
    how, generator = EFFORTS[effort], np.random.default_rng(seed)
    easel = Easel(
        agent.preset.engine,
        settings,
        target,
        attention(target, focus),
        palette=palette,
        factor=max(1, min(size, _FINE) // side),
        paper=None if paper is None else _pixels(paper, side, settings.channels),
        seed=seed,
    )
    if paper is None:
        easel.wash(strokes)
    for revision in range(how.revisions + 1):
        if revision:
            easel.prune(max(1, strokes // _REPLACED))
        idle = 0
        while len(easel.layers) < strokes and idle < _PATIENCE:
            painted = easel.round(strokes - len(easel.layers), how, generator)
            idle = 0 if painted else idle + 1
            if report is not None:
                report(len(easel.layers))
        easel.recolour()
    return easel.program(size, seed)


def attention(target: Floats, focus: float) -> Floats:
    """Weights float32 [S, S] of the pixels, 1 on average: more where brightness changes.

    Args:
        target: float32 [S, S, C].
        focus: 0 to 1.
    """
    down, across = np.gradient(target.mean(2))
    edges = np.hypot(down, across)
    padded = np.pad(edges, 2, mode="edge")
    near = np.lib.stride_tricks.sliding_window_view(padded, (5, 5)).mean((2, 3))
    weights = 1 + 9 * focus * np.minimum(1, near / max(1e-6, float(np.quantile(near, 0.95))))
    return (weights / weights.mean()).astype(np.float32)


def painted_on(program: Program, paper: Image.Image) -> npt.NDArray[np.uint8]:
    """The canvas uint8 [H, W, C] after a program's strokes on a picture of what was there before."""
    engine = make(program.engine, 1, program.settings)
    height, width, channels = engine.shape
    engine.reset(np.array([program.seed], np.int64))
    scaled = paper.convert("L" if channels == 1 else "RGB").resize((width, height), Image.Resampling.BICUBIC)
    pixels = np.asarray(scaled, np.uint8).reshape(1, height, width, channels)
    engine.load(pixels, np.zeros((1, 2), np.float32))
    for command in program.array():
        engine.step(command[None])
    return engine.canvases()[0].copy()


def _pixels(picture: Image.Image, side: int, channels: int) -> Floats:
    scaled = picture.convert("L" if channels == 1 else "RGB").resize((side, side), Image.Resampling.BICUBIC)
    return np.asarray(scaled, np.float32).reshape(side, side, channels) / np.float32(255)
