"""Lessons: random programs and the pictures that the engine paints of them (in neither paper; off by default).

A program is an exact answer for its own picture. The policy learns to tell programs drawn from the engine's prior from
their pictures, as the sleep phase of wake-sleep does (Hinton et al. 1995). No label and no picture of the data is used.
"""

from __future__ import annotations

import numpy as np
import torch

from spiral.engines import make
from spiral.learning.hindsight import hindsight
from spiral.learning.rollout import rollout_programs
from spiral.learning.trajectory import Trajectory
from spiral.models.policy import Policy
from spiral.settings import Preset


class Lessons:
    """Random programs and their pictures, `learning.lessons` for each of the minibatches."""

    def __init__(self, preset: Preset) -> None:
        """Make canvases for them; the engine gets as many threads as the networks have.

        Raises:
            InputError: the engine is missing.
        """
        self.preset = preset
        count = preset.learning.lessons * preset.learning.num_minibatches
        self.engine = make(preset.engine, count, preset.canvas.to_json(), torch.get_num_threads())

    def draw(self, policy: Policy) -> Trajectory:
        """Programs of an episode's length, T commands in each of B programs, with their pictures as targets."""
        seed = int(torch.randint(2**31, ()))
        length, generator = self.preset.learning.episode_length, np.random.default_rng(seed)
        commands = self.preset.canvas.sample_programs(generator, length, self.engine.batch)
        seeds = generator.integers(2**31, size=self.engine.batch)
        return hindsight(rollout_programs(policy, self.engine, commands, seeds))
