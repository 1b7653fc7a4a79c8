"""SPIRAL on one page (Ganin et al. 2018): paint, learn to judge, judge, learn to paint.

`train` is the whole algorithm, `one_round` a turn of its loop. Generation, reconstruction, blind,
L2, WGAN-GP or spectral norm, terminal or temporal credit are settings (`spiral.presets`); the engine is whatever the
preset names.
"""

from __future__ import annotations

import copy
import functools
import math
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from spiral.datasets import Dataset, load
from spiral.engines import Engine, make
from spiral.errors import InputError, TrainingError
from spiral.learning import checkpoint, machine
from spiral.learning.adversary import Replay, discriminator_loss
from spiral.learning.policy_gradient import normalise, policy_loss
from spiral.learning.progress import Progress
from spiral.learning.real import Real, real_pictures
from spiral.learning.returns import generalised_advantages
from spiral.learning.rewards import discriminator_scores, from_scores, l2_scores, left_blank, penalties
from spiral.learning.rollout import Trajectory, collect, stroke_starts
from spiral.models.discriminator import Discriminator
from spiral.models.policy import Policy
from spiral.presets import Preset

EXPLODED = 1e8
"""A loss or norm beyond this stops the run."""
LONG_ENOUGH = 20.0
"""Minutes from which compiling pays for itself on two cores, even the first time."""

Phase = Callable[[str], AbstractContextManager[object]]
Watch = Callable[[Dataset, npt.NDArray[np.uint8]], dict[str, float]]
"""Figures of invented pictures uint8 [N, S, S, C] beside as many real ones, for the log of a run without targets."""


@dataclass(frozen=True)
class Budget:
    """When a run ends: after so many minutes of training or so many commands, whichever is given."""

    minutes: float | None = None
    frames: int | None = None

    def spent(self, seconds: float, commands: int) -> float:
        """The share of the budget that is used up, 0 to 1 and more."""
        by_time = 0.0 if self.minutes is None else seconds / (60.0 * max(self.minutes, 1e-9))
        by_frames = 0.0 if self.frames is None else commands / max(self.frames, 1)
        return max(by_time, by_frames)


def worth_compiling(budget: Budget) -> bool:
    """Whether a run is long enough for `torch.compile`, and not one by commands, which must repeat to the last bit."""
    timed = budget.minutes is not None and budget.frames is None
    return timed and (budget.minutes or 0.0) >= LONG_ENOUGH and machine.cannot_compile() is None


def train(
    preset: Preset,
    out: Path,
    budget: Budget,
    resume: bool = False,
    start: Path | None = None,
    watch: Watch | None = None,
) -> Path:
    """Train an agent and return the folder that holds it, `out/agent`.

    Args:
        preset: the experiment.
        out: the run's folder: `metrics.jsonl`, TensorBoard files, sheets, checkpoints.
        budget: when to stop, counted from the run's very beginning even when it is resumed.
        resume: go on from the last checkpoint in `out`.
        start: folder of an agent whose networks to begin from, instead of random ones.
        watch: measures what an agent without targets invents at every evaluation; nothing is learned from it.

    Raises:
        InputError: wrong settings, or `out` holds a run and `resume` is False.
        TrainingError: a quantity is not finite; the last checkpoint is intact.
    """
    run = preset.run
    threads = machine.use_threads(run.threads)
    learner, engine, real = set_up(preset, threads)
    unseen = load(preset.data.source, preset.data.size, preset.strokes.channels, "test").spread(preset.data.held_out)
    judge_engine = make(preset.engine, len(unseen), preset.strokes.to_json(), threads)
    if start is not None:
        learner.begin_from(start)
    progress = Progress.start(out, preset, resume, learner.resume(out / "checkpoints") if resume else 0)

    with progress:
        if run.compile == "on" or (run.compile == "auto" and worth_compiling(budget)):
            progress.say("compiling the policy: a minute or two the first time, seconds once it is in torch's cache")
            machine.compile_policy(learner.policy)
        if not learner.commands:
            progress.evaluated(0, *learner.evaluate(judge_engine, unseen, watch))
        while (spent := budget.spent(progress.seconds, learner.commands)) < 1.0:
            episode, figures = one_round(learner, engine, real, spent, progress.phase)
            if bad := [name for name, value in figures.items() if not abs(value) < EXPLODED]:
                what = "exploded" if math.isfinite(figures[bad[0]]) else "is not finite"
                raise TrainingError(
                    f"{bad[0]} {what} after {learner.commands} commands; the last good checkpoint is in "
                    f"{out / 'checkpoints'}: resume with a smaller --learning.policy-rate or discriminator-rate"
                )
            progress.step(learner.commands, figures | episode_figures(episode, engine), spent)
            if progress.due("evaluate", run.evaluate_seconds):
                progress.evaluated(learner.commands, *learner.evaluate(judge_engine, unseen, watch))
            if progress.due("checkpoint", run.checkpoint_seconds):
                learner.save(out, progress.seconds)
        progress.evaluated(learner.commands, *learner.evaluate(judge_engine, unseen, watch))
        learner.save(out, progress.seconds)
    return out / "agent"


