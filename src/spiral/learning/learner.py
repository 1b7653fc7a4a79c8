"""What learns: the policy, the discriminator, their optimisers, and one learning step of each (SPIRAL section 3)."""

from __future__ import annotations

import copy
import functools
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from spiral.datasets import Dataset
from spiral.engines import Engine
from spiral.errors import InputError
from spiral.learning import checkpoint, machine
from spiral.learning.adversary import Replay, discriminator_loss
from spiral.learning.policy_gradient import normalise, policy_loss
from spiral.learning.real import Real
from spiral.learning.returns import generalised_advantages
from spiral.learning.rewards import discriminator_scores, from_scores, histogram_scores, l2_scores, penalties
from spiral.learning.rollout import Episodes, Trajectory, begin, collect, episode_figures, go_on
from spiral.learning.units import Units
from spiral.models.discriminator import Discriminator
from spiral.models.policy import Policy
from spiral.settings import Preset

Watch = Callable[[Dataset, npt.NDArray[np.uint8]], dict[str, float]]
"""Figures of invented pictures uint8 [N, S, S, C] beside as many real ones, for the log of a run without targets."""


class Learner:
    """The two networks, their optimisers and everything else that a checkpoint must hold."""

    def __init__(self, preset: Preset, device: torch.device) -> None:
        """Networks with random weights drawn from the preset's seed."""
        torch.manual_seed(preset.run.seed)
        learning, size, channels = preset.learning, preset.data.size, preset.canvas.channels
        self.preset, self.device = preset, device
        # Entered anew for every pass: inside one context autocast would go on using the weights it first converted.
        self.mixed = functools.partial(machine.mixed_precision, device, preset.run.precision)
        self.redraws = preset.redraws
        if (learning.reward != "discriminator" or learning.histogram_weight) and not self.redraws:
            raise InputError("an L2 or histogram reward needs a target: set --policy.sees-target")
        if learning.paired and not self.redraws:
            raise InputError("pairs with the same targets need targets: leave out --learning.paired")
        self.policy = Policy(preset.canvas.specification(), size, channels, preset.policy)
        self.discriminator = Discriminator(size, channels, preset.policy.sees_target, preset.discriminator)
        for network in (self.policy, self.discriminator):
            network.to(device=device, memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]
        self.average = copy.deepcopy(self.policy).requires_grad_(False)
        betas = (learning.policy_beta, 0.999)
        self.policy_optimizer = torch.optim.Adam(self.policy.parameters(), learning.policy_rate, betas, fused=True)
        betas = (learning.discriminator_beta, 0.999)
        self.discriminator_optimizer = torch.optim.Adam(
            self.discriminator.parameters(), learning.discriminator_rate, betas, fused=True
        )
        capacity = learning.replay_batches * learning.batch
        self.replay = Replay(capacity, (size, size, channels), preset.policy.sees_target, device)
        self.units = Units(learning.units, learning.length, device)
        self.episodes: Episodes | None = None
        self.updates = self.commands = 0

    def paint(self, engine: Engine, real: Real) -> Trajectory:
        """An unroll of T commands on every canvas; episodes that are over make room for new ones first.

        Where an episode has several unrolls the canvases are at different ones, so that every step learns from
        beginnings and ends alike.
        """
        learning, running = self.preset.learning, self.episodes
        over = None if running is None else running.done >= learning.length
        if running is None or over is None or bool(over.any()):
            targets = real.pick(learning.batch)[0] if self.redraws else None
            seeds = np.asarray(torch.randint(2**31, (learning.batch,)).numpy())
            episodes = begin(self.policy, engine, targets, seeds, over=over, running=running)
            if running is None:
                turns = torch.arange(learning.batch, device=self.device) % learning.unrolls
                episodes = replace(episodes, done=turns * learning.steps)
            running = episodes
        episode, self.episodes = go_on(self.policy, engine, running, learning.steps, learning.length)
        return episode

    def remember(self, episode: Trajectory) -> None:
        """Put the finished canvases into the replay buffer."""
        ended = episode.ended
        targets = episode.targets
        self.replay.add(episode.canvases[-1][ended], None if targets is None else targets[ended])

    def learn_to_judge(self, real: Tensor, companions: Tensor | None) -> dict[str, float]:
        """One discriminator step on `real` pictures uint8 [B, S, S, C] and as many replayed canvases.

        Args:
            real: what to imitate.
            companions: beside what it is judged, likewise, or None.
        """
        learning = self.preset.learning
        fake, fake_companions = self.replay.sample(len(real))
        if learning.paired and fake_companions is not None:
            real = companions = fake_companions
        with self.mixed():
            loss, figures = discriminator_loss(
                self.discriminator,
                real,
                companions,
                fake,
                fake_companions,
                learning.loss,
                learning.penalty_weight,
                learning.drift,
            )
        self.discriminator_optimizer.zero_grad()
        loss.backward()
        self.discriminator_optimizer.step()
        return {f"discriminator/{name}": float(value) for name, value in figures.items()}

    def scores(self, episode: Trajectory) -> Tensor:
        """What the canvases are worth, float32 [T + 1, B]: one score, or a sum of several in the same unit."""
        learning, canvases, targets = self.preset.learning, episode.canvases, episode.targets
        scores = torch.zeros(canvases.shape[:2], device=self.device)
        if learning.reward != "l2":
            with self.mixed():
                scores = scores + discriminator_scores(self.discriminator, canvases, targets)
        if learning.reward != "discriminator" and targets is not None:
            scores = scores + l2_scores(canvases, targets)
        if learning.histogram_weight and targets is not None:
            scores = scores + learning.histogram_weight * histogram_scores(canvases, targets)
        return scores

    def rewards(self, episode: Trajectory, engine: Engine, spent: float = 0.0) -> Tensor:
        """Rewards float32 [T, B] of painted episodes in the `Units` of each command, penalties included.

        `spent` is the share of the budget used up, over which the penalty for idleness falls to nothing.
        """
        learning, blank = self.preset.learning, episode.blank()
        rewards = from_scores(self.scores(episode), learning.credit, episode.ended)
        self.units.learn(rewards, episode.index, blank)
        starts = episode.starts(engine.specification)
        fines = penalties(
            starts,
            blank & episode.ended,
            episode.idle() if learning.idle_penalty else torch.zeros_like(starts),
            learning.start_penalty,
            learning.blank_penalty,
            learning.idle_penalty * max(0.0, 1.0 - spent),
        )
        return rewards / self.units.of(episode.index) + fines

    def learn_to_paint(self, episode: Trajectory, rewards: Tensor, spent: float) -> dict[str, float]:
        """Learn from painted episodes; `spent` is the share of the budget used up, for the schedules.

        One advantage actor-critic step, and `learning.passes` - 1 more on the same commands.
        """
        learning, shape = self.preset.learning, (episode.steps, episode.batch)
        seen, start = episode.observations(), episode.before.state
        fall = learning.entropy_cost_end / learning.entropy_cost if learning.entropy_cost > 0 else 1.0
        entropy_cost = learning.entropy_cost * fall ** min(spent, 1.0)
        rate = learning.policy_rate * (1.0 + (learning.rate_end - 1.0) * min(spent, 1.0))
        # What comes later is counted in the unit of the command before it.
        discount = learning.discount * self.units.of(episode.index + 1) / self.units.of(episode.index)
        before = advantages = value_targets = None
        figures: dict[str, Tensor] = {}
        for _ in range(learning.passes):
            with self.mixed():
                decision, _ = self.policy.evaluate(seen, episode.commands, start)
            if advantages is None or value_targets is None:
                advantages, value_targets = generalised_advantages(
                    rewards,
                    decision.value.detach().view(shape),
                    discount,
                    learning.advantage_decay,
                    episode.following,
                )
                advantages = normalise(advantages).flatten()
            loss, figures = policy_loss(
                decision, advantages, value_targets.flatten(), entropy_cost, learning.value_cost, before, learning.clip
            )
            before = decision.log_probability.detach() if before is None else before
            self.policy_optimizer.zero_grad()
            loss.backward()
            norm = torch.nn.utils.clip_grad_norm_(self.policy.parameters(), learning.gradient_clip)
            figures |= {"gradient_norm": norm, "reward_unit": self.units.of(episode.index).mean()}
            self.updates += 1
            for group in self.policy_optimizer.param_groups:
                group["lr"] = rate * min(1.0, self.updates / max(learning.warm_up, 1))
            self.policy_optimizer.step()
            with torch.no_grad():
                keep = min(learning.average, self.updates / (self.updates + 10))
                for mean, now in zip(self.average.parameters(), self.policy.parameters(), strict=True):
                    mean.lerp_(now, 1.0 - keep)
        return {f"policy/{name}": float(value) for name, value in figures.items()}

    def evaluate(
        self, engine: Engine, unseen: Dataset, watch: Watch | None = None
    ) -> tuple[dict[str, float], Tensor, Tensor | None]:
        """Paint N held-out pictures with the averaged policy, most probable commands first.

        An agent without targets invents as many, which `watch` measures.

        Returns:
            Figures (mse and blank_mse per pixel and channel in [0, 1], where there are targets), the canvases uint8
            [N, S, S, C] and the targets.
        """
        temperature = 0.0 if self.redraws else self.preset.temperature
        targets = torch.from_numpy(unseen.images).to(self.device) if self.redraws else None
        with machine.seeded(0, self.device), self.mixed():
            seeds = np.arange(len(unseen))
            episode = collect(self.average, engine, targets, self.preset.learning.length, seeds, temperature)
        figures = {f"held_out/{name}": value for name, value in episode_figures(episode, engine).items()}
        if targets is not None:
            real = targets.float() / 255.0
            figures["mse"] = float((episode.canvases[-1].float() / 255.0 - real).square().mean())
            figures["blank_mse"] = float((episode.canvases[0].float() / 255.0 - real).square().mean())
        elif watch is not None:
            seen = watch(unseen, episode.canvases[-1].cpu().numpy())
            figures |= {f"held_out/{name}": value for name, value in seen.items()}
        return figures, episode.canvases[-1], targets

    def begin_from(self, agent: Path) -> None:
        """Take over the networks of an agent with the same specification and sizes."""
        for network, name in ((self.policy, "policy"), (self.discriminator, "discriminator")):
            checkpoint.fill(network, checkpoint.read_tensors(agent, name), agent)
        self.average.load_state_dict(self.policy.state_dict())

    def save(self, out: Path, seconds: float) -> None:
        """Write `out/agent` (what one needs to paint) and `out/checkpoints/COMMANDS` (what one needs to go on)."""
        config = {"preset": self.preset.to_json(), "commands": self.commands, "seconds": round(seconds, 1)}
        checkpoint.save_folder(
            out / "agent",
            config,
            {"policy": checkpoint.half(self.average), "discriminator": checkpoint.half(self.discriminator)},
        )
        checkpoint.save_run(
            out / "checkpoints",
            {**config, "updates": self.updates},
            {
                "policy": self.policy.state_dict(),
                "average": self.average.state_dict(),
                "discriminator": self.discriminator.state_dict(),
                "policy_optimizer": checkpoint.pack_optimizer(self.policy_optimizer),
                "discriminator_optimizer": checkpoint.pack_optimizer(self.discriminator_optimizer),
                "replay": self.replay.state(),
                "random": {"cpu": torch.get_rng_state(), **checkpoint.cuda_random(self.device)},
                "units": {"state": self.units.state},
            },
        )

    def resume(self, checkpoints: Path) -> float:
        """Go on from the newest complete checkpoint; returns the seconds of training behind it.

        Raises:
            InputError: there is none, or it belongs to another experiment.
        """
        folder = checkpoint.newest(checkpoints)
        config = checkpoint.read_config(folder)
        mine = replace(self.preset, run=Preset.from_json(config["preset"]).run)
        if mine != Preset.from_json(config["preset"]):
            raise InputError(
                f"{folder} was made with other settings; resume with the same ones or choose another --out"
            )
        for network, name in (
            (self.policy, "policy"),
            (self.average, "average"),
            (self.discriminator, "discriminator"),
        ):
            checkpoint.fill(network, checkpoint.read_tensors(folder, name), folder)
        for optimizer, name in (
            (self.policy_optimizer, "policy_optimizer"),
            (self.discriminator_optimizer, "discriminator_optimizer"),
        ):
            checkpoint.unpack_optimizer(optimizer, checkpoint.read_tensors(folder, name))
        self.replay.restore(checkpoint.read_tensors(folder, "replay"))
        self.units.state = checkpoint.read_tensors(folder, "units")["state"].to(self.device)
        checkpoint.restore_random(checkpoint.read_tensors(folder, "random"), self.device)
        self.updates, self.commands = int(config["updates"]), int(config["commands"])
        return float(config["seconds"])
