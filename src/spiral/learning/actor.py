"""The actor: a policy, B canvases and their targets (IMPALA's actor, SPIRAL section 3.4)."""

from __future__ import annotations

import functools

import numpy as np
import torch

from spiral.learning.canvases import Canvases
from spiral.learning.graphs import Graphed
from spiral.learning.real_images import RealImages
from spiral.learning.rollout import Decide, decide, reset_episodes
from spiral.learning.rollout import unroll as unroll_episodes
from spiral.learning.trajectory import Episodes, Trajectory
from spiral.models.policy import Policy
from spiral.settings import Preset


class Actor:
    """Paints one unroll after another."""

    def __init__(
        self,
        preset: Preset,
        policy: Policy,
        canvases: Canvases,
        real: RealImages,
        first: int = 0,
        graphs: bool = False,
    ) -> None:
        """Blank canvases.

        Args:
            preset: the experiment.
            policy: chooses the commands; its weights may change between unrolls.
            canvases: B of them.
            real: the source of targets.
            first: number of canvases of the actors before this one.
            graphs: whether everything about one command is decided by a CUDA graph.
        """
        self.preset, self.policy, self.canvases, self.real = preset, policy, canvases, real
        self.episodes: Episodes | None = None
        deciding: Decide = functools.partial(decide, policy)
        self.decide: Decide = Graphed(deciding) if graphs else deciding
        # The first episodes end early, each after another number of unrolls, so that canvases are at different unrolls
        # ever after. A blank canvas in the middle of an episode would teach `RewardScale` units that are wrong.
        self.unrolls_left = 1 + (first + np.arange(canvases.batch)) % preset.learning.unrolls_per_episode

    def unroll(self) -> Trajectory:
        """Paint an unroll of T commands on every canvas; terminated episodes are reset first.

        If an episode has several unrolls, the canvases are staggered, so that every step learns from beginnings
        and ends.
        """
        learning, running, batch = self.preset.learning, self.episodes, self.canvases.batch
        over = None if running is None else self.unrolls_left == 0
        if running is None or over is None or over.any():
            targets = self.real.pick(batch)[0] if self.preset.redraws else None
            seeds = np.asarray(torch.randint(2**31, (batch,)).numpy())
            episodes = reset_episodes(self.policy, self.canvases, targets, seeds, over=over, running=running)
            if over is not None:
                self.unrolls_left = np.where(over, learning.unrolls_per_episode, self.unrolls_left)
            running = episodes
        trajectory, self.episodes = unroll_episodes(
            self.policy,
            self.canvases,
            running,
            learning.unroll_length,
            learning.episode_length,
            decider=self.decide,
        )
        self.unrolls_left = self.unrolls_left - 1
        return trajectory
