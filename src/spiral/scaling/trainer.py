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
from spiral.learning.policy_learner import Watch
from spiral.learning.progress import Progress
from spiral.learning.trainer import Budget, stop_if_broken, to_imitate, worth_compiling
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
    watch: Watch | None = None,
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
        watch: see `spiral.learning.trainer.train`.

    Raises:
        InputError: wrong settings, no Ray or no cluster, or `out` holds a run and `resume` is False.
        TrainingError: a quantity is not finite, or the cluster has no place for a learner.
    """
    preset = replace(preset, learning=replace(preset.learning, correction="v-trace"))
    cluster.unrolls(preset.learning.batch)  # refuses what does not go together, before anything is begun
    run, cluster_size = preset.run, cluster.actors + 1 + preset.learning.policies * cluster.learners
    state, seconds = saving.read(out, preset) if resume else (begin(preset, start), 0.0)
    with connected(cluster.address, cluster_size), Progress.start(out, preset, resume, seconds) as progress:
        if not resume:
            saving.save(out, preset, state, 0.0)
        compiled = run.compile == "on" or (run.compile == "auto" and worth_compiling(budget))
        crew = Crew(preset, cluster, lambda: saving.read(out, preset)[0], progress.say, budget.frames, compiled)
        reached = crew.commands
        while (spent := budget.spent(progress.seconds, crew.commands)) < 1.0:
            for figures in crew.work(spent, _TICK):
                own = {name: value for name, value in figures.items() if not name.startswith("cluster/")}
                stop_if_broken(own, crew.commands, out)
                progress.step(crew.commands, figures, spent)
            reached = rewind_if_lost(progress, crew, reached)
            if progress.due("status", _TICK):
                write_status(out, crew)
            if progress.due("evaluate", run.evaluate_seconds) and (seen := crew.evaluate(watch)):
                progress.evaluated(crew.commands, *seen)
            if progress.due("checkpoint", run.checkpoint_seconds) and (state := crew.state()):
                save_if_finite(out, preset, state, progress.seconds)
        conclude(crew, preset, out, progress, watch, reached)
    return saving.agent_folder(out)


def begin(preset: Preset, start: Path | None) -> dict[str, Tensors]:
    """The state before the first command.

    Raises:
        InputError: settings that do not go together, or the pictures cannot be had.
    """
    learner = Learner(preset, torch.device("cpu"))
    if preset.policy.prototypes:
        learner.take_prototypes(to_imitate(preset, learner.device))
    if start is not None:
        learner.begin_from(start)
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


def rewind_if_lost(progress: Progress, crew: Crew, reached: int) -> int:
    """Drop what is recorded beyond where the learners stand now; returns where that is."""
    if crew.commands < reached:
        progress.rewind(crew.commands)
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


def conclude(crew: Crew, preset: Preset, out: Path, progress: Progress, watch: Watch | None, reached: int) -> None:
    """The last evaluation and the last checkpoint, whoever dies meanwhile."""
    state = seen = None
    while state is None or seen is None:
        crew.finish()
        seen, state = crew.evaluate(watch), crew.state()
        if state is None or seen is None:
            crew.work(1.0, _TICK)
            reached = rewind_if_lost(progress, crew, reached)
    progress.evaluated(crew.commands, *seen)
    save_if_finite(out, preset, state, progress.seconds)
    write_status(out, crew)
