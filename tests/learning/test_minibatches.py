"""Minibatches are whole unrolls, each canvas in one; log probabilities of the actor hold for the first step."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from problems import tiny

from spiral.learning import machine
from spiral.learning.minibatches import minibatches, sample
from spiral.learning.policy_learner import PolicyLearner
from spiral.learning.trainer import load_real_images, make_actor
from spiral.models.discriminator import Discriminator

CPU = torch.device("cpu")


@given(st.integers(1, 40), st.integers(1, 8))
def test_every_canvas_is_in_one_minibatch(batch, count):
    count = min(batch, count)
    rows = torch.cat(list(minibatches(batch, count, CPU)))
    assert sorted(rows.tolist()) == list(range(batch))
    assert len(set(sample(batch, count, CPU).tolist())) == count


def test_one_minibatch_is_in_order():
    assert minibatches(5, 1, CPU)[0].tolist() == [0, 1, 2, 3, 4]


@pytest.mark.parametrize(("precision", "within"), [("float32", 1e-4), ("bfloat16", 0.05)])
def test_what_was_recorded_while_acting_is_what_is_evaluated(lines, precision, within):
    """The ratio of the first step is 1, so that it is advantage actor-critic's."""
    preset = tiny(lines, unroll_length=4)
    learner = PolicyLearner(preset, CPU)
    with machine.mixed_precision(CPU, precision):
        episode = make_actor(preset, learner.policy, load_real_images(preset, CPU), 1).unroll()
        with torch.no_grad():
            seen = learner.policy.evaluate(episode.observations(), episode.commands, episode.before.state)[0]
    assert (seen.log_probability.view(4, -1) - episode.log_probability).abs().max() < within
    assert (seen.value.view(4, -1) - episode.values).abs().max() < within


def test_rows_of_a_trajectory_are_a_trajectory(lines):
    preset = tiny(lines, unroll_length=2)
    learner = PolicyLearner(preset, CPU)
    episode = make_actor(preset, learner.policy, load_real_images(preset, CPU), 1).unroll()
    part = episode.rows(torch.tensor([3, 1]))
    assert part.batch == 2 and part.steps == 2 and part.targets is not None and episode.targets is not None
    assert torch.equal(part.canvases, episode.canvases[:, [3, 1]])
    assert torch.equal(part.targets, episode.targets[[3, 1]])
    assert torch.equal(part.before.state[1], episode.before.state[1][[3, 1]])


def test_more_minibatches_are_more_steps_on_the_same_commands(lines):
    found = {}
    for count in (1, 4):
        torch.manual_seed(0)
        preset = tiny(lines, unroll_length=2, num_minibatches=count, update_epochs=2)
        learner = PolicyLearner(preset, CPU)
        episode = make_actor(preset, learner.policy, load_real_images(preset, CPU), 1).unroll()
        rewards = learner.rewards(episode, Discriminator(16, 1, True, preset.discriminator))
        learner.learn(episode, rewards, 0.0)
        found[count] = learner.updates, learner.commands
    assert found == {1: (2, 128), 4: (8, 128)}
