"""How a run is spread over machines; needs no Ray."""

from __future__ import annotations

from dataclasses import dataclass

from spiral.errors import InputError, require_within

AHEAD = 2
"""Calls to an actor at a time: the second one spares it the way to the driver and back between two unrolls."""


@dataclass(frozen=True)
class ClusterSettings:
    """Who takes part in a distributed run.

    Attributes:
        actors: processes that paint, each B canvases; they share the policies out among themselves.
        address: of a Ray cluster: `auto`, `HOST:PORT` or `ray://HOST:PORT`; None starts one on this machine.
        learners: processes, with a GPU each where there are GPUs, among which a policy's learning is split.
        canvases: that an actor paints at a time, a whole part of the learner's batch, which is put together from
            several actors' unrolls; None for the whole batch. The more actors, the fewer canvases each: what a
            step learns from was then painted by a policy only few steps older.
        queue: batches that may wait for a policy's learner or be learned from, beside what the actors are painting.
            The actors wait when there are as many: back-pressure.
        max_age: steps of a policy's learner that may lie between the weights an unroll was painted with and those
            that would learn from it. No more unrolls are begun than that allows for, and a straggler's that is older
            nevertheless is thrown away.
        patience: seconds that a learner may wait for a place in the cluster before the run gives up.
    """

    actors: int
    address: str | None = None
    learners: int = 1
    canvases: int | None = None
    queue: int = 1
    max_age: int = 64
    patience: float = 300.0

    def __post_init__(self) -> None:
        """Check the numbers.

        Raises:
            InputError: naming the one out of range.
        """
        require_within("cluster", self, actors=(1, 10_000), learners=(1, 64), queue=(1, 1000), max_age=(0, 10**6))
        require_within("cluster", self, patience=(0, 10**6))
        if self.canvases is not None:
            require_within("cluster", self, canvases=(1, 1_000_000))

    def unrolls(self, batch: int) -> int:
        """How many unrolls make a learner's batch of so many canvases.

        Raises:
            InputError: it cannot be put together from them.
        """
        canvases = self.canvases or batch
        if batch % canvases:
            raise InputError(f"--canvases {canvases} must divide the batch of {batch} canvases")
        if batch % self.learners:
            raise InputError(f"--learners {self.learners} must divide the batch of {batch} canvases")
        return batch // canvases

    def most_under_way(self, actors: int, unrolls: int) -> int:
        """How many unrolls of a policy may be under way, of so many actors, where so many make a batch."""
        enough = max(actors, unrolls) + self.queue * unrolls
        return min(enough, (self.max_age + 1) * unrolls)
