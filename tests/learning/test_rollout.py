"""Painting in one go or in unrolls: the same commands on the same canvases."""

import numpy as np
import pytest
import torch
from problems import tiny

from spiral.engines import make
from spiral.engines.strokes import StrokeSettings
from spiral.learning.learner import Learner
from spiral.learning.rollout import reset_episodes, rollout, unroll
from spiral.learning.trainer import load_real_images, make_actor
from spiral.learning.trajectory import concatenate
from spiral.models.policy import Policy, PolicySettings

STROKES = StrokeSettings(size=16, grid=8, radii=(1.5,), radii_at=16)


@pytest.fixture
def policy() -> Policy:
    torch.manual_seed(0)
    settings = PolicySettings(
        channels=4,
        core_channels=4,
        hidden=16,
        residual_blocks=1,
        location_blocks=0,
        skip_connections=True,
        local_features=True,
    )
    return Policy(STROKES.specification(), 16, 1, settings)


def test_unrolls_of_an_episode_continue_it(policy):
    targets = torch.randint(256, (3, 16, 16, 1), dtype=torch.uint8)
    engine, seeds = make("vector", 3, STROKES.to_json()), np.zeros(3, np.int64)
    whole = rollout(policy, engine, targets, 6, seeds, temperature=0.0)
    episodes, parts = reset_episodes(policy, engine, targets, seeds), []
    for _ in range(3):
        part, episodes = unroll(policy, engine, episodes, 2, 6, temperature=0.0)
        parts.append(part)
    assert torch.equal(torch.cat([part.commands for part in parts]), whole.commands)
    assert torch.equal(parts[-1].canvases[-1], whole.canvases[-1])
    assert torch.equal(torch.cat([part.progress for part in parts]), whole.progress)
    assert [bool(part.terminated.all()) for part in parts] == [False, False, True]
    starts = torch.cat([part.starts(engine.specification) for part in parts])
    assert torch.equal(starts, whole.starts(engine.specification)), "an unroll knows what came before it"
    # Unrolls keep their observations: evaluated together or apart, the values agree.
    together, _ = policy.evaluate(whole.observations(), whole.commands, whole.before.state)
    values = together.value.view(6, 3)
    for index, part in enumerate(parts):
        apart, _ = policy.evaluate(part.observations(), part.commands, part.before.state)
        assert torch.allclose(apart.value.view(2, 3), values[2 * index : 2 * index + 2], atol=1e-5)
        expected = values[2 * index + 2] if index < 2 else torch.zeros(3)
        assert torch.allclose(part.bootstrap_value, expected, atol=1e-5), "the value of what follows, 0 after the end"


def test_episodes_that_are_over_make_room_while_others_go_on(policy):
    targets = torch.randint(256, (2, 16, 16, 1), dtype=torch.uint8)
    engine, seeds = make("vector", 2, STROKES.to_json()), np.zeros(2, np.int64)
    _, running = unroll(policy, engine, reset_episodes(policy, engine, targets, seeds), 4, 8)
    before = engine.canvases().copy()
    fresh = reset_episodes(policy, engine, 255 - targets, seeds, over=np.array([True, False]), running=running)
    assert fresh.elapsed.tolist() == [0, 4]
    assert fresh.targets is not None
    assert torch.equal(fresh.targets[0], 255 - targets[0])
    assert torch.equal(fresh.targets[1], targets[1])
    assert not fresh.state[0][0].any()
    assert torch.equal(fresh.state[0][1], running.state[0][1])
    assert (engine.canvases()[1] == before[1]).all()
    assert (engine.canvases()[0] == 255).all()
    # The continued ones were not taken for blank ones.
    assert fresh.blank.unique().tolist() == [255]


def test_shares_of_a_batch_put_side_by_side_are_the_batch(lines):
    learner = Learner(tiny(lines, unroll_length=3), torch.device("cpu"))
    whole = make_actor(
        learner.preset, learner.policies[0].policy, load_real_images(learner.preset, learner.device), 1
    ).unroll()
    parts = [whole.share(rank, 4) for rank in range(4)]
    assert {part.batch for part in parts} == {16}
    order = torch.arange(64).view(16, 4).t().flatten()  # shares take every fourth canvas
    again = concatenate(parts)
    assert torch.equal(again.canvases, whole.canvases[:, order])
    assert torch.equal(again.log_probability, whole.log_probability[:, order])
    assert torch.equal(again.terminated, whole.terminated[order])
    assert torch.equal(again.index, whole.index[:, order])
    mine, theirs = again.observations(), whole.observations()
    assert torch.equal(mine.previous.view(3, 64, -1), theirs.previous.view(3, 64, -1)[:, order])
    assert concatenate(parts[:1]) is parts[0]
