"""The policy's learner: network, optimiser and reward scale (SPIRAL sections 3.2 and 3.4)."""

from __future__ import annotations

import copy
import functools
from collections.abc import Callable, Iterator, Sequence

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from spiral.datasets import Dataset
from spiral.engines import Engine
from spiral.errors import InputError
from spiral.learning import checkpoint, machine
from spiral.learning.canvases import upload
from spiral.learning.checkpoint import Tensors
from spiral.learning.ema import update_ema
from spiral.learning.figures import episode_figures, to_numbers
from spiral.learning.graphs import Graphed
from spiral.learning.hindsight import hindsight, informative
from spiral.learning.lessons import Lessons
from spiral.learning.minibatches import evaluate_actions, minibatches, sample
from spiral.learning.networks import make_policy
from spiral.learning.policy_gradient import imitation_loss, normalize_advantages, policy_loss
from spiral.learning.returns import generalized_advantage_estimation, v_trace
from spiral.learning.reward_scale import RewardScale
from spiral.learning.rewards import discriminator_scores, from_scores, histogram_scores, l2_scores, penalties
from spiral.learning.rollout import rollout
from spiral.learning.schedules import geometric, linear
from spiral.learning.trajectory import Trajectory
from spiral.models.discriminator import Discriminator
from spiral.models.policy import Decision
from spiral.settings import Preset

MetricsCallback = Callable[[Dataset, npt.NDArray[np.uint8]], dict[str, float]]
"""Figures of generated and as many real pictures, uint8 [N, S, S, C] each, for the log of a run without targets."""


