"""Programs refined: one command changed at a time, the program executed again, the change kept if it helps.

A change is a command that the agent proposes at that place, the same command moved a little, another one at random, or
the command left out. Any engine will do, as only its specification is looked at. A change that costs nothing is kept if
it leaves a command out, so commands that are worth nothing disappear.

Places are visited from the first command to the last, again and again. What comes before a place is executed once a
visit: trials are forks of it, which halves the cost.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

from spiral.agent import Agent
from spiral.engines import make, observe
from spiral.errors import InputError, require_number
from spiral.painting.best_of_n import ProposalState, propose
from spiral.program import Program
from spiral.specification import Choice, Location, Specification

MAXIMUM_EVALUATIONS = 10_000_000
_PROPOSALS = 8
"""Commands that the agent proposes at each place."""
_FEW = 3
_HALF = 0.5
_TRIES = 2
"""Changes that are tried at a place before the next one is visited."""
_SHARES = {"move": 0.55, "agent": 0.25, "random": 0.1, "drop": 0.1}
"""Kinds of changes and their probabilities."""
_UNIFORM = 5
"""Uniform random numbers that a change takes; it takes two normal ones, too."""


@dataclass(frozen=True)
class Refined:
    """Programs and how far they are from their targets.

    Attributes:
        programs: N programs.
        before: float64 [N], squared error of the given programs, summed over the picture, values in [0, 1].
        after: float64 [N], that of the refined ones.
    """

    programs: list[Program]
    before: npt.NDArray[np.float64]
    after: npt.NDArray[np.float64]


def refine(
    programs: list[Program],
    targets: npt.NDArray[np.uint8],
    evaluations: int,
    seed: int = 0,
    agent: Agent | None = None,
    report: Callable[[int, float], None] | None = None,
    shorten: bool = True,
) -> Refined:
    """Refine programs of the same engine and settings; the same seed refines them the same way.

    Args:
        programs: N programs.
        targets: uint8 [N, S, S, C]; the engine's canvas is averaged down to S.
        evaluations: how often each program is executed.
        seed: of the changes.
        agent: proposes commands; without one there are other changes only.
        report: called with the evaluations so far and the mean squared error from time to time.
        shorten: leave out commands that are worth nothing; otherwise programs keep their length.

    Raises:
        InputError: programs that differ in more than commands and seed, or targets of another shape.
    """
    require_number("evaluations", evaluations, 1, MAXIMUM_EVALUATIONS)
    first = programs[0]
    if any((p.engine, p.settings, p.specification) != (first.engine, first.settings, first.specification)
           for p in programs):  # fmt: skip
        raise InputError("programs that are refined together must have the same engine and settings")
    trial = _Trial(programs, targets)
    streams = [np.random.default_rng([seed, index]) for index in range(len(programs))]
    commands, present = trial.commands.copy(), trial.present.copy()
    error = before = trial.errors(commands, present)
    offered = _proposals(agent, trial, commands, present, seed)
    wanted = {"agent": offered is not None, "drop": shorten}
    shares = {kind: share for kind, share in _SHARES.items() if wanted.get(kind, True)}
    done, length = 1, commands.shape[1]
    while done < evaluations:
        trial.begin()
        for place in range(length):
            uniform, normal = _random_numbers(streams)
            for attempt in range(min(_TRIES, evaluations - done)):
                options = None if offered is None else offered[:, place]
                new, dropped = _changes(
                    trial.specification, commands[:, place], options, shares, uniform[attempt], normal[attempt]
                )
                tried = trial.errors_from(place, new, ~dropped, commands, present)
                better = present[:, place] & ((tried < error) | (dropped & (tried <= error)))
                commands[better, place], error = new[better], np.where(better, tried, error)
                present[better & dropped, place] = False
                done += 1
                if report is not None and (done % 16 == 0 or done == evaluations):
                    report(done, float(error.mean()))
            trial.advance(commands[:, place], present[:, place])
    after = trial.errors(commands, present)
    # A brush whose copies are not exact may have promised too much.
    worse = after > before
    commands[worse], present[worse], after = trial.commands[worse], trial.present[worse], np.minimum(after, before)
    refined = [
        Program.from_array(p.specification, commands[row][present[row]], p.engine, p.settings, p.seed)
        for row, p in enumerate(programs)
    ]
    return Refined(refined, before, after)


class _Trial:
    """Programs of different lengths as one batch."""

    def __init__(self, programs: list[Program], targets: npt.NDArray[np.uint8]) -> None:
        first, length = programs[0], max(1, *(len(program.commands) for program in programs))
        self.engine = make(first.engine, len(programs), first.settings)
        self.specification = self.engine.specification
        if self.specification != first.specification:
            raise InputError(f"the program's commands are not those of the engine {first.engine!r} with its settings")
        size = targets.shape[1]
        if targets.shape != (len(programs), size, size, self.engine.shape[2]):
            expected = (len(programs), size, size, self.engine.shape[2])
            raise InputError(f"the targets must be uint8 {expected}, got {targets.shape}")
        self.targets, self.size = targets, size
        self.seeds = np.array([program.seed for program in programs], np.int64)
        self.commands = np.zeros((len(programs), length, len(self.specification.choices)), np.int64)
        self.present = np.zeros((len(programs), length), bool)
        for row, program in enumerate(programs):
            self.commands[row, : len(program.commands)] = program.array()
            self.present[row, : len(program.commands)] = True
        self._goal = targets.astype(np.float32) / np.float32(255)
        self._prefix = make(first.engine, len(programs), first.settings)
        self._rows = np.arange(len(programs))

    def begin(self) -> None:
        """Blank the canvases that `advance` paints on."""
        self._prefix.reset(self.seeds)

    def advance(self, commands: npt.NDArray[np.int64], present: npt.NDArray[np.bool_]) -> None:
        """Execute commands int64 [N, K] where they are present, bool [N]: trials fork from there."""
        self._prefix.step(commands, present)

    def errors_from(
        self,
        place: int,
        new: npt.NDArray[np.int64],
        kept: npt.NDArray[np.bool_],
        commands: npt.NDArray[np.int64],
        present: npt.NDArray[np.bool_],
    ) -> npt.NDArray[np.float64]:
        """Squared errors float64 [N] with other commands at one place.

        Args:
            place: the place that `advance` has come to.
            new: int64 [N, K], the commands there.
            kept: bool [N], False where it is left out.
            commands: int64 [N, T, K], all commands.
            present: bool [N, T], which of them there are; those without one at `place` are not executed.
        """
        rows = present[:, place]
        self.engine.fork(self._prefix, self._rows, rows)
        self.engine.step(new, rows & kept)
        for later in range(place + 1, commands.shape[1]):
            self.engine.step(commands[:, later], rows & present[:, later])
        return self._errors()

    def errors(self, commands: npt.NDArray[np.int64], present: npt.NDArray[np.bool_]) -> npt.NDArray[np.float64]:
        """Squared errors float64 [N] after commands int64 [N, T, K] where they are present, bool [N, T]."""
        self.engine.reset(self.seeds)
        for place in range(commands.shape[1]):
            self.engine.step(commands[:, place], present[:, place])
        return self._errors()

    def _errors(self) -> npt.NDArray[np.float64]:
        difference = observe(self.engine.canvases(), self.size) / np.float32(255) - self._goal
        return np.square(difference).sum((1, 2, 3), dtype=np.float64)


def _random_numbers(
    streams: list[np.random.Generator],
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Uniform numbers float64 [tries, numbers, N] and normal ones, each row's from its own stream."""
    uniform = np.stack([stream.random((_TRIES, _UNIFORM)) for stream in streams], -1)
    return uniform, np.stack([stream.standard_normal((_TRIES, 2)) for stream in streams], -1)


