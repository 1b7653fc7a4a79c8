"""Moves: the best of several commands is changed a little, again and again, and stays changed where that helps.

This is hill climbing on what the engine paints: the neighbours of a command differ from it in one choice, a location by
at most a cell in either direction, a category by an option.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from spiral.errors import require_number
from spiral.specification import Location, Specification

MAXIMUM_MOVES = 1000


Trial = Callable[[npt.NDArray[np.uint8], npt.NDArray[np.int64]], npt.NDArray[np.float64]]
"""Tries C commands on each of N canvases: of targets uint8 [N, S, S, C] and commands int64 [N * C, K] it makes squared
errors [N, C], as `spiral.painting.best_of_n.ProposalSearch.errors` does."""


def improve(
    trial: Trial,
    specification: Specification,
    targets: npt.NDArray[np.uint8],
    tried: npt.NDArray[np.int64],
    moves: int,
    generator: np.random.Generator,
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float64]]:
    """The best of C commands for each of N canvases, moved.

    Args:
        trial: executes commands and returns errors.
        specification: of the commands.
        targets: uint8 [N, S, S, C].
        tried: int64 [N, C, K].
        moves: how often the best is moved, in C - 1 ways each time, 0 to 1000.
        generator: draws the moves.

    Returns:
        The commands int64 [N, K], and their squared errors [N].

    Raises:
        InputError: moves out of range.
    """
    require_number("moves", moves, 0, MAXIMUM_MOVES)
    rows, count = np.arange(len(tried)), tried.shape[1]
    errors = trial(targets, tried.reshape(len(tried) * count, -1))
    for _ in range(moves):
        tried = np.repeat(tried[rows, errors.argmin(1)][:, None], count, axis=1)
        tried[:, 1:] = moved(specification, tried[:, 1:], generator)
        errors = trial(targets, tried.reshape(len(tried) * count, -1))
    return tried[rows, errors.argmin(1)], errors.min(1)


def moved(
    specification: Specification, commands: npt.NDArray[np.int64], generator: np.random.Generator
) -> npt.NDArray[np.int64]:
    """Commands int64 [N, M, K], one choice of each moved by a step, the flag excepted."""
    changed, shape = commands.copy(), commands.shape[:2]
    movable = [index for index, choice in enumerate(specification.choices) if choice.name != "flag"]
    picked, steps = generator.choice(movable, shape), generator.integers(-1, 2, (2, *shape))
    one = generator.choice([-1, 1], shape)
    for index in movable:
        choice, old = specification.choices[index], commands[..., index]
        new = choice.shifted(old, steps) if isinstance(choice, Location) else np.clip(old + one, 0, choice.size - 1)
        changed[..., index] = np.where(picked == index, new, old)
    return changed
