"""Places in a distributed run, each held by a process that may die and be replaced."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import Any

from spiral.scaling.calls import Reference
from spiral.scaling.parts import Learned, Painted, Place


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
        reminded: whether people were told that it waits for a place.
        fruitless: how many processes died here, one after the other, without having done anything.
        turn: when an actor was last asked for an unroll, counted in unrolls.
    """

    name: str
    member: int = 0
    handle: Any = None
    place: Place | None = None
    busy: bool = False
    calls: int = 0
    losses: int = 0
    reminded: bool = False
    fruitless: int = 0
    turn: int = 0

    @property
    def free(self) -> bool:
        """Whether a learner waits for work."""
        return self.place is not None and not self.busy


@dataclass
class Batch:
    """Unrolls on their way through the learners, together.

    Attributes:
        member: the policy that painted them.
        unrolls: where they are.
        painted: what their actors say of them.
        readers: how many learners still have to see them.
    """

    member: int
    unrolls: list[Reference] = field(default_factory=list)
    painted: list[Painted] = field(default_factory=list)
    readers: int = 2

    @property
    def version(self) -> int:
        """Of the weights that the oldest of them was painted with."""
        return min(painted.version for painted in self.painted)


@dataclass
class LearnerSeat(Seat):
    """A learner, with what waits for it.

    Attributes:
        weights: the last ones it published.
        asked: whether it is being asked for them once more.
        version: how often it did.
        last: what it said of its last step.
        gathering: unrolls that are not yet a batch; of a policy's learner only.
        waiting: batches, the oldest first.
    """

    weights: Reference = None
    asked: bool = False
    version: int = 0
    last: Learned = field(default_factory=lambda: Learned(0.0, {}))
    gathering: Batch | None = None
    waiting: deque[Batch] = field(default_factory=deque)

    def publish(self, weights: Reference, note: Learned) -> None:
        """Take note of a step and of the weights after it."""
        self.weights, self.last, self.busy, self.fruitless = weights, note, False, 0
        self.version += 1
