"""Who acts: a policy, B canvases and what to redraw on them (an actor of IMPALA's, SPIRAL section 3.4)."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch

from spiral.engines import Engine
from spiral.learning.real import Real
from spiral.learning.rollout import begin, go_on
from spiral.learning.trajectory import Episodes, Trajectory
from spiral.models.policy import Policy
from spiral.settings import Preset


class Painter:
    """Paints one unroll after another."""

    def __init__(self, preset: Preset, policy: Policy, engine: Engine, real: Real, first: int = 0) -> None:
        """Blank canvases.

        Args:
            preset: the experiment.
            policy: what decides; whoever trains it may change its weights between two unrolls.
            engine: B canvases.
            real: where targets come from.
            first: how many canvases there are elsewhere before these.
        """
        self.preset, self.policy, self.engine, self.real, self.first = preset, policy, engine, real, first
        self.episodes: Episodes | None = None

    def paint(self) -> Trajectory:
        """An unroll of T commands on every canvas; episodes that are over make room for new ones first.

        Where an episode has several unrolls the canvases are at different ones, so that every step learns from
        beginnings and ends alike.
        """
        learning, running, batch = self.preset.learning, self.episodes, self.engine.batch
        over = None if running is None else running.done >= learning.length
        if running is None or over is None or bool(over.any()):
            targets = self.real.pick(batch)[0] if self.preset.redraws else None
            seeds = np.asarray(torch.randint(2**31, (batch,)).numpy())
            episodes = begin(self.policy, self.engine, targets, seeds, over=over, running=running)
            if running is None:
                turns = (self.first + torch.arange(batch, device=episodes.done.device)) % learning.unrolls
                episodes = replace(episodes, done=turns * learning.steps)
            running = episodes
        trajectory, self.episodes = go_on(self.policy, self.engine, running, learning.steps, learning.length)
        return trajectory
