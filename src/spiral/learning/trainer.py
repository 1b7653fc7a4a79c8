"""SPIRAL on one page (Ganin et al. 2018): paint, train the discriminator, score, train the policy.

`train` is the whole algorithm, `train_iteration` one iteration of its loop. Generation, reconstruction, blind, L2,
WGAN-GP or spectral norm, terminal or temporal credit, one policy or several, and the engine are settings
(`spiral.presets`). `spiral.scaling.trainer` is the same on many machines.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from spiral.datasets import load
from spiral.engines import make
from spiral.errors import TrainingError
from spiral.learning import machine, run_checkpoints
from spiral.learning.actor import Actor
from spiral.learning.canvases import make_canvases
from spiral.learning.discriminator_learner import DiscriminatorLearner
from spiral.learning.figures import PendingFigures, episode_figures
from spiral.learning.learner import Learner
from spiral.learning.policy_learner import MetricsCallback, PolicyLearner
from spiral.learning.real_images import RealImages, real_images
from spiral.learning.run_log import RunLog
from spiral.models.policy import Policy
from spiral.settings import Preset

EXPLODED = 1e8
"""A loss or norm beyond this stops the run."""
LONG_ENOUGH = 20.0
"""Minutes from which even the first compilation pays off on two cores."""

Phase = Callable[[str], AbstractContextManager[object]]


def unmeasured(phase: str) -> AbstractContextManager[object]:
    """A phase without measurement."""
    return nullcontext()


@dataclass(frozen=True)
class Budget:
    """The length of a run: minutes of training or commands, whichever is given."""

    minutes: float | None = None
    frames: int | None = None

    def progress(self, seconds: float, commands: int) -> float:
        """The share of the budget used up, 0 to 1 or more."""
        by_time = 0.0 if self.minutes is None else seconds / (60.0 * max(self.minutes, 1e-9))
        by_frames = 0.0 if self.frames is None else commands / max(self.frames, 1)
        return max(by_time, by_frames)


def worth_compiling(budget: Budget) -> bool:
    """Whether a run is long enough to compile; one limited by commands is not, to be repeatable bit for bit."""
    timed = budget.minutes is not None and budget.frames is None
    return timed and (budget.minutes or 0.0) >= LONG_ENOUGH and machine.cannot_compile() is None


def train(
    preset: Preset,
    out: Path,
    budget: Budget,
    resume: bool = False,
    start: Path | None = None,
    metrics_callback: MetricsCallback | None = None,
) -> Path:
    """Train an agent and return the folder that holds it, `out/agent`.

    Args:
        preset: the experiment.
        out: the run's folder: `metrics.jsonl`, TensorBoard files, sheets, checkpoints.
        budget: when to stop, counted from the run's beginning even if it is resumed.
        resume: continue from the last checkpoint in `out`.
        start: folder of an agent with the initial networks; random ones when None.
        metrics_callback: measures the pictures of an agent without targets at every evaluation; not used to learn.

    Raises:
        InputError: wrong settings, or `out` holds a run and `resume` is False.
        TrainingError: a quantity is not finite; the last checkpoint is intact.
    """
    run = preset.run
    threads = machine.use_threads(run.threads)
    learner, actors, real = set_up(preset, threads)
    held_out = load(preset.data.source, preset.data.size, preset.canvas.channels, "test").evenly_spaced(
        preset.data.held_out
    )
    eval_engine = make(preset.engine, len(held_out), preset.canvas.to_json(), threads)
    if start is not None:
        learner.load_agent_weights(start)
    beginning = run_checkpoints.begin(out, preset, resume)
    if beginning.state is not None:
        learner.restore(beginning.state)
    log = RunLog.start(out, preset, beginning.continues, beginning.seconds)

    pending = PendingFigures(run.figures_every or (20 if learner.device.type == "cuda" else 1))

    with log:
        for note in beginning.notes:
            log.say(note)
        if beginning.state is None:  # so that there is something to continue from at any time
            run_checkpoints.save(out, preset, learner.state(), 0.0)
        if run.compile == "on" or (run.compile == "auto" and worth_compiling(budget)):
            log.say("compiling the policy: a minute or two the first time, seconds once it is in torch's cache")
            for each in learner.policies:
                machine.compile_policy(each.policy)
        if not learner.commands:
            log.evaluated(0, *learner.evaluate(eval_engine, held_out, metrics_callback))
        while (progress := budget.progress(log.seconds, learner.commands)) < 1.0:
            for figures in train_iteration(learner, actors, real, progress, log.phase):
                pending.add(learner.commands, figures, progress)
            evaluates, saves = log.due("evaluate", run.evaluate_seconds), log.due("checkpoint", run.checkpoint_seconds)
            if evaluates or saves or pending.due():
                record(pending, log, out)
            if evaluates:
                log.evaluated(learner.commands, *learner.evaluate(eval_engine, held_out, metrics_callback))
            if saves:
                run_checkpoints.save(out, preset, learner.state(), log.seconds)
        record(pending, log, out)
        log.evaluated(learner.commands, *learner.evaluate(eval_engine, held_out, metrics_callback))
        run_checkpoints.save(out, preset, learner.state(), log.seconds)
    return run_checkpoints.agent_folder(out)


def record(pending: PendingFigures, log: RunLog, out: Path) -> None:
    """Read the figures of all rounds since the last time, check and log them.

    Raises:
        TrainingError: see `stop_if_broken`.
    """
    for commands, figures, progress in pending.read():
        stop_if_broken(figures, commands, out)
        log.step(commands, figures, progress)


def stop_if_broken(figures: dict[str, float], commands: int, out: Path) -> None:
    """Stop a run that has diverged.

    Raises:
        TrainingError: a quantity is not finite or has exploded.
    """
    if bad := [name for name, value in figures.items() if not abs(value) < EXPLODED]:
        what = "exploded" if math.isfinite(figures[bad[0]]) else "is not finite"
        raise TrainingError(
            f"{bad[0]} {what} after {commands} commands; the last good checkpoint is in "
            f"{out / run_checkpoints.CHECKPOINTS}: "
            "resume with a smaller --learning.policy-learning-rate or discriminator-learning-rate"
        )


def set_up(preset: Preset, threads: int) -> tuple[Learner, list[Actor], RealImages]:
    """Make the networks, B canvases for each policy on `threads` threads, and the real pictures.

    Raises:
        InputError: incompatible settings, or the pictures cannot be loaded.
    """
    device = machine.choose_device(preset.run.device)
    machine.keep_memory()
    machine.prepare(device)
    learner = Learner(preset, device)
    if machine.on(preset.run.graphs, device):
        for each in learner.policies:
            each.use_graphs()
    real = load_real_images(preset, learner.device)
    learner.take_cluster_means(real)
    return learner, [make_actor(preset, each.policy, real, threads) for each in learner.policies], real


def load_real_images(preset: Preset, device: torch.device) -> RealImages:
    """The real pictures of an experiment.

    Raises:
        InputError: they cannot be loaded.
    """
    images = load(preset.data.source, preset.data.size, preset.canvas.channels, "train").images
    return real_images(images, preset.policy.sees_target, preset.policy.cluster_means, device)


def make_actor(
    preset: Preset, policy: Policy, real: RealImages, threads: int, canvases: int | None = None, first: int = 0
) -> Actor:
    """Make an actor with `canvases` canvases, B when None.

    `first` is the number of canvases of the actors before this one, which staggers the episodes.

    Raises:
        InputError: the engine is missing.
    """
    run, batch, device = preset.run, canvases or preset.learning.batch_size, policy.squeeze.weight.device
    halves, graphs = machine.on(run.pipeline, device), machine.on(run.graphs, device)
    settings, size = preset.canvas.to_json(), preset.data.size
    made = make_canvases(preset.engine, batch, settings, threads, size, device, halves, graphs=graphs)
    return Actor(preset, policy, made, real, first, graphs)


def train_iteration(
    learner: Learner, actors: list[Actor], real: RealImages, progress: float, phase: Phase
) -> Iterator[dict[str, Tensor]]:
    """Train every policy in turn; yields each one's figures for the log, scalars on the device.

    Args:
        learner: everything that learns.
        actors: B canvases for each policy.
        real: real pictures.
        progress: the share of the run that is over, for the schedules.
        phase: makes a context manager that measures the named phase.
    """
    for policy, actor in zip(learner.policies, actors, strict=True):
        yield update(policy, actor, learner.discriminator, real, progress, phase)


def update(
    policy: PolicyLearner,
    actor: Actor,
    discriminator: DiscriminatorLearner,
    real: RealImages,
    progress: float,
    phase: Phase,
) -> dict[str, Tensor]:
    """Paint, train the discriminator, score the canvases, train the policy."""
    with phase("paint"), policy.mixed():
        episode = actor.unroll()
    with phase("judge"):
        figures = discriminator.learn(episode, real, progress)
        rewards = policy.rewards(episode, discriminator.network, progress)
    with phase("learn"):
        figures |= policy.learn(episode, rewards, progress)
    return figures | episode_figures(episode, policy.policy.specification)
