"""The command that trains."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from spiral.commands.experiments import parse
from spiral.commands.output import console
from spiral.errors import InputError
from spiral.scaling.cluster import require_ray
from spiral.scaling.settings import ClusterSettings


@dataclass(frozen=True)
class Bounds:
    """Where a run writes and when it ends."""

    out: Path | None = None
    """The run's folder; runs/PRESET when left out."""
    minutes: float | None = None
    """Length of the run in minutes."""
    frames: int | None = None
    """Length of the run in commands painted; makes a run repeatable to the last bit."""
    resume: bool = False
    """Go on from the run's last checkpoint."""
    start: str | None = None
    """Begin with the networks of this agent instead of random ones."""


@dataclass(frozen=True)
class Spread:
    """How a run is spread over a Ray cluster; see `spiral.scaling.settings.ClusterSettings`."""

    actors: int | None = None
    """Paint in so many processes beside those that learn, on a Ray cluster; on one machine, without Ray, when left
    out. --run.threads is then for each process, one when 0."""
    address: str | None = None
    """Of a Ray cluster: auto, HOST:PORT or ray://HOST:PORT; one is started on this machine when left out."""
    learners: int = 1
    """Processes, with a GPU each where there are GPUs, among which a policy's learning is split."""
    canvases: int | None = None
    """Canvases an actor paints at a time, a whole part of --learning.batch, which is then put together from several
    actors' unrolls; the whole batch when left out. With many actors, few canvases each."""
    queue: int = 1
    """Batches that may wait for a policy's learner or be learned from, beside what the actors are painting."""
    max_age: int = 64
    """Steps of a policy's learner after which an unroll is too old to learn from and is thrown away."""
    patience: float = 300.0
    """Seconds that a learner may wait for a place in the cluster before the run gives up."""

    def settings(self) -> ClusterSettings | None:
        """The same, checked; None for one machine.

        Raises:
            InputError: a number out of range, or an address without actors.
        """
        if self.actors is None:
            if self.address is not None:
                raise InputError("--address is for distributed runs: add --actors N")
            return None
        return ClusterSettings(
            actors=self.actors,
            address=self.address,
            learners=self.learners,
            canvases=self.canvases,
            queue=self.queue,
            max_age=self.max_age,
            patience=self.patience,
        )


def train_command(arguments: Sequence[str]) -> None:
    """`spiral train PRESET ...`."""
    parsed = parse("train", arguments, bounds=Bounds(), spread=Spread())
    if parsed is None:
        return
    chosen, (bounds, spread) = parsed
    cluster = spread.settings()
    if cluster is not None:
        require_ray("--actors")
    if bounds.minutes is not None and not bounds.minutes > 0:
        raise InputError(f"--minutes must be more than 0, got {bounds.minutes}")
    if bounds.frames is not None and bounds.frames < 1:
        raise InputError(f"--frames must be at least 1, got {bounds.frames}")
    from spiral.agent import find
    from spiral.evaluation.summary import watch
    from spiral.learning.trainer import Budget, train

    minutes = bounds.minutes if bounds.minutes or bounds.frames else chosen.run.minutes
    out = bounds.out or Path("runs") / chosen.name
    start = find(bounds.start) if bounds.start else None
    budget = Budget(minutes, bounds.frames)
    if cluster is None:
        agent = train(chosen, out, budget, bounds.resume, start, watch)
    else:
        from spiral.scaling.trainer import train as train_on_cluster

        agent = train_on_cluster(chosen, out, budget, cluster, bounds.resume, start, watch)
    console.print(f"the agent is in {agent}; metrics, sheets and checkpoints are beside it")
