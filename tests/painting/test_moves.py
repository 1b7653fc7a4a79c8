"""Moves of commands by hill climbing."""

import numpy as np
import pytest

from spiral.errors import InputError
from spiral.painting.moves import improve, moved
from spiral.specification import Category, Location, Specification

SPECIFICATION = Specification((Category("flag", 2), Location("end", 8), Category("size", 5)))


def far(targets, commands):
    """Squared distance of the end from cell (5, 6), and of the size from 3: int64 [N * C, 3] to [N, C]."""
    rows, columns = commands[:, 1] // 8, commands[:, 1] % 8
    distances = np.square(rows - 5) + np.square(columns - 6) + np.square(commands[:, 2] - 3)
    return distances.reshape(len(targets), -1).astype(float)


def test_the_best_command_climbs_to_the_nearest_optimum():
    targets, tried = np.zeros((3, 4, 4, 1), np.uint8), np.zeros((3, 12, 3), np.int64)
    tried[1, 4] = [1, 45, 3]  # row 5, column 5
    before = far(targets, tried.reshape(-1, 3)).min(1)
    errors = [before]
    for count in (0, 1, 3, 40):
        best, after = improve(far, SPECIFICATION, targets, tried, count, np.random.default_rng(0))
        assert np.array_equal(after, far(targets, best)[:, 0]), "what is returned is what was tried"
        errors.append(after)
    assert np.array_equal(errors[1], before) and (np.diff(errors, axis=0) <= 0).all()
    assert (errors[-1] == 0).all() and best[:, 0].tolist() == [0, 1, 0], "the flag stays"
    with pytest.raises(InputError, match="moves"):
        improve(far, SPECIFICATION, targets, tried, -1, np.random.default_rng(0))


def test_a_move_changes_one_choice_by_one_step():
    commands = SPECIFICATION.random(np.random.default_rng(1), (50, 20))
    others = moved(SPECIFICATION, commands, np.random.default_rng(2))
    assert ((others != commands).sum(2) <= 1).all() and (others != commands).any((0, 1)).tolist() == [False, True, True]
    rows, columns = (
        np.abs(part(others[..., 1]) - part(commands[..., 1])) for part in (lambda p: p // 8, lambda p: p % 8)
    )
    assert rows.max() == columns.max() == 1 and np.abs(others[..., 2] - commands[..., 2]).max() == 1
    SPECIFICATION.check(others)
