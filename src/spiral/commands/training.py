"""The command that trains."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from spiral.commands.experiments import parse_experiment
from spiral.commands.output import console
from spiral.errors import InputError
from spiral.scaling.cluster import require_ray
from spiral.scaling.settings import ClusterSettings


@dataclass(frozen=True)
class RunOptions:
    """Where a run writes and when it ends."""

    out: Path | None = None
    """The run's folder; runs/PRESET when left out."""
    minutes: float | None = None
    """Length of the run in minutes."""
    frames: int | None = None
    """Length of the run in commands painted; makes a run repeatable bit for bit."""
    resume: bool = False
    """Continue from the run's last checkpoint."""
    start: str | None = None
    """Start from the networks of this agent, not random ones."""


def train_command(arguments: Sequence[str]) -> None:
    """`spiral train PRESET ...`."""
    parsed = parse_experiment("train", arguments, options=RunOptions(), cluster=ClusterSettings())
    if parsed is None:
        return
    chosen, (options, cluster) = parsed
    if cluster.actors:
        require_ray("--actors")
    if options.minutes is not None and not options.minutes > 0:
        raise InputError(f"--minutes must be more than 0, got {options.minutes}")
    if options.frames is not None and options.frames < 1:
        raise InputError(f"--frames must be at least 1, got {options.frames}")
    from spiral.agent import find
    from spiral.evaluation.summary import generation_metrics
    from spiral.learning.run_checkpoints import last
    from spiral.learning.trainer import Budget, train

    minutes = options.minutes if options.minutes or options.frames else chosen.run.minutes
    out = options.out or Path("runs") / chosen.name
    start = find(options.start) if options.start else None
    budget = Budget(minutes, options.frames)
    try:
        if not cluster.actors:
            agent = train(chosen, out, budget, options.resume, start, generation_metrics)
        else:
            from spiral.scaling.trainer import train as train_on_cluster

            agent = train_on_cluster(chosen, out, budget, cluster, options.resume, start, generation_metrics)
    except KeyboardInterrupt as stop:
        found = last(out)
        told = "before the first checkpoint" if found is None else f"; the same command with --resume continues {found}"
        raise KeyboardInterrupt(f"stopped{' ' if found is None else ''}{told}") from stop
    console.print(f"the agent is in {agent}; metrics, sheets and checkpoints are beside it")