def set_up(preset: Preset, threads: int) -> tuple[Learner, Engine, Real]:
    """What a round needs: the networks, B canvases on `threads` threads, and what to imitate.

    Raises:
        InputError: settings that do not go together, or the pictures cannot be had.
    """
    machine.keep_memory()
    learner = Learner(preset, machine.choose_device(preset.run.device))
    engine = make(preset.engine, preset.learning.batch, preset.strokes.to_json(), threads)
    images = load(preset.data.source, preset.data.size, preset.strokes.channels, "train").images
    real = real_pictures(images, preset.policy.sees_target, preset.policy.prototypes, learner.device)
    if real.prototypes is not None:
        learner.policy.prototypes.copy_(real.prototypes)
        learner.average.prototypes.copy_(real.prototypes)
    return learner, engine, real


def one_round(
    learner: Learner, engine: Engine, real: Real, spent: float, phase: Phase
) -> tuple[Trajectory, dict[str, float]]:
    """Paint B canvases, learn to judge, judge them, learn to paint: one turn of the loop.

    Args:
        learner: everything that learns.
        engine: B canvases.
        real: what to imitate.
        spent: the share of the run that is over, for the schedules.
        phase: a context manager by the phase's name, for measuring.

    Returns:
        The painted episodes and figures for the log.
    """
    learning = learner.preset.learning
    figures: dict[str, float] = {}
    targets = real.pick(learning.batch)[0] if learner.redraws else None
    with phase("paint"), learner.mixed():
        seeds = np.asarray(torch.randint(2**31, (learning.batch,)).numpy())
        episode = collect(learner.policy, engine, targets, learning.steps, seeds)
    with phase("judge"):
        if learning.reward == "discriminator":
            learner.replay.add(episode.canvases[-1], episode.targets)
            for _ in range(learning.discriminator_steps):
                figures |= learner.learn_to_judge(*real.pick(learning.batch))
        rewards = learner.rewards(episode, engine)
    with phase("learn"):
        figures |= learner.learn_to_paint(episode, rewards, spent)
    learner.commands += learning.steps * learning.batch
    return episode, figures


