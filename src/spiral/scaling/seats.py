"""Places in a distributed run, each held by a process that may die and be replaced."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import Any

from spiral.scaling.parts import Learned, Painted, Place

Reference = Any
"""A Ray object reference."""


@dataclass
class Seat:
    """A process and what is known of it.

    Attributes:
        name: for people, such as `actor 3`.
        member: number of the policy it serves, 0 for the first.
        handle: the Ray actor.
        place: where it runs; None until it is ready.
        busy: whether a learner is at a step.
        calls: unrolls that an actor has been asked for.
        losses: how many processes died here.
    """

    name: str
    member: int = 0
    handle: Any = None
    place: Place | None = None
    busy: bool = False
    calls: int = 0
    losses: int = 0

    @property
    def free(self) -> bool:
        """Whether a learner waits for work."""
        return self.place is not None and not self.busy


@dataclass
class Unroll:
    """A trajectory on its way through the learners.

    Attributes:
        trajectory: where it is.
        painted: what its actor says of it.
        member: the policy that painted it.
        steps: how many learners still have to see it.
    """

    trajectory: Reference
    painted: Painted
    member: int
    steps: int = 2


@dataclass
class LearnerSeat(Seat):
    """A learner, with what waits for it.

    Attributes:
        weights: the last ones it published.
        version: how often it did.
        last: what it said of its last step.
        waiting: unrolls, the oldest first.
        working: seconds of its steps so far.
    """

    weights: Reference = None
    version: int = 0
    last: Learned = field(default_factory=lambda: Learned(0.0, {}))
    waiting: deque[Unroll] = field(default_factory=deque)
    working: float = 0.0