def _changes(
    specification: Specification,
    commands: npt.NDArray[np.int64],
    offered: npt.NDArray[np.int64] | None,
    shares: dict[str, float],
    uniform: npt.NDArray[np.float64],
    normal: npt.NDArray[np.float64],
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.bool_]]:
    """Other commands int64 [N, K] instead of some, and which are to be left out, bool [N].

    Args:
        specification: of the commands.
        commands: int64 [N, K].
        offered: int64 [N, P, K], what an agent proposes instead.
        shares: probabilities of the kinds of changes, in proportion.
        uniform: float64 [5, N], in [0, 1).
        normal: float64 [2, N].
    """
    new, rows = commands.copy(), np.arange(len(commands))
    bounds = np.cumsum(list(shares.values()))
    kind = np.array(list(shares))[np.searchsorted(bounds, uniform[0] * bounds[-1], side="right")]
    weights = np.array([_weight(choice) for choice in specification.choices]) * specification.active(commands)
    chosen = (np.cumsum(weights, 1) <= (uniform[1] * weights.sum(1))[:, None]).sum(1)
    for index, choice in enumerate(specification.choices):
        old, mine = commands[:, index], chosen == index
        drawn = np.floor(uniform[2] * choice.size).astype(np.int64)
        moved = _moved(choice, old, uniform, normal)
        new[:, index] = np.where(mine & (kind == "random"), drawn, np.where(mine & (kind == "move"), moved, old))
    if offered is not None:
        which = np.floor(uniform[2] * offered.shape[1]).astype(np.int64)
        new = np.where((kind == "agent")[:, None], offered[rows, which], new)
    return new, kind == "drop"


