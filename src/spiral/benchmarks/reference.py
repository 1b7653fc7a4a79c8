"""The reference: SPIRAL's training loop written plainly, on the same networks and the same batch.

Eager PyTorch in float32, the paper's algorithm line by line: no threads of its own, no mixed precision, no compilation,
no reuse of work between steps. The speed-up of `learning/trainer.py` is measured against this.
"""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from spiral.datasets import load
from spiral.engines import make, observe
from spiral.models.blocks import pictures_to_planes
from spiral.models.discriminator import Discriminator
from spiral.models.policy import Observation, Policy
from spiral.settings import Preset


class ReferenceLoop:
    """A plain advantage actor-critic against a plain WGAN-GP critic, with temporal credit, for reconstruction."""

    def __init__(self, preset: Preset) -> None:
        """Make networks, optimisers and an engine on one thread for a preset that reconstructs by WGAN-GP."""
        torch.manual_seed(preset.run.seed)
        self.learning, self.size, channels = preset.learning, preset.data.size, preset.canvas.channels
        self.engine = make(preset.engine, self.learning.batch_size, preset.canvas.to_json(), 1)
        self.pictures = torch.from_numpy(load(preset.data.source, self.size, channels, "train").images)
        self.policy = Policy(preset.canvas.specification(), self.size, channels, preset.policy)
        self.discriminator = Discriminator(self.size, channels, True, preset.discriminator)
        rate, slow = self.learning.policy_learning_rate, self.learning.discriminator_learning_rate
        self.policy_optimizer = torch.optim.Adam(self.policy.parameters(), rate, (0.5, 0.999), foreach=False)
        self.slow_optimizer = torch.optim.Adam(self.discriminator.parameters(), slow, (0.5, 0.999), foreach=False)
        self.replay: list[tuple[Tensor, Tensor]] = []

    def round(self) -> int:
        """Paint, train the discriminator, score, train the policy; returns the number of commands."""
        learning = self.learning
        targets = self._pick()
        seen, commands, canvases, values, old = self._paint(targets)
        self.replay = [*self.replay, (canvases[-1], targets)][-learning.replay_batches :]
        self._learn_to_judge()
        with torch.no_grad():
            scores = [self._score(canvas, targets) for canvas in canvases]
        rewards = [after - before for before, after in itertools.pairwise(scores)]
        self._learn_to_paint(seen, commands, rewards, values, old)
        return learning.unroll_length * learning.batch_size

    def _pick(self) -> Tensor:
        return self.pictures[torch.randint(len(self.pictures), (self.learning.batch_size,))]

    def _paint(self, targets: Tensor) -> tuple[list[Observation], list[Tensor], list[Tensor], list[Tensor], Tensor]:
        batch, specification = self.learning.batch_size, self.engine.specification
        self.engine.reset(np.asarray(torch.randint(2**31, (batch,)).numpy()))
        canvases = [torch.from_numpy(observe(self.engine.canvases(), self.size).copy())]
        command = torch.zeros(batch, len(specification.choices), dtype=torch.int64)
        effective = torch.zeros_like(command, dtype=torch.bool)
        state = self.policy.initial_state(batch)
        seen, commands, values, old = [], [], [], []
        for step in range(self.learning.unroll_length):
            progress = torch.full((batch,), step / self.learning.unroll_length)
            seen.append(Observation(canvases[-1], targets, command, effective, progress, None))
            with torch.no_grad():
                command, log_probability, value, state = self.policy.act(seen[-1], state)
            effective = torch.from_numpy(specification.active(command.numpy()))
            self.engine.step(command.numpy())
            canvases.append(torch.from_numpy(observe(self.engine.canvases(), self.size).copy()))
            commands.append(command)
            values.append(value)
            old.append(log_probability)
        return seen, commands, canvases, values, torch.stack(old)

    def _score(self, canvases: Tensor, targets: Tensor) -> Tensor:
        return self.discriminator(pictures_to_planes(canvases), pictures_to_planes(targets))

    def _learn_to_judge(self) -> None:
        learning, real = self.learning, self._pick()
        fakes, conditions = (torch.cat(parts) for parts in zip(*self.replay, strict=True))
        rows = torch.randint(len(fakes), (learning.batch_size,))
        fake, target = fakes[rows], conditions[rows]
        real_score, fake_score = self._score(real, real).mean(), self._score(fake, target).mean()
        share = torch.rand(learning.batch_size, 1, 1, 1)
        planes = [pictures_to_planes(pictures) for pictures in (fake, real, target)]
        between = (planes[0] + share * (planes[1] - planes[0])).requires_grad_()
        score = self.discriminator(between, planes[2] + share * (planes[1] - planes[2]))
        (gradient,) = torch.autograd.grad(score.sum(), between, create_graph=True)
        penalty = (2.0 * gradient.flatten(1).norm(dim=1) - 1.0).square().mean()
        pull = (0.5 * (real_score + fake_score)).square()
        loss = fake_score - real_score + learning.gradient_penalty_weight * penalty + learning.drift_weight * pull
        self.slow_optimizer.zero_grad()
        loss.backward()
        self.slow_optimizer.step()

    def _learn_to_paint(
        self, seen: list[Observation], commands: list[Tensor], rewards: list[Tensor], values: list[Tensor], old: Tensor
    ) -> None:
        learning = self.learning
        advantage = self._advantages(rewards, values).view(old.shape)
        weight, returns = (advantage - advantage.mean()) / advantage.std(), advantage + torch.stack(values)
        for _ in range(learning.update_epochs):
            for rows in torch.randperm(learning.batch_size).tensor_split(learning.num_minibatches):
                state = self.policy.initial_state(len(rows))
                decisions = []
                for observation, command in zip(seen, commands, strict=True):
                    decision, state = self.policy.evaluate(_rows(observation, rows), command[None, rows], state)
                    decisions.append(decision)
                log_probability = torch.stack([decision.log_probability for decision in decisions])
                entropy = torch.stack([decision.entropy for decision in decisions]).mean()
                value = torch.stack([decision.value for decision in decisions])
                ratio = (log_probability - old[:, rows]).exp()
                clipped = ratio.clamp(1 - learning.clip_coef, 1 + learning.clip_coef)
                gain = torch.minimum(ratio * weight[:, rows], clipped * weight[:, rows]).mean()
                error = functional.mse_loss(value, returns[:, rows])
                loss = -gain - learning.entropy_coef * entropy + learning.value_coef * error
                self.policy_optimizer.zero_grad()
                loss.backward()
                torch.nn.utils.clip_grad_norm_(self.policy.parameters(), learning.max_grad_norm, foreach=False)
                self.policy_optimizer.step()

    def _advantages(self, rewards: list[Tensor], values: list[Tensor]) -> Tensor:
        learning, running = self.learning, torch.zeros_like(values[0])
        advantages: list[Tensor] = []
        for reward, value, following in reversed(list(zip(rewards, values, [*values[1:], running], strict=True))):
            error = reward + learning.gamma * following - value
            running = error + learning.gamma * learning.gae_lambda * running
            advantages.insert(0, running)
        return torch.cat(advantages)


def _rows(seen: Observation, rows: Tensor) -> Observation:
    """The observation of some of the canvases, int64 [M]."""
    assert seen.target is not None
    return replace(
        seen,
        canvas=seen.canvas[rows],
        target=seen.target[rows],
        previous=seen.previous[rows],
        effective=seen.effective[rows],
        progress=seen.progress[rows],
    )
