"""Slots of a distributed run, each filled by a process that may die and be replaced."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import Any

from spiral.scaling.actors_and_learners import Placement, StepReport, UnrollReport
from spiral.scaling.futures import ObjectRef


@dataclass
class Slot:
    """A process and its status.

    Attributes:
        name: for messages, such as `actor 3`.
        member: number of the policy it serves, 0 for the first.
        handle: the Ray actor.
        placement: where it runs; None until it is ready.
        busy: whether a learner is at a step.
        in_flight: unrolls that an actor has been asked for.
        restarts: how many processes died here and were replaced.
        warned: whether a message said that it waits for a place.
        failed_starts: how many processes died here in a row, before any result.
        turn: when an actor was last asked for an unroll, counted in unrolls.
    """

    name: str
    member: int = 0
    handle: Any = None
    placement: Placement | None = None
    busy: bool = False
    in_flight: int = 0
    restarts: int = 0
    warned: bool = False
    failed_starts: int = 0
    turn: int = 0

    @property
    def free(self) -> bool:
        """Whether a learner waits for work."""
        return self.placement is not None and not self.busy


@dataclass
class Batch:
    """Unrolls on their way through the learners, together.

    Attributes:
        member: the policy that painted them.
        unrolls: references to them.
        reports: their actors' reports.
        readers: how many learners still need them.
    """

    member: int
    unrolls: list[ObjectRef] = field(default_factory=list)
    reports: list[UnrollReport] = field(default_factory=list)
    readers: int = 2

    @property
    def version(self) -> int:
        """Version of the weights that painted the oldest of them."""
        return min(report.version for report in self.reports)


@dataclass
class LearnerSlot(Slot):
    """A learner, with its queue.

    Attributes:
        weights: the last ones it published.
        fetching_weights: whether they were requested again.
        version: how often it published.
        last: report on its last step.
        partial_batch: unrolls that are not yet a batch; of a policy's learner only.
        waiting: batches, the oldest first.
    """

    weights: ObjectRef = None
    fetching_weights: bool = False
    version: int = 0
    last: StepReport = field(default_factory=lambda: StepReport(0.0, {}))
    partial_batch: Batch | None = None
    waiting: deque[Batch] = field(default_factory=deque)

    def publish(self, weights: ObjectRef, report: StepReport) -> None:
        """Record a step and the weights after it."""
        self.weights, self.last, self.busy, self.failed_starts = weights, report, False, 0
        self.version += 1