class PolicyLearner:
    """A policy and all of its state that a checkpoint holds.

    Attributes:
        policy: what paints.
        ema: the exponential moving average of its weights, which is evaluated, saved as the agent and shipped.
        updates: optimiser steps so far.
        commands: learned from so far.
    """

    def __init__(self, preset: Preset, device: torch.device) -> None:
        """A network with random weights.

        Raises:
            InputError: incompatible settings.
        """
        learning = preset.learning
        if (learning.reward != "discriminator" or learning.histogram_weight) and not preset.redraws:
            raise InputError("an L2 or histogram reward needs a target: set --policy.sees-target")
        imitates = learning.hindsight_weight or (learning.lessons and not learning.lesson_programs)
        if imitates and not preset.redraws:
            raise InputError(
                "lessons and hindsight need an agent that redraws a target, or programs from a file: set "
                "--learning.lesson-programs, or --learning.lessons 0 --learning.hindsight-weight 0"
            )
        self.preset, self.device = preset, device
        self.mixed = functools.partial(machine.mixed_precision, device, preset.run.precision)
        self.policy = make_policy(preset, device)
        self.ema = copy.deepcopy(self.policy).requires_grad_(False)
        betas = (learning.policy_adam_beta1, 0.999)
        self.optimizer = torch.optim.Adam(self.policy.parameters(), learning.policy_learning_rate, betas, fused=True)
        self.reward_scale = RewardScale(learning.reward_scale, learning.episode_length, device)
        # `ddp.use_ddp` puts others in their place.
        self.evaluate_actions: Callable[[Sequence[Trajectory]], list[Decision]]
        self.evaluate_actions = functools.partial(evaluate_actions, self.policy)
        self.all_gather: Callable[[Tensor], Tensor] = lambda values: values
        self.lessons = Lessons(preset, device) if learning.lessons else None
        self._slopes: Callable[..., tuple[list[Tensor | None], dict[str, Tensor]]] = self._gradients
        self._lesson_slopes: Callable[..., tuple[list[Tensor | None], dict[str, Tensor]]] = self._lesson_gradients
        self.updates = self.commands = 0

    def scores(self, episode: Trajectory, discriminator: Discriminator) -> Tensor:
        """The canvases' scores, float32 [T + 1, B]: those of one kind, or a sum of several in the same unit."""
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

        `progress` is the share of the budget used up, over which the idle penalty falls to 0.
        """
        learning, blank = self.preset.learning, episode.blank()
        rewards = from_scores(self.scores(episode, discriminator), learning.credit_assignment, episode.terminated)
        self.reward_scale.learn(self.all_gather(rewards), self.all_gather(episode.index), self.all_gather(blank))
        starts = episode.starts(self.policy.specification)
        fines = penalties(
            starts,
            blank & episode.terminated,
            episode.idle() if learning.idle_penalty else torch.zeros_like(starts),
            learning.start_penalty,
            learning.blank_penalty,
            learning.idle_penalty * max(0.0, 1.0 - progress),
        )
        return rewards / self.reward_scale.of(episode.index) + fines

    def learn(self, episode: Trajectory, rewards: Tensor, progress: float) -> dict[str, Tensor]:
        """Learn from painted episodes; `progress` is the share of the budget used up, for the schedules.

        There are `learning.update_epochs` passes over `learning.num_minibatches` minibatches, each with an optimiser
        step of advantage actor-critic. The losses of `spiral.learning.lessons` are added; at the beginning of a run
        with `learning.lesson_pretraining` they are all there is.

        Returns:
            Figures of the last step for the log, scalars on the device.
        """
        learning, figures = self.preset.learning, dict[str, Tensor]()
        if self.lessons is not None and progress < learning.lesson_pretraining:
            figures = self._pretrain(self.lessons, progress)
        else:
            measured = self._advantages(episode, rewards)
            weights = self._weights(progress)
            taught = linear(learning.lesson_weight, learning.lesson_weight_end, progress)
            lessons = self.lessons.draw(self.policy, episode.commands) if self.lessons and taught else None
            for rows in self._minibatches(episode):
                some = None if lessons is None else lessons.rows(sample(lessons.batch, learning.lessons, self.device))
                gradients, figures = self._slopes(episode.rows(rows), [m[:, rows] for m in measured], some, weights)
                figures = {
                    **figures,
                    "gradient_norm": self._step(gradients, progress),
                    "reward_unit": self.reward_scale.of(episode.index).mean(),
                }
        self.commands += self.all_gather(episode.commands[..., 0]).numel()
        # Copies: a CUDA graph overwrites its results, and figures are read later.
        return {f"policy/{name}": value.clone() for name, value in figures.items()}

    def use_graphs(self) -> None:
        """Compute gradients by CUDA graphs from now on."""
        self._slopes = Graphed(self._slopes, owned=False)
        self._lesson_slopes = Graphed(self._lesson_slopes, owned=False)

    def _minibatches(self, episode: Trajectory) -> Iterator[Tensor]:
        """Rows int64 [M] of every minibatch of every pass."""
        for _ in range(self.preset.learning.update_epochs):
            yield from minibatches(episode.batch, self.preset.learning.num_minibatches, self.device)

    def _weights(self, progress: float) -> Tensor:
        """The weights of entropy, hindsight and lessons, float32 [3] on the device."""
        learning = self.preset.learning
        weights = (
            geometric(learning.entropy_coef, learning.entropy_coef_end, progress),
            linear(learning.hindsight_weight, learning.hindsight_weight_end, progress),
            linear(learning.lesson_weight, learning.lesson_weight_end, progress),
        )
        return upload(torch.tensor(weights), self.device)

    def _gradients(
        self, episode: Trajectory, measured: Sequence[Tensor], lessons: Trajectory | None, weights: Tensor
    ) -> tuple[list[Tensor | None], dict[str, Tensor]]:
        """The parameters' gradients in one minibatch, which they hold, too, and figures for the log.

        `measured` is what `_advantages` returns for it, `weights` what `_weights` does.
        """
        learning, batch = self.preset.learning, [episode]
        if learning.hindsight_weight:
            batch.append(hindsight(episode))
        if lessons is not None:
            batch.append(lessons)
        with self.mixed():
            decisions = self.evaluate_actions(batch)
        loss, figures = policy_loss(
            decisions[0],
            *(each.flatten() for each in measured),
            entropy_coef=weights[0],
            value_coef=learning.value_coef,
            clip_coef=learning.clip_coef,
        )
        if learning.hindsight_weight:
            figures["hindsight_loss"] = imitation_loss(decisions[1], informative(episode, self.policy.specification))
            loss = loss + weights[1] * figures["hindsight_loss"]
        if lessons is not None:
            figures["lesson_loss"] = imitation_loss(decisions[-1], lessons.taught)
            loss = loss + weights[2] * figures["lesson_loss"]
        return self._backward(loss), _detached(figures)

    def _lesson_gradients(self, lessons: Trajectory) -> tuple[list[Tensor | None], dict[str, Tensor]]:
        """The same of lessons alone."""
        with self.mixed():
            loss = imitation_loss(self.evaluate_actions([lessons])[0], lessons.taught)
        return self._backward(loss), {"lesson_loss": loss.detach()}

    def _backward(self, loss: Tensor) -> list[Tensor | None]:
        """The parameters' gradients, None where the loss does not depend on one."""
        self.optimizer.zero_grad()
        loss.backward()
        return [parameter.grad for parameter in self.policy.parameters()]

    def _pretrain(self, source: Lessons, progress: float) -> dict[str, Tensor]:
        """As many optimiser steps as `learn` takes, on lessons alone; fresh ones for every pass.

        They are the prior's. An agent that learned from its own programs alone came to paint less and less.
        """
        learning, figures = self.preset.learning, dict[str, Tensor]()
        for _ in range(learning.update_epochs):
            lessons = source.draw(self.policy)
            for rows in minibatches(lessons.batch, learning.num_minibatches, self.device):
                gradients, figures = self._lesson_slopes(lessons.rows(rows))
                figures = {**figures, "gradient_norm": self._step(gradients, progress)}
        return figures

    def _step(self, gradients: Sequence[Tensor | None], progress: float) -> Tensor:
        """Take the optimiser's step and let the average follow; returns the gradient's norm."""
        learning = self.preset.learning
        # Those of a CUDA graph are at the graph's own place, which is not that of the last one replayed.
        for parameter, gradient in zip(self.policy.parameters(), gradients, strict=True):
            parameter.grad = gradient
        norm = torch.nn.utils.clip_grad_norm_(self.policy.parameters(), learning.max_grad_norm)
        self._update(
            linear(
                learning.policy_learning_rate,
                learning.policy_learning_rate * learning.learning_rate_end_factor,
                progress,
            )
        )
        return norm

    def _advantages(self, episode: Trajectory, rewards: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Normalised advantages, value targets, and log probability of the commands before the update.

        All are float32 [T, B]; V-trace corrects the first two if another policy may have painted.
        """
        learning = self.preset.learning
        # Later rewards are converted to the unit of the command before.
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
        if episode.steps < learning.episode_length:  # else every episode is over
            with torch.no_grad(), self.mixed():
                expected = self.policy.bootstrap_value(episode.next_observation(learning.episode_length), state)
            following = torch.where(episode.terminated, 0.0, expected)
        advantages, targets, weights = v_trace(rewards, values, discount, decay, following, ratios)
        return normalize_advantages(advantages, self.all_gather(advantages)) * weights, targets, before

    def _update(self, rate: float) -> None:
        """Take an optimiser step and update the average."""
        learning = self.preset.learning
        self.updates += 1
        for group in self.optimizer.param_groups:
            group["lr"] = rate * min(1.0, self.updates / max(learning.warmup_updates, 1))
        self.optimizer.step()
        update_ema(self.ema, self.policy, learning.ema_decay, self.updates)

    def evaluate(
        self, engine: Engine, held_out: Dataset, metrics_callback: MetricsCallback | None = None
    ) -> tuple[dict[str, float], Tensor, Tensor | None]:
        """Paint N held-out pictures with the averaged policy, at the preset's temperature and noise scale.

        An agent without targets generates N pictures for `metrics_callback`.

        Returns:
            Figures (mse and blank_mse per pixel and channel in [0, 1], where there are targets), the canvases uint8
            [N, S, S, C] and the targets.
        """
        redraws, temperature = self.preset.redraws, self.preset.usual_temperature
        targets = torch.from_numpy(held_out.images).to(self.device) if redraws else None
        with machine.seeded(0, self.device), self.mixed():
            seeds = np.arange(len(held_out))
            length, scale = self.preset.learning.episode_length, self.preset.noise_scale
            episode = rollout(self.ema, engine, targets, length, seeds, temperature, noise_scale=scale)
        painted = to_numbers(episode_figures(episode, self.policy.specification))
        figures = {f"held_out/{name}": value for name, value in painted.items()}
        if targets is not None:
            real = targets.float() / 255.0
            figures["mse"] = float((episode.canvases[-1].float() / 255.0 - real).square().mean())
            figures["blank_mse"] = float((episode.canvases[0].float() / 255.0 - real).square().mean())
        elif metrics_callback is not None:
            seen = metrics_callback(held_out, episode.canvases[-1].cpu().numpy())
            figures |= {f"held_out/{name}": value for name, value in seen.items()}
        return figures, episode.canvases[-1], targets

    def state(self) -> dict[str, Tensors]:
        """Groups of tensors to save."""
        return {
            "policy": self.policy.state_dict(),
            "ema": self.ema.state_dict(),
            "policy_optimizer": checkpoint.pack_optimizer(self.optimizer),
            "reward_scale": {"state": self.reward_scale.state},
            "counts": {"updates": torch.tensor(self.updates), "commands": torch.tensor(self.commands)},
        }

    def restore(self, state: dict[str, Tensors]) -> None:
        """Restore what `state` returned.

        Raises:
            InputError: it belongs to another experiment.
        """
        checkpoint.fill(self.policy, state["policy"], "the policy's checkpoint")
        checkpoint.fill(self.ema, state["ema"], "the policy's checkpoint")
        checkpoint.unpack_optimizer(self.optimizer, state["policy_optimizer"])
        self.reward_scale.restore(state["reward_scale"])
        counts = checkpoint.counts_of(state["counts"], ("updates", "commands"), "the run's checkpoint")
        self.updates, self.commands = counts


def _detached(figures: dict[str, Tensor]) -> dict[str, Tensor]:
    """The same figures, without what they were computed from: a CUDA graph would keep it."""
    return {name: value.detach() for name, value in figures.items()}
