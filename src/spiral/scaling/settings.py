"""Settings of distributed runs and populations, and their flags; needs no Ray."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import tyro

from spiral.errors import InputError, require_within

MAX_CALLS_IN_FLIGHT = 2
"""Calls to an actor at a time: the second one saves the round trip to the driver between two unrolls."""


@dataclass(frozen=True)
class ClusterSettings:
    """The processes of a distributed run.

    Attributes:
        actors: processes that paint B canvases each, beside the learners, on a Ray cluster; the policies are divided
            among them. --run.threads is then for each process, one when 0. With no actors the run is on one machine,
            without Ray.
        address: of a Ray cluster: `auto`, `HOST:PORT` or `ray://HOST:PORT`; one is started on this machine when left
            out.
        learners: processes that share a policy's learning, with a GPU each where there are GPUs.
        canvases_per_actor: canvases that an actor paints at a time, a divisor of the learner's batch, which is
            assembled from several actors' unrolls; the whole batch when left out. With many actors, fewer canvases
            each make the policy lag smaller.
        queue: batches that may wait for a policy's learner or be learned from, beside those being painted. The actors
            wait when the queue is full: back-pressure.
        max_policy_lag: learner steps that may lie between the weights that painted an unroll and those that learn from
            it. No more unrolls are begun than that allows, and a straggler's older unroll is dropped.
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
            InputError: a number is out of range, or an address without actors.
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
        """Number of unrolls in a learner's batch of `batch` canvases.

        Raises:
            InputError: they cannot make up the batch.
        """
        canvases = self.canvases_per_actor or batch
        if batch % canvases:
            raise InputError(f"--canvases-per-actor {canvases} must divide the batch of {batch} canvases")
        if batch % self.learners:
            raise InputError(f"--learners {self.learners} must divide the batch of {batch} canvases")
        return batch // canvases

    def max_unrolls_in_flight(self, actors: int, unrolls: int) -> int:
        """How many unrolls of a policy with `actors` actors may be in flight if `unrolls` make a batch."""
        enough = max(actors, unrolls) + self.queue * unrolls
        return min(enough, (self.max_policy_lag + 1) * unrolls)


@dataclass(frozen=True)
class PopulationSettings:
    """A population and its training.

    Attributes:
        members: how many learn.
        frames: commands that each member paints and learns from.
        intervals: how often members are compared.
        exploit: the worst quarter copies the best one's networks; without it this is a random search.
        rates: smallest and largest initial policy rate; drawn log-uniformly.
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
            InputError: a number is out of range.
        """
        require_within("population", self, members=(1, 10_000), frames=(1, 10**15), intervals=(1, 10**6))
        require_within("population", self, max_concurrent=(0, 10_000))
        for name in ("rates", "entropy_coefs"):
            low, high = getattr(self, name)
            if not 0 < low <= high <= 1:
                raise InputError(f"population.{name} must be two numbers in (0, 1], the smaller one first")
