"""What learns to paint: the policy, its optimiser and the unit of its rewards (SPIRAL sections 3.2 and 3.4)."""

from __future__ import annotations

import copy
import functools
from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from spiral.datasets import Dataset
from spiral.engines import Engine
from spiral.errors import InputError
from spiral.learning import checkpoint, machine
from spiral.learning.checkpoint import Tensors
from spiral.learning.networks import make_policy
from spiral.learning.policy_gradient import normalise, policy_loss
from spiral.learning.returns import generalised_advantages, v_trace
from spiral.learning.rewards import discriminator_scores, from_scores, histogram_scores, l2_scores, penalties
from spiral.learning.rollout import collect
from spiral.learning.trajectory import Trajectory, episode_figures
from spiral.learning.units import Units
from spiral.models.discriminator import Discriminator
from spiral.models.policy import Decision, State
from spiral.settings import Preset

Watch = Callable[[Dataset, npt.NDArray[np.uint8]], dict[str, float]]
"""Figures of invented pictures uint8 [N, S, S, C] beside as many real ones, for the log of a run without targets."""


class PolicyLearner:
    """A policy and everything of it that a checkpoint must hold.

    Attributes:
        policy: what paints.
        average: the running average of its weights, which is evaluated, saved as the agent and shipped.
        updates: optimiser steps so far.
        commands: learned from so far.
    """

    def __init__(self, preset: Preset, device: torch.device) -> None:
        """A network with random weights.

        Raises:
            InputError: settings that do not go together.
        """
        learning = preset.learning
        if (learning.reward != "discriminator" or learning.histogram_weight) and not preset.redraws:
            raise InputError("an L2 or histogram reward needs a target: set --policy.sees-target")
        self.preset, self.device = preset, device
        self.mixed = functools.partial(machine.mixed_precision, device, preset.run.precision)
        self.policy = make_policy(preset, device)
        self.average = copy.deepcopy(self.policy).requires_grad_(False)
        betas = (learning.policy_beta, 0.999)
        self.optimizer = torch.optim.Adam(self.policy.parameters(), learning.policy_rate, betas, fused=True)
        self.units = Units(learning.units, learning.length, device)
        # `data_parallel.spread` puts others in their place.
        self.reconsider: Callable[..., tuple[Decision, State]] = lambda *seen: self.policy.evaluate(*seen)
        self.gather: Callable[[Tensor], Tensor] = lambda values: values
        self.updates = self.commands = 0

    def scores(self, episode: Trajectory, discriminator: Discriminator) -> Tensor:
        """What the canvases are worth, float32 [T + 1, B]: one score, or a sum of several in the same unit."""
        learning, canvases, targets = self.preset.learning, episode.canvases, episode.targets
        scores = torch.zeros(canvases.shape[:2], device=self.device)
        if learning.reward != "l2":
            with self.mixed():
                scores = scores + discriminator_scores(discriminator, canvases, targets)
        if learning.reward != "discriminator" and targets is not None:
            scores = scores + l2_scores(canvases, targets)
        if learning.histogram_weight and targets is not None:
            scores = scores + learning.histogram_weight * histogram_scores(canvases, targets)
        return scores

    def rewards(self, episode: Trajectory, discriminator: Discriminator, spent: float = 0.0) -> Tensor:
        """Rewards float32 [T, B] of painted episodes in the `Units` of each command, penalties included.

        `spent` is the share of the budget used up, over which the penalty for idleness falls to nothing.
        """
        learning, blank = self.preset.learning, episode.blank()
        rewards = from_scores(self.scores(episode, discriminator), learning.credit, episode.ended)
        self.units.learn(self.gather(rewards), self.gather(episode.index), self.gather(blank))
        starts = episode.starts(self.policy.specification)
        fines = penalties(
            starts,
            blank & episode.ended,
            episode.idle() if learning.idle_penalty else torch.zeros_like(starts),
            learning.start_penalty,
            learning.blank_penalty,
            learning.idle_penalty * max(0.0, 1.0 - spent),
        )
        return rewards / self.units.of(episode.index) + fines

    def learn(self, episode: Trajectory, rewards: Tensor, spent: float) -> dict[str, float]:
        """Learn from painted episodes; `spent` is the share of the budget used up, for the schedules.

        One advantage actor-critic step, and `learning.passes` - 1 more on the same commands.
        """
        learning, seen = self.preset.learning, episode.observations()
        fall = learning.entropy_cost_end / learning.entropy_cost if learning.entropy_cost > 0 else 1.0
        entropy_cost = learning.entropy_cost * fall ** min(spent, 1.0)
        rate = learning.policy_rate * (1.0 + (learning.rate_end - 1.0) * min(spent, 1.0))
        before = advantages = value_targets = None
        figures: dict[str, Tensor] = {}
        for _ in range(learning.passes):
            with self.mixed():
                decision, state = self.reconsider(seen, episode.commands, episode.before.state)
            if advantages is None or value_targets is None:
                advantages, value_targets = self._advantages(episode, rewards, decision, state)
            loss, figures = policy_loss(
                decision,
                advantages.flatten(),
                value_targets.flatten(),
                entropy_cost,
                learning.value_cost,
                before,
                learning.clip,
            )
            before = decision.log_probability.detach() if before is None else before
            self.optimizer.zero_grad()
            loss.backward()
            norm = torch.nn.utils.clip_grad_norm_(self.policy.parameters(), learning.gradient_clip)
            figures |= {"gradient_norm": norm, "reward_unit": self.units.of(episode.index).mean()}
            self._update(rate)
        self.commands += self.gather(episode.commands[..., 0]).numel()
        return {f"policy/{name}": float(value) for name, value in figures.items()}

    def _advantages(
        self, episode: Trajectory, rewards: Tensor, decision: Decision, state: State
    ) -> tuple[Tensor, Tensor]:
        """Advantages, normalised, and value targets float32 [T, B], corrected where another policy may have painted.

        `state` is the core's after the last command.
        """
        learning, values = self.preset.learning, decision.value.detach().view(rewards.shape)
        # What comes later is counted in the unit of the command before it.
        discount = learning.discount * self.units.of(episode.index + 1) / self.units.of(episode.index)
        decay = learning.advantage_decay
        if learning.correction == "none":
            advantages, targets = generalised_advantages(rewards, values, discount, decay, episode.following)
            return normalise(advantages, self.gather(advantages)), targets
        ratios = (decision.log_probability.detach().view(rewards.shape) - episode.log_probability).exp()
        following = torch.zeros_like(episode.following)
        if not bool(episode.ended.all()):
            with torch.no_grad(), self.mixed():
                expected = self.policy.foresee(episode.next_observation(learning.length), state)
            following = torch.where(episode.ended, 0.0, expected)
        advantages, targets, weights = v_trace(rewards, values, discount, decay, following, ratios)
        return normalise(advantages, self.gather(advantages)) * weights, targets

    def _update(self, rate: float) -> None:
        """Take the optimiser's step and let the average follow."""
        learning = self.preset.learning
        self.updates += 1
        for group in self.optimizer.param_groups:
            group["lr"] = rate * min(1.0, self.updates / max(learning.warm_up, 1))
        self.optimizer.step()
        with torch.no_grad():
            keep = min(learning.average, self.updates / (self.updates + 10))
            for mean, now in zip(self.average.parameters(), self.policy.parameters(), strict=True):
                mean.lerp_(now, 1.0 - keep)

    def evaluate(
        self, engine: Engine, unseen: Dataset, watch: Watch | None = None
    ) -> tuple[dict[str, float], Tensor, Tensor | None]:
        """Paint N held-out pictures with the averaged policy, most probable commands first.

        An agent without targets invents as many, which `watch` measures.

        Returns:
            Figures (mse and blank_mse per pixel and channel in [0, 1], where there are targets), the canvases uint8
            [N, S, S, C] and the targets.
        """
        redraws = self.preset.redraws
        temperature = 0.0 if redraws else self.preset.temperature
        targets = torch.from_numpy(unseen.images).to(self.device) if redraws else None
        with machine.seeded(0, self.device), self.mixed():
            seeds = np.arange(len(unseen))
            episode = collect(self.average, engine, targets, self.preset.learning.length, seeds, temperature)
        painted = episode_figures(episode, self.policy.specification)
        figures = {f"held_out/{name}": value for name, value in painted.items()}
        if targets is not None:
            real = targets.float() / 255.0
            figures["mse"] = float((episode.canvases[-1].float() / 255.0 - real).square().mean())
            figures["blank_mse"] = float((episode.canvases[0].float() / 255.0 - real).square().mean())
        elif watch is not None:
            seen = watch(unseen, episode.canvases[-1].cpu().numpy())
            figures |= {f"held_out/{name}": value for name, value in seen.items()}
        return figures, episode.canvases[-1], targets

    def state(self) -> dict[str, Tensors]:
        """Groups of tensors to be saved."""
        return {
            "policy": self.policy.state_dict(),
            "average": self.average.state_dict(),
            "policy_optimizer": checkpoint.pack_optimizer(self.optimizer),
            "units": {"state": self.units.state},
            "counts": {"updates": torch.tensor(self.updates), "commands": torch.tensor(self.commands)},
        }

    def restore(self, state: dict[str, Tensors]) -> None:
        """Take over what `state` returned.

        Raises:
            InputError: it is of another experiment.
        """
        checkpoint.fill(self.policy, state["policy"], "the policy's checkpoint")
        checkpoint.fill(self.average, state["average"], "the policy's checkpoint")
        checkpoint.unpack_optimizer(self.optimizer, state["policy_optimizer"])
        self.units.state = state["units"]["state"].to(self.device)
        self.updates, self.commands = (int(state["counts"][name]) for name in ("updates", "commands"))
