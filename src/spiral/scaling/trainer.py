"""SPIRAL on many machines (section 3.4): what `spiral.learning.trainer` does in turns, done by many at once."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from pathlib import Path

import torch

from spiral.errors import TrainingError
from spiral.files import write_atomically
from spiral.learning import saving
from spiral.learning.checkpoint import Tensors
from spiral.learning.learner import Learner
from spiral.learning.policy_learner import MetricsCallback
from spiral.learning.run_log import RunLog
from spiral.learning.trainer import Budget, load_real_images, stop_if_broken, worth_compiling
from spiral.scaling.cluster import connected
from spiral.scaling.crew import Crew
from spiral.scaling.settings import ClusterSettings
from spiral.settings import Preset

STATUS = "crew.json"
_TICK = 1.0


def train(
    preset: Preset,
    out: Path,
    budget: Budget,
    cluster: ClusterSettings,
    resume: bool = False,
    start: Path | None = None,
    metrics_callback: MetricsCallback | None = None,
) -> Path:
    """Train an agent on a Ray cluster and return the folder that holds it.

    Args:
        preset: the experiment; V-trace corrects for the age of what the actors send.
        out: the run's folder, on this machine; see `spiral.learning.trainer.train`. `crew.json` says who
            runs where.
        budget: when to stop.
        cluster: how the run is spread.
        resume: go on from the last checkpoint in `out`, also that of a run on one machine.
        start: folder of an agent whose networks to begin from.
        metrics_callback: see `spiral.learning.trainer.train`.

    Raises:
        InputError: wrong settings, no Ray or no cluster, or `out` holds a run and `resume` is False.
        TrainingError: a quantity is not finite, or the cluster has no place for a learner.
    """
    preset = replace(preset, learning=replace(preset.learning, correction="v-trace"))
    cluster.unrolls(preset.learning.batch_size)  # refuses what does not go together, before anything is begun
    run, cluster_size = preset.run, cluster.actors + 1 + preset.learning.population * cluster.learners
    state, seconds = saving.read(out, preset) if resume else (begin(preset, start), 0.0)
    with connected(cluster.address, cluster_size), RunLog.start(out, preset, resume, seconds) as log:
        if not resume:
            saving.save(out, preset, state, 0.0)
        compiled = run.compile == "on" or (run.compile == "auto" and worth_compiling(budget))
        crew = Crew(preset, cluster, lambda: saving.read(out, preset)[0], log.say, budget.frames, compiled)
        reached = crew.commands
        while (progress := budget.progress(log.seconds, crew.commands)) < 1.0:
            for figures in crew.work(progress, _TICK):
                own = {name: value for name, value in figures.items() if not name.startswith("cluster/")}
                stop_if_broken(own, crew.commands, out)
                log.step(crew.commands, figures, progress)
            reached = rewind_if_lost(log, crew, reached)
            if log.due("status", _TICK):
                write_status(out, crew)
            if log.due("evaluate", run.evaluate_seconds) and (seen := crew.evaluate(metrics_callback)):
                log.evaluated(crew.commands, *seen)
            if log.due("checkpoint", run.checkpoint_seconds) and (state := crew.state()):
                save_if_finite(out, preset, state, log.seconds)
        conclude(crew, preset, out, log, metrics_callback, reached)
    return saving.agent_folder(out)


def begin(preset: Preset, start: Path | None) -> dict[str, Tensors]:
    """The state before the first command.

    Raises:
        InputError: settings that do not go together, or the pictures cannot be had.
    """
    learner = Learner(preset, torch.device("cpu"))
    if preset.policy.cluster_means:
        learner.take_cluster_means(load_real_images(preset, learner.device))
    if start is not None:
        learner.load_agent_weights(start)
    return learner.state()


def write_status(out: Path, crew: Crew) -> None:
    """Write down who runs where, and what has become of all commands."""
    status = {
        "commands": crew.commands,
        "painted": crew.painted,
        "dropped": crew.dropped,
        "lost": crew.lost,
        "crew": {
            seat.name: {"losses": seat.losses, **({} if seat.place is None else asdict(seat.place))}
            for seat in crew.staff.seats
        },
    }
    write_atomically(out / STATUS, (json.dumps(status, indent=1) + "\n").encode())


def rewind_if_lost(log: RunLog, crew: Crew, reached: int) -> int:
    """Drop what is recorded beyond where the learners stand now; returns where that is."""
    if crew.commands < reached:
        log.rewind(crew.commands)
    return crew.commands


def save_if_finite(out: Path, preset: Preset, state: dict[str, Tensors], seconds: float) -> None:
    """Save a state, unless its networks have broken down since anybody looked.

    Raises:
        TrainingError: they have.
    """
    for group, tensors in state.items():
        if any(tensor.is_floating_point() and not tensor.isfinite().all() for tensor in tensors.values()):
            raise TrainingError(f"{group} is not finite any more; the last good checkpoint is in {out}: resume from it")
    saving.save(out, preset, state, seconds)


def conclude(
    crew: Crew, preset: Preset, out: Path, log: RunLog, metrics_callback: MetricsCallback | None, reached: int
) -> None:
    """The last evaluation and the last checkpoint, whoever dies meanwhile."""
    state = seen = None
    while state is None or seen is None:
        crew.finish()
        seen, state = crew.evaluate(metrics_callback), crew.state()
        if state is None or seen is None:
            crew.work(1.0, _TICK)
            reached = rewind_if_lost(log, crew, reached)
    log.evaluated(crew.commands, *seen)
    save_if_finite(out, preset, state, log.seconds)
    write_status(out, crew)