class Learner:
    """The two networks, their optimisers and everything else that a checkpoint must hold."""

    def __init__(self, preset: Preset, device: torch.device) -> None:
        """Networks with random weights drawn from the preset's seed."""
        torch.manual_seed(preset.run.seed)
        learning, size, channels = preset.learning, preset.data.size, preset.strokes.channels
        self.preset, self.device = preset, device
        # Entered anew for every pass: inside one context autocast would go on using the weights it first converted.
        self.mixed = functools.partial(machine.mixed_precision, device, preset.run.precision)
        self.redraws = preset.redraws
        if learning.reward == "l2" and not self.redraws:
            raise InputError("an L2 reward needs a target: set --policy.sees-target")
        if learning.paired and not self.redraws:
            raise InputError("pairs with the same targets need targets: leave out --learning.paired")
        self.policy = Policy(preset.strokes.specification(), size, channels, preset.policy)
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
        self.reward_scale = torch.zeros((), device=device)
        self.updates = self.commands = 0

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

    def rewards(self, episode: Trajectory, engine: Engine) -> Tensor:
        """Rewards float32 [T, B] of painted episodes, penalties included, scaled to a deviation of about 1.

        A critic's scores have no unit of their own; dividing by the running deviation of an episode's return keeps the
        value function's error comparable from the first minute to the last. Only canvases that are not blank count,
        and the fewer they are the less: batches full of blank ones would shrink the unit until the penalty for leaving
        a canvas blank was nothing beside what any stroke costs.
        """
        learning = self.preset.learning
        if learning.reward == "l2" and episode.targets is not None:
            scores = l2_scores(episode.canvases, episode.targets)
        else:
            with self.mixed():
                scores = discriminator_scores(self.discriminator, episode.canvases, episode.targets)
        rewards = from_scores(scores, learning.credit, learning.discount)
        painted = rewards[:, ~left_blank(episode.canvases)]
        count = painted.shape[1]
        if count > 1:
            spread = torch.maximum(painted.sum(0).std(), painted.std())
            known = bool(self.reward_scale)
            share = 0.01 * count / episode.batch if known else 1.0
            if known or count >= episode.batch // 2:
                self.reward_scale = torch.lerp(self.reward_scale, spread, share)
        starts = stroke_starts(engine.specification, episode.effective)
        fines = penalties(starts, episode.canvases, learning.start_penalty, learning.blank_penalty)
        # Until half a batch has painted there is no unit; then the scores stand as they are.
        unit = torch.where(self.reward_scale > 0, self.reward_scale, 1.0)
        return rewards / unit.clamp_min(1e-6) + fines

    def learn_to_paint(self, episode: Trajectory, rewards: Tensor, spent: float) -> dict[str, float]:
        """Learn from painted episodes; `spent` is the share of the budget used up, for the schedules.

        One advantage actor-critic step, and `learning.passes` - 1 more on the same commands.
        """
        learning, shape = self.preset.learning, (episode.steps, episode.batch)
        seen, start = episode.observations(), self.policy.initial_state(episode.batch)
        fall = learning.entropy_cost_end / learning.entropy_cost if learning.entropy_cost > 0 else 1.0
        entropy_cost = learning.entropy_cost * fall ** min(spent, 1.0)
        rate = learning.policy_rate * (1.0 + (learning.rate_end - 1.0) * min(spent, 1.0))
        before = advantages = value_targets = None
        figures: dict[str, Tensor] = {}
        for _ in range(learning.passes):
            with self.mixed():
                decision, _ = self.policy.evaluate(seen, episode.commands, start)
            if advantages is None or value_targets is None:
                advantages, value_targets = generalised_advantages(
                    rewards, decision.value.detach().view(shape), learning.discount, learning.advantage_decay
                )
                advantages = normalise(advantages).flatten()
            loss, figures = policy_loss(
                decision, advantages, value_targets.flatten(), entropy_cost, learning.value_cost, before, learning.clip
            )
            before = decision.log_probability.detach() if before is None else before
            self.policy_optimizer.zero_grad()
            loss.backward()
            norm = torch.nn.utils.clip_grad_norm_(self.policy.parameters(), learning.gradient_clip)
            figures |= {"gradient_norm": norm, "reward_scale": self.reward_scale}
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
            episode = collect(self.average, engine, targets, self.preset.learning.steps, seeds, temperature)
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
                "scale": {"reward": self.reward_scale},
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
        self.reward_scale = checkpoint.read_tensors(folder, "scale")["reward"].to(self.device)
        checkpoint.restore_random(checkpoint.read_tensors(folder, "random"), self.device)
        self.updates, self.commands = int(config["updates"]), int(config["commands"])
        return float(config["seconds"])


def episode_figures(episode: Trajectory, engine: Engine) -> dict[str, float]:
    """Whether the agent still paints: ink left on the canvas, strokes, sequences of strokes (collapse shows here)."""
    visible = episode.effective.all(-1).float()
    starts = stroke_starts(engine.specification, episode.effective).float()
    changed = (episode.canvases[-1] != episode.canvases[0]).float()
    blank = left_blank(episode.canvases).float()
    return {
        "ink": float(changed.mean()),
        "strokes": float(visible.sum(0).mean()),
        "starts": float(starts.sum(0).mean()),
        "blank": float(blank.mean()),
    }
