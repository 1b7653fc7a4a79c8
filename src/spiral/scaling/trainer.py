"""SPIRAL on many machines (section 3.4): `spiral.learning.trainer` with its steps in parallel."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from pathlib import Path

import torch

from spiral.errors import TrainingError
from spiral.io.files import write_atomically
from spiral.learning import run_checkpoints
from spiral.learning.checkpoint import Tensors
from spiral.learning.learner import Learner
from spiral.learning.policy_learner import MetricsCallback
from spiral.learning.run_log import RunLog
from spiral.learning.trainer import Budget, load_real_images, stop_if_broken, worth_compiling
from spiral.scaling.cluster import connected
from spiral.scaling.coordinator import Coordinator
from spiral.scaling.settings import ClusterSettings
from spiral.settings import Preset

STATUS = "cluster.json"
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
        preset: the experiment; V-trace corrects for the actors' policy lag.
        out: the run's folder, on this machine; see `spiral.learning.trainer.train`. `cluster.json` says which process
            runs where.
        budget: when to stop.
        cluster: how the run is distributed.
        resume: continue from the last checkpoint in `out`, also that of a run on one machine.
        start: folder of an agent with the initial networks.
        metrics_callback: see `spiral.learning.trainer.train`.

    Raises:
        InputError: wrong settings, no Ray or no cluster, or `out` holds a run and `resume` is False.
        TrainingError: a quantity is not finite, or the cluster has no place for a learner.
    """
    preset = replace(preset, learning=replace(preset.learning, off_policy_correction="v-trace"))
    cluster.unrolls(preset.learning.batch_size)  # refuses incompatible settings before anything starts
    run, cluster_size = preset.run, cluster.actors + 1 + preset.learning.population * cluster.learners
    beginning = run_checkpoints.begin(out, preset, resume)
    initial = initial_state(preset, start) if beginning.state is None else None
    opened = (out, preset, beginning.continues, beginning.seconds)
    with connected(cluster.address, cluster_size), RunLog.start(*opened) as log:
        for note in beginning.notes:
            log.say(note)
        if initial is not None:
            run_checkpoints.save(out, preset, initial, 0.0)
        compiled = run.compile == "on" or (run.compile == "auto" and worth_compiling(budget))
        coordinator = Coordinator(
            preset, cluster, lambda: run_checkpoints.read(out, preset), log.say, budget.frames, compiled
        )
        reached = coordinator.commands
        while (progress := budget.progress(log.seconds, coordinator.commands)) < 1.0:
            for figures in coordinator.step(progress, _TICK):
                own = {name: value for name, value in figures.items() if not name.startswith("cluster/")}
                stop_if_broken(own, coordinator.commands, out)
                log.step(coordinator.commands, figures, progress)
            reached = rewind_if_lost(log, coordinator, reached)
            if log.due("status", _TICK):
                write_status(out, coordinator)
            if log.due("evaluate", run.evaluate_seconds) and (seen := coordinator.evaluate(metrics_callback)):
                log.evaluated(coordinator.commands, *seen)
            if log.due("checkpoint", run.checkpoint_seconds) and (state := coordinator.state()):
                save_if_finite(out, preset, state, log.seconds)
        conclude(coordinator, preset, out, log, metrics_callback, reached)
    return run_checkpoints.agent_folder(out)


def initial_state(preset: Preset, start: Path | None) -> dict[str, Tensors]:
    """The state before the first command.

    Raises:
        InputError: incompatible settings, or the pictures cannot be loaded.
    """
    learner = Learner(preset, torch.device("cpu"))
    if preset.policy.cluster_means:
        learner.take_cluster_means(load_real_images(preset, learner.device))
    if start is not None:
        learner.load_agent_weights(start)
    return learner.state()


def write_status(out: Path, coordinator: Coordinator) -> None:
    """Write which process runs where, and the counts of commands."""
    status = {
        "commands": coordinator.commands,
        "painted": coordinator.painted,
        "dropped": coordinator.dropped,
        "lost": coordinator.lost,
        "processes": {
            slot.name: {"restarts": slot.restarts, **({} if slot.placement is None else asdict(slot.placement))}
            for slot in coordinator.supervisor.slots
        },
    }
    write_atomically(out / STATUS, (json.dumps(status, indent=1) + "\n").encode())


def rewind_if_lost(log: RunLog, coordinator: Coordinator, reached: int) -> int:
    """Drop log rows beyond the learners' commands, which are returned."""
    if coordinator.commands < reached:
        log.rewind(coordinator.commands)
    return coordinator.commands


def save_if_finite(out: Path, preset: Preset, state: dict[str, Tensors], seconds: float) -> None:
    """Save a state, unless its networks have diverged since the last check.

    Raises:
        TrainingError: they have diverged.
    """
    for group, tensors in state.items():
        if any(tensor.is_floating_point() and not tensor.isfinite().all() for tensor in tensors.values()):
            raise TrainingError(f"{group} is not finite any more; the last good checkpoint is in {out}: resume from it")
    run_checkpoints.save(out, preset, state, seconds)


def conclude(
    coordinator: Coordinator,
    preset: Preset,
    out: Path,
    log: RunLog,
    metrics_callback: MetricsCallback | None,
    reached: int,
) -> None:
    """The last evaluation and the last checkpoint, even if processes die meanwhile."""
    state = seen = None
    while state is None or seen is None:
        coordinator.drain()
        seen, state = coordinator.evaluate(metrics_callback), coordinator.state()
        if state is None or seen is None:
            coordinator.step(1.0, _TICK)
            reached = rewind_if_lost(log, coordinator, reached)
    log.evaluated(coordinator.commands, *seen)
    save_if_finite(out, preset, state, log.seconds)
    write_status(out, coordinator)