def _moved(
    choice: Choice, old: npt.NDArray[np.int64], uniform: npt.NDArray[np.float64], normal: npt.NDArray[np.float64]
) -> npt.NDArray[np.int64]:
    """Options int64 [N] near the old ones: a few cells away, or one or two steps on a scale."""
    sign = np.where(uniform[3] < _HALF, -1, 1)
    if not isinstance(choice, Location):
        return np.clip(old + sign * np.where(uniform[4] < _HALF, 1, 2), 0, choice.size - 1)
    moves = np.round(normal * max(1.0, choice.grid / 16)).astype(np.int64)
    still = ~moves.any(0)  # at least one cell, in either direction
    moves += np.where(still, sign, 0) * np.stack([uniform[4] < _HALF, uniform[4] >= _HALF])
    row, column = np.clip(np.stack(np.divmod(old, choice.grid)) + moves, 0, choice.grid - 1)
    return row * choice.grid + column


def _weight(choice: Choice) -> float:
    """How often a choice is changed: places most, as they have many good options near them, flags seldom."""
    return 3.0 if isinstance(choice, Location) else 1.0 if choice.size > _FEW else 0.25


def _proposals(
    agent: Agent | None, trial: _Trial, commands: npt.NDArray[np.int64], present: npt.NDArray[np.bool_], seed: int
) -> npt.NDArray[np.int64] | None:
    """What the agent would do at each place of the given programs: int64 [N, T, P, K]; None without an agent.

    Raises:
        InputError: an agent of other commands or pictures, or one without a target.
    """
    if agent is None:
        return None
    number, length, choices = commands.shape
    if agent.preset.canvas.specification() != trial.specification or not agent.conditional:
        raise InputError(f"{agent.name} does not redraw pictures in this program's commands; leave out --checkpoint")
    if agent.size != trial.size:
        raise InputError(f"{agent.name} looks at pictures of {agent.size} pixels, the targets have {trial.size}")
    engine, specification = trial.engine, trial.specification
    proposals = ProposalState.start(agent.policy, specification, number)
    offered = np.zeros((number, length, _PROPOSALS, choices), np.int64)
    engine.reset(trial.seeds)
    episode = agent.preset.learning.episode_length
    torch.manual_seed(seed)
    for place in range(length):
        seen, progress = observe(engine.canvases(), trial.size), min(place, episode - 1) / episode
        sampled, following = propose(agent.policy, proposals, seen, trial.targets, progress, _PROPOSALS)
        offered[:, place] = sampled.reshape(number, _PROPOSALS, choices)
        # The core's state depends on what was seen, not on what was chosen: any of the copies will do.
        state = following[0][::_PROPOSALS], following[1][::_PROPOSALS]
        proposals = ProposalState(commands[:, place], specification.active(commands[:, place]), state)
        engine.step(commands[:, place], present[:, place])
    return offered
