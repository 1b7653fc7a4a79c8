"""How runs and populations are spread over machines, and the flags that say so; needs no Ray."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import tyro

from spiral.errors import InputError, require_within

MAX_CALLS_IN_FLIGHT = 2
"""Calls to an actor at a time: the second one spares it the way to the driver and back between two unrolls."""


@dataclass(frozen=True)
class ClusterSettings:
    """Who takes part in a run.

    Attributes:
        actors: processes that paint beside those that learn, each B canvases, on a Ray cluster; they share the policies
            out among themselves. --run.threads is then for each process, one when 0. With no actors the run is on one
            machine, without Ray.
        address: of a Ray cluster: `auto`, `HOST:PORT` or `ray://HOST:PORT`; one is started on this machine when left
            out.
        learners: processes, with a GPU each where there are GPUs, among which a policy's learning is split.
        canvases_per_actor: that an actor paints at a time, a whole part of the learner's batch, which is put together
            from several actors' unrolls; the whole batch when left out. The more actors, the fewer canvases each: what
            a step learns from was then painted by a policy only few steps older.
        queue: batches that may wait for a policy's learner or be learned from, beside what the actors are painting.
            The actors wait when there are as many: back-pressure.
        max_policy_lag: steps of a policy's learner that may lie between the weights an unroll was painted with and
            those that would learn from it. No more unrolls are begun than that allows for, and a straggler's that is
            older nevertheless is thrown away.
        placement_timeout: seconds that a learner may wait for a place in the cluster before the run gives up.
    """

    actors: int = 0
    address: str | None = None
    learners: int = 1
    canvases_per_actor: int | None = None
    queue: int = 1
    max_policy_lag: int = 64
    placement_timeout: float = 300.0

    def __post_init__(self) -> None:
        """Check the numbers.

        Raises:
            InputError: naming the one out of range, or an address without actors.
        """
        require_within(
            "cluster", self, actors=(0, 10_000), learners=(1, 64), queue=(1, 1000), max_policy_lag=(0, 10**6)
        )
        require_within("cluster", self, placement_timeout=(0, 10**6))
        if self.canvases_per_actor is not None:
            require_within("cluster", self, canvases_per_actor=(1, 1_000_000))
        if self.address is not None and not self.actors:
            raise InputError("--address is for distributed runs: add --actors N")

    def unrolls(self, batch: int) -> int:
        """How many unrolls make a learner's batch of so many canvases.

        Raises:
            InputError: it cannot be put together from them.
        """
        canvases = self.canvases_per_actor or batch
        if batch % canvases:
            raise InputError(f"--canvases-per-actor {canvases} must divide the batch of {batch} canvases")
        if batch % self.learners:
            raise InputError(f"--learners {self.learners} must divide the batch of {batch} canvases")
        return batch // canvases

    def max_unrolls_in_flight(self, actors: int, unrolls: int) -> int:
        """How many unrolls of a policy may be in flight, of so many actors, where so many make a batch."""
        enough = max(actors, unrolls) + self.queue * unrolls
        return min(enough, (self.max_policy_lag + 1) * unrolls)


@dataclass(frozen=True)
class PopulationSettings:
    """A population and how it is trained.

    Attributes:
        members: that learn side by side.
        frames: commands that each member paints and learns from.
        intervals: how often members are compared.
        exploit: the worst quarter goes on from the best one's networks; without it this is a random search.
        rates: smallest and largest policy rate to begin with; drawn log-uniformly.
        entropy_coefs: the same for the entropy cost.
        max_concurrent: members that learn at a time while the others wait; one for each processor (or GPU) of the
            cluster when 0.
        address: of a Ray cluster: `auto`, `HOST:PORT` or `ray://HOST:PORT`; one is started on this machine when left
            out.
    """

    members: Annotated[int, tyro.conf.arg(name="population")] = 8
    frames: int = 1_000_000
    intervals: int = 20
    exploit: bool = True
    rates: tuple[float, float] = (1e-5, 3e-4)
    entropy_coefs: tuple[float, float] = (2e-3, 1e-1)
    max_concurrent: int = 0
    address: str | None = None

    def __post_init__(self) -> None:
        """Check the numbers.

        Raises:
            InputError: naming the one out of range.
        """
        require_within("population", self, members=(1, 10_000), frames=(1, 10**15), intervals=(1, 10**6))
        require_within("population", self, max_concurrent=(0, 10_000))
        for name in ("rates", "entropy_coefs"):
            low, high = getattr(self, name)
            if not 0 < low <= high <= 1:
                raise InputError(f"population.{name} must be two numbers in (0, 1], the smaller one first")
