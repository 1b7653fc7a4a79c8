"""Lessons: programs with the pictures that they paint, as supervised data (in neither paper; off by default).

Every program is an exact solution for the picture that it paints. `hindsight` learns from the agent's own programs, as
if their canvases had been the targets (hindsight experience replay, Andrychowicz et al. 2017). `Lessons` learns from
programs drawn from the engine's prior, as in the sleep phase of wake-sleep (Hinton et al. 1995). Neither uses labels or
pictures of the data.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from spiral.engines import make
from spiral.learning.rollout import replay
from spiral.learning.trajectory import Trajectory
from spiral.models.policy import Decision, Policy
from spiral.settings import Preset
from spiral.specification import Location, Specification


def hindsight(episode: Trajectory) -> Trajectory:
    """The same commands, with the canvas after the last of them as the target."""
    return replace(episode, before=replace(episode.before, targets=episode.canvases[-1]))


def informative(episode: Trajectory, specification: Specification) -> Tensor:
    """Which commands could be inferred from the last canvas: bool [T, B].

    They changed the canvas, or chose where a following visible command begins.
    """
    changed = ~episode.idle()
    places = [i for i, choice in enumerate(specification.choices) if isinstance(choice, Location)]
    chose = episode.effective[..., places].any(-1)
    following = torch.cat([changed[1:], torch.zeros_like(changed[:1])])
    return changed | (chose & following)


def imitation_loss(decision: Decision, which: Tensor | None = None) -> Tensor:
    """-log pi(commands), nats per command: the mean over N = T * B commands, or those of `which`, bool [T, B]."""
    if which is None:
        return -decision.log_probability.mean()
    weight = which.flatten().float()
    return -(decision.log_probability * weight).sum() / weight.sum().clamp_min(1.0)


class Lessons:
    """Random programs and their pictures, `learning.lessons` for each of the minibatches."""

    def __init__(self, preset: Preset) -> None:
        """Make an engine, with as many threads as the networks.

        Raises:
            InputError: the engine is missing.
        """
        self.preset = preset
        count = preset.learning.lessons * preset.learning.num_minibatches
        self.engine = make(preset.engine, count, preset.canvas.to_json(), torch.get_num_threads())

    def draw(self, policy: Policy) -> Trajectory:
        """Draw programs of an episode's length, with their pictures as targets."""
        seed = int(torch.randint(2**31, ()))
        length, generator = self.preset.learning.episode_length, np.random.default_rng(seed)
        commands = self.preset.canvas.sample_programs(generator, length, self.engine.batch)
        seeds = generator.integers(2**31, size=self.engine.batch)
        return hindsight(replay(policy, self.engine, commands, seeds))
