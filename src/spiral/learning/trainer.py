"""SPIRAL on one page (Ganin et al. 2018): paint, learn to judge, judge, learn to paint.

`train` is the whole algorithm, `one_round` a turn of its loop. Generation, reconstruction, blind,
L2, WGAN-GP or spectral norm, terminal or temporal credit are settings (`spiral.presets`); the engine is whatever the
preset names.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

from spiral.datasets import load
from spiral.engines import Engine, make
from spiral.errors import TrainingError
from spiral.learning import machine
from spiral.learning.learner import Learner, Watch
from spiral.learning.progress import Progress
from spiral.learning.real import Real, real_pictures
from spiral.learning.rollout import Trajectory, episode_figures
from spiral.settings import Preset

EXPLODED = 1e8
"""A loss or norm beyond this stops the run."""
LONG_ENOUGH = 20.0
"""Minutes from which compiling pays for itself on two cores, even the first time."""

Phase = Callable[[str], AbstractContextManager[object]]


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
    unseen = load(preset.data.source, preset.data.size, preset.canvas.channels, "test").spread(preset.data.held_out)
    judge_engine = make(preset.engine, len(unseen), preset.canvas.to_json(), threads)
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
    engine = make(preset.engine, preset.learning.batch, preset.canvas.to_json(), threads)
    images = load(preset.data.source, preset.data.size, preset.canvas.channels, "train").images
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
    with phase("paint"), learner.mixed():
        episode = learner.paint(engine, real)
    with phase("judge"):
        if learning.reward != "l2":
            learner.remember(episode)
            for _ in range(learning.discriminator_steps if len(learner.replay) else 0):
                figures |= learner.learn_to_judge(*real.pick(learning.batch))
        rewards = learner.rewards(episode, engine, spent)
    with phase("learn"):
        figures |= learner.learn_to_paint(episode, rewards, spent)
    learner.commands += learning.steps * learning.batch
    return episode, figures
