"""Lessons in turns: the agent writes some commands and the search the others, from where the agent has come to."""

import numpy as np
import pytest
import torch

from spiral.engines import make
from spiral.engines.strokes import ALL_CHOICES, MOVE, StrokeSettings
from spiral.errors import InputError
from spiral.learning.networks import make_policy
from spiral.models.policy_settings import PolicySettings
from spiral.painting.best_of_n import ProposalSearch
from spiral.painting.dataset_aggregation import Turns, take_turns
from spiral.painting.matching_pursuit import CANDIDATES, paint_atoms
from spiral.settings import DataSettings, Preset

CANVAS = StrokeSettings(
    size=32, grid=16, choices=ALL_CHOICES[:6], radii=(1.0, 2.0, 4.0), radii_at=32, pressures=2,
    ground=(0.0,) * 3, ink=(1.0,) * 3,
)  # fmt: skip
PRESET = Preset(
    "turns", "", "vector", canvas=CANVAS, data=DataSettings(size=32),
    policy=PolicySettings(channels=4, core_channels=4, hidden=16, residual_blocks=0, location_blocks=0),
)  # fmt: skip


def test_turns_repeat_and_may_begin_in_their_middle():
    turns = Turns(agent=3, search=2)
    assert turns.of_search(7, 0).tolist() == [False, False, False, True, True, False, False]
    assert turns.of_search(4, 2).tolist() == [False, True, True, False]
    with pytest.raises(InputError, match="agent's commands in a row"):
        Turns(0, 2)
    with pytest.raises(InputError, match="search's commands in a row"):
        Turns(2, 100_000)


@pytest.mark.parametrize("strokes", [600, 0])
def test_the_searchs_commands_help_and_the_agents_are_its_own(strokes):
    targets = np.zeros((4, 32, 32, 1), np.uint8)
    targets[:, 8:20, 6:28] = 255
    torch.manual_seed(0)
    policy = make_policy(PRESET).eval()
    atoms = paint_atoms("vector", CANVAS, 32, strokes, seed=0) if strokes else None

    def write(who) -> tuple[np.ndarray, np.ndarray]:
        search = ProposalSearch(make("vector", 4, CANVAS.to_json()), CANDIDATES)
        return take_turns(who, atoms, search, targets, 9, 9, Turns(2, 1), seed=1, moves=1 if strokes else 20)

    programs, searched = write(policy)
    assert programs.shape == (9, 4, 6) and 2 <= searched.sum() <= 4
    engine = make("vector", 4, CANVAS.to_json())
    engine.reset(1 + np.arange(4))
    errors = [np.square(engine.canvases() - targets.astype(float)).sum((1, 2, 3))]
    for commands in programs:
        engine.step(commands)
        errors.append(np.square(engine.canvases() - targets.astype(float)).sum((1, 2, 3)))
    gains = -np.diff(np.array(errors), axis=0)[searched]
    idle = programs[searched][..., 0] == MOVE
    assert (gains[~idle] > 0).all() and (gains[idle] == 0).all() and not idle.all()
    assert np.array_equal(write(policy)[0], programs), "the seed decides"
    with torch.no_grad():
        for parameter in policy.parameters():
            parameter.add_(torch.randn_like(parameter))
    other, same = write(policy)
    assert np.array_equal(same, searched)
    assert not np.array_equal(other[~searched], programs[~searched]), "another agent writes other commands"


def test_a_search_without_strokes_moves_what_the_agent_would_write():
    targets = np.zeros((4, 32, 32, 1), np.uint8)
    targets[:, 8:20, 6:28] = 255
    torch.manual_seed(0)
    policy = make_policy(PRESET).eval()

    def written(moves: int) -> np.ndarray:
        search = ProposalSearch(make("vector", 4, CANVAS.to_json()), CANDIDATES)
        return take_turns(policy, None, search, targets, 1, 9, Turns(1, 1), seed=2, moves=moves)[0][0]

    unmoved, once = written(0), written(1)
    changed = (unmoved != once)[:, 1:]
    assert changed.sum(1).max() == 1, "one move changes one choice"
    assert (written(30) != once)[:, 1:].any(), "more moves go on from there"
