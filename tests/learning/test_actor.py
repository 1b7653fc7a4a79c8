"""The actor's first episodes: shorter than the others, so that canvases are at different unrolls ever after."""

import torch
from problems import tiny

from spiral.learning.learner import Learner
from spiral.learning.trainer import load_real_images, make_actor

UNROLLS, STEPS = 3, 2


def actor_of(lines, first: int = 0):
    learner = Learner(tiny(lines, unroll_length=STEPS, unrolls_per_episode=UNROLLS), torch.device("cpu"))
    real = load_real_images(learner.preset, learner.device)
    return make_actor(learner.preset, learner.policies[0].policy, real, 1, canvases=6, first=first)


def test_a_command_has_the_place_in_its_episode_that_its_canvas_shows(lines):
    actor = actor_of(lines)
    for _ in range(2 * UNROLLS + 1):
        episode = actor.unroll()
        begins = episode.index[0] == 0
        blank = (episode.canvases[0] == episode.before.blank).flatten(1).all(1)
        assert bool(blank[begins].all())
        assert bool((episode.index < UNROLLS * STEPS).all())
    # Rewards of first strokes, learned as those of later ones, made the value function diverge.
    assert actor.unroll().before.elapsed.unique().tolist() == [0, 2, 4]


def test_every_episode_begins_at_its_first_command_and_only_the_first_ones_end_early(lines):
    actor = actor_of(lines)
    first, second, third, fourth = (actor.unroll() for _ in range(4))
    assert first.before.elapsed.tolist() == [0] * 6
    assert not bool(first.terminated.any())
    assert second.before.elapsed.tolist() == [0, 2, 2, 0, 2, 2]
    assert third.before.elapsed.tolist() == [2, 0, 4, 2, 0, 4]
    assert third.terminated.tolist() == [False, False, True] * 2
    assert fourth.before.elapsed.tolist() == [4, 2, 0, 4, 2, 0]


def test_a_second_actor_goes_on_with_the_staggering(lines):
    actor = actor_of(lines, first=1)
    actor.unroll()
    assert actor.unroll().before.elapsed.tolist() == [2, 2, 0, 2, 2, 0]
