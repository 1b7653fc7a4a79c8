"""The process of a painting: the canvas after every command, with its error and its score."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from spiral.agent import Agent
from spiral.datasets.pictures import recolour
from spiral.engines import observe, settings_of
from spiral.engines.strokes import StrokeSettings
from spiral.evaluation.metrics import mean_squared_errors
from spiral.exports.animation import evenly_spaced, sample_frames
from spiral.exports.descriptions import describe
from spiral.exports.documents import shown
from spiral.exports.paths import curves
from spiral.program import Program

FRAMES = 80
"""Longer paintings show several commands per frame."""
SHOWN = 320
"""About the longer side of a frame in pixels."""


@dataclass(frozen=True)
class Playback:
    """A program of T commands, executed.

    Attributes:
        frames: F pictures uint8 [H, W, C], the blank canvas first.
        steps: commands executed before each frame, F rising numbers from 0 to T.
        lines: a description of each command, T lines.
        numbers: of the strokes as in `spiral.painting.editing`, from 1; None for other commands.
        errors: mean squared error after 0 to T commands, float64 [T + 1], pixels in [0, 1]; None without a target.
        scores: the discriminator's likewise, float32 [T + 1]; None if it scores only groups of pictures.
    """

    frames: list[npt.NDArray[np.uint8]]
    steps: list[int]
    lines: list[str]
    numbers: list[int | None]
    errors: npt.NDArray[np.float64] | None
    scores: npt.NDArray[np.float32] | None


def record_playback(
    agent: Agent,
    program: Program,
    target: npt.NDArray[np.uint8] | None,
    paper: npt.NDArray[np.uint8] | None = None,
) -> Playback:
    """Execute a program command by command.

    Args:
        agent: whose discriminator scores; it need not have written the program.
        program: of an engine that works here, whose size is a multiple of the agent's.
        target: uint8 [S, S, C] as the agent sees it, or None.
        paper: what the program continues, uint8 [h, w, C]; blank when None.

    Raises:
        InputError: the program cannot be executed.
    """
    count = len(program.commands)
    steps = evenly_spaced(count + 1, FRAMES)
    seen = np.stack([observe(canvas[None], agent.size)[0] for canvas in program.process(paper=paper)])
    seen = recolour(seen, agent.channels)  # the program may have been coloured later
    # A second execution: small canvases are shown larger, and large ones smaller.
    process = program.process(SHOWN, paper)
    frames = [shown(canvas, program).copy() for canvas in sample_frames(process, count + 1, FRAMES)]
    errors = scores = None
    if target is not None:
        errors = mean_squared_errors(seen, target)
    # A discriminator of groups compares pictures, and moments of one painting are too similar.
    if not agent.discriminator.minibatch_stddev and (target is not None or not agent.discriminator.conditional):
        scores = agent.score(seen, None if target is None else np.broadcast_to(target, seen.shape))
    return Playback(frames, steps, describe(program), _numbers(program), errors, scores)


def _numbers(program: Program) -> list[int | None]:
    if not isinstance(settings_of(program.engine, {}), StrokeSettings):
        return [None] * len(program.commands)
    strokes = {curve.command: number for number, curve in enumerate(curves(program), 1)}
    return [strokes.get(place) for place in range(len(program.commands))]
