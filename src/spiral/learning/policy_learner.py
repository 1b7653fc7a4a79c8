"""What learns to paint: the policy, its optimiser and the unit of its rewards (SPIRAL sections 3.2 and 3.4)."""

from __future__ import annotations

import copy
import functools
from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from spiral.datasets import Dataset
from spiral.engines import Engine
from spiral.errors import InputError
from spiral.learning import checkpoint, machine
from spiral.learning.checkpoint import Tensors
from spiral.learning.lessons import Lessons, hindsight, imitation_loss, telling
from spiral.learning.minibatches import evaluate, minibatches, sample
from spiral.learning.networks import make_policy
from spiral.learning.policy_gradient import normalize_advantages, policy_loss
from spiral.learning.returns import generalized_advantage_estimation, v_trace
from spiral.learning.reward_scale import RewardScale
from spiral.learning.rewards import discriminator_scores, from_scores, histogram_scores, l2_scores, penalties
from spiral.learning.rollout import rollout
from spiral.learning.trajectory import Trajectory, episode_figures
from spiral.models.discriminator import Discriminator
from spiral.models.policy import Decision
from spiral.settings import Preset

MetricsCallback = Callable[[Dataset, npt.NDArray[np.uint8]], dict[str, float]]
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
        self.ema = copy.deepcopy(self.policy).requires_grad_(False)
        betas = (learning.policy_adam_beta1, 0.999)
        self.optimizer = torch.optim.Adam(self.policy.parameters(), learning.policy_learning_rate, betas, fused=True)
        self.reward_scale = RewardScale(learning.reward_scale, learning.episode_length, device)
        # `ddp.use_ddp` puts others in their place.
        self.evaluate_actions: Callable[[Sequence[Trajectory]], list[Decision]] = lambda batch: evaluate(
            self.policy, batch
        )
        self.all_gather: Callable[[Tensor], Tensor] = lambda values: values
        self.lessons = Lessons(preset) if learning.lessons else None
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

    def rewards(self, episode: Trajectory, discriminator: Discriminator, progress: float = 0.0) -> Tensor:
        """Rewards float32 [T, B] of painted episodes in the `RewardScale` of each command, penalties included.

        `progress` is the share of the budget used up, over which the penalty for idleness falls to nothing.
        """
        learning, blank = self.preset.learning, episode.blank()
        rewards = from_scores(self.scores(episode, discriminator), learning.credit_assignment, episode.ended)
        self.reward_scale.learn(self.all_gather(rewards), self.all_gather(episode.index), self.all_gather(blank))
        starts = episode.starts(self.policy.specification)
        fines = penalties(
            starts,
            blank & episode.ended,
            episode.idle() if learning.idle_penalty else torch.zeros_like(starts),
            learning.start_penalty,
            learning.blank_penalty,
            learning.idle_penalty * max(0.0, 1.0 - progress),
        )
        return rewards / self.reward_scale.of(episode.index) + fines

    def learn(self, episode: Trajectory, rewards: Tensor, progress: float) -> dict[str, float]:
        """Learn from painted episodes; `progress` is the share of the budget used up, for the schedules.

        `learning.update_epochs` over the commands in `learning.num_minibatches` each, an optimiser step of advantage
        actor-critic on every one; what `spiral.learning.lessons` gives is learned beside it.
        """
        learning = self.preset.learning
        measured = self._advantages(episode, rewards)
        lessons = None if self.lessons is None else self.lessons.draw(self.policy)
        figures: dict[str, Tensor] = {}
        for _ in range(learning.update_epochs):
            for rows in minibatches(episode.batch, learning.num_minibatches, self.device):
                some = None if lessons is None else lessons.rows(sample(lessons.batch, learning.lessons, self.device))
                loss, figures = self._loss(episode.rows(rows), [each[:, rows] for each in measured], some, progress)
                figures |= {
                    "gradient_norm": self._step(loss, progress),
                    "reward_unit": self.reward_scale.of(episode.index).mean(),
                }
        self.commands += self.all_gather(episode.commands[..., 0]).numel()
        return {f"policy/{name}": float(value.detach()) for name, value in figures.items()}

    def _loss(
        self, episode: Trajectory, measured: Sequence[Tensor], lessons: Trajectory | None, progress: float
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """The loss of one minibatch and figures for the log.

        `measured` is what `_advantages` says of these episodes.
        """
        learning, batch = self.preset.learning, [episode]
        if learning.hindsight_weight:
            batch.append(hindsight(episode))
        if lessons is not None:
            batch.append(lessons)
        with self.mixed():
            decisions = self.evaluate_actions(batch)
        fall = learning.entropy_coef_end / learning.entropy_coef if learning.entropy_coef > 0 else 1.0
        loss, figures = policy_loss(
            decisions[0],
            *(each.flatten() for each in measured),
            entropy_coef=learning.entropy_coef * fall ** min(progress, 1.0),
            value_coef=learning.value_coef,
            clip_coef=learning.clip_coef,
        )
        if learning.hindsight_weight:
            figures["hindsight_loss"] = imitation_loss(decisions[1], telling(episode, self.policy.specification))
            weight = falling(learning.hindsight_weight, learning.hindsight_weight_end, progress)
            loss = loss + weight * figures["hindsight_loss"]
        if lessons is not None:
            figures["lesson_loss"] = imitation_loss(decisions[-1])
            loss = loss + falling(learning.lesson_weight, learning.lesson_weight_end, progress) * figures["lesson_loss"]
        return loss, figures

    def study(self, progress: float) -> dict[str, float]:
        """Learn from nothing but lessons, an optimiser step for each minibatch; `progress` as in `learn`.

        Without lessons there is nothing to learn.
        """
        figures: dict[str, Tensor] = {}
        if self.lessons is None:
            return {}
        lessons = self.lessons.draw(self.policy)
        for rows in minibatches(lessons.batch, self.preset.learning.num_minibatches, self.device):
            with self.mixed():
                loss = imitation_loss(self.evaluate_actions([lessons.rows(rows)])[0])
            figures = {"lesson_loss": loss.detach(), "gradient_norm": self._step(loss, progress)}
        self.commands += self.all_gather(lessons.commands[..., 0]).numel()
        return {f"policy/{name}": float(value.detach()) for name, value in figures.items()}

    def _step(self, loss: Tensor, progress: float) -> Tensor:
        """Take the optimiser's step and let the average follow; returns the gradient's norm."""
        learning = self.preset.learning
        self.optimizer.zero_grad()
        loss.backward()
        norm = torch.nn.utils.clip_grad_norm_(self.policy.parameters(), learning.max_grad_norm)
        self._update(
            falling(
                learning.policy_learning_rate,
                learning.policy_learning_rate * learning.learning_rate_end_factor,
                progress,
            )
        )
        return norm

    def _advantages(self, episode: Trajectory, rewards: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Advantages, normalised, value targets, and log probability of the commands before anything is learned.

        All are float32 [T, B]; the first two are corrected where another policy may have painted.
        """
        learning = self.preset.learning
        # What comes later is counted in the unit of the command before it.
        discount = learning.gamma * self.reward_scale.of(episode.index + 1) / self.reward_scale.of(episode.index)
        decay = learning.gae_lambda
        if learning.off_policy_correction == "none":
            values, before = episode.values, episode.log_probability
            advantages, targets = generalized_advantage_estimation(
                rewards, values, discount, decay, episode.bootstrap_value
            )
            return normalize_advantages(advantages, self.all_gather(advantages)), targets, before
        with torch.no_grad(), self.mixed():
            decision, state = self.policy.evaluate(episode.observations(), episode.commands, episode.before.state)
        values, before = (value.view(rewards.shape) for value in (decision.value, decision.log_probability))
        ratios = (before - episode.log_probability).exp()
        following = torch.zeros_like(episode.bootstrap_value)
        if not bool(episode.ended.all()):
            with torch.no_grad(), self.mixed():
                expected = self.policy.bootstrap_value(episode.next_observation(learning.episode_length), state)
            following = torch.where(episode.ended, 0.0, expected)
        advantages, targets, weights = v_trace(rewards, values, discount, decay, following, ratios)
        return normalize_advantages(advantages, self.all_gather(advantages)) * weights, targets, before

    def _update(self, rate: float) -> None:
        """Take the optimiser's step and let the average follow."""
        learning = self.preset.learning
        self.updates += 1
        for group in self.optimizer.param_groups:
            group["lr"] = rate * min(1.0, self.updates / max(learning.warmup_updates, 1))
        self.optimizer.step()
        with torch.no_grad():
            keep = min(learning.ema_decay, self.updates / (self.updates + 10))
            for mean, now in zip(self.ema.parameters(), self.policy.parameters(), strict=True):
                mean.lerp_(now, 1.0 - keep)

    def evaluate(
        self, engine: Engine, unseen: Dataset, metrics_callback: MetricsCallback | None = None
    ) -> tuple[dict[str, float], Tensor, Tensor | None]:
        """Paint N held-out pictures with the averaged policy, most probable commands first.

        An agent without targets invents as many, which `metrics_callback` measures.

        Returns:
            Figures (mse and blank_mse per pixel and channel in [0, 1], where there are targets), the canvases uint8
            [N, S, S, C] and the targets.
        """
        redraws = self.preset.redraws
        temperature = 0.0 if redraws else self.preset.temperature
        targets = torch.from_numpy(unseen.images).to(self.device) if redraws else None
        with machine.seeded(0, self.device), self.mixed():
            seeds = np.arange(len(unseen))
            episode = rollout(self.ema, engine, targets, self.preset.learning.episode_length, seeds, temperature)
        painted = episode_figures(episode, self.policy.specification)
        figures = {f"held_out/{name}": value for name, value in painted.items()}
        if targets is not None:
            real = targets.float() / 255.0
            figures["mse"] = float((episode.canvases[-1].float() / 255.0 - real).square().mean())
            figures["blank_mse"] = float((episode.canvases[0].float() / 255.0 - real).square().mean())
        elif metrics_callback is not None:
            seen = metrics_callback(unseen, episode.canvases[-1].cpu().numpy())
            figures |= {f"held_out/{name}": value for name, value in seen.items()}
        return figures, episode.canvases[-1], targets

    def state(self) -> dict[str, Tensors]:
        """Groups of tensors to be saved."""
        return {
            "policy": self.policy.state_dict(),
            "ema": self.ema.state_dict(),
            "policy_optimizer": checkpoint.pack_optimizer(self.optimizer),
            "reward_scale": {"state": self.reward_scale.state},
            "counts": {"updates": torch.tensor(self.updates), "commands": torch.tensor(self.commands)},
        }

    def restore(self, state: dict[str, Tensors]) -> None:
        """Take over what `state` returned.

        Raises:
            InputError: it is of another experiment.
        """
        checkpoint.fill(self.policy, state["policy"], "the policy's checkpoint")
        checkpoint.fill(self.ema, state["ema"], "the policy's checkpoint")
        checkpoint.unpack_optimizer(self.optimizer, state["policy_optimizer"])
        self.reward_scale.state = state["reward_scale"]["state"].to(self.device)
        self.updates, self.commands = (int(state["counts"][name]) for name in ("updates", "commands"))


def falling(start: float, end: float, progress: float) -> float:
    """A setting that falls linearly from `start` to `end` over a run, of which the share `progress` is over."""
    return start + (end - start) * min(progress, 1.0)
