"""Programs refined: one command changed at a time, the program executed again, the change kept if it helps.

A change is a command that the agent proposes at that place, the same command moved a little, another one at random, or
the command left out. Any engine will do, as only its specification is looked at. A change that costs nothing is kept if
it leaves a command out, so commands that are worth nothing disappear.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

from spiral.agent import Agent
from spiral.engines import make, observe
from spiral.errors import InputError, require_number, require_seed
from spiral.painting.best_of_n import ProposalState, propose
from spiral.program import Program
from spiral.specification import Choice, Location, Specification

MAXIMUM_EVALUATIONS = 10_000_000
_PROPOSALS = 8
"""Commands that the agent proposes at each place."""
_FEW = 3
_SHARES = {"move": 0.55, "agent": 0.25, "random": 0.1, "drop": 0.1}


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
) -> Refined:
    """Refine programs of the same engine and settings; the same seed refines them the same way.

    Args:
        programs: N programs.
        targets: uint8 [N, S, S, C]; the engine's canvas is averaged down to S.
        evaluations: how often each program is executed.
        seed: of the changes.
        agent: proposes commands; without one there are other changes only.
        report: called with the evaluations so far and the mean squared error from time to time.

    Raises:
        InputError: programs that differ in more than commands and seed, targets of another shape, or a number out of range.
    """
    require_number("evaluations", evaluations, 1, MAXIMUM_EVALUATIONS)
    require_seed(seed)
    first = programs[0]
    if any((p.engine, p.settings, p.specification) != (first.engine, first.settings, first.specification)
           for p in programs):  # fmt: skip
        raise InputError("programs that are refined together must have the same engine and settings")
    trial = _Trial(programs, targets)
    streams = [np.random.default_rng([seed, index]) for index in range(len(programs))]
    commands, present = trial.commands.copy(), trial.present.copy()
    error = before = trial.errors(commands, present)
    offered = _proposals(agent, trial, commands, present, seed)
    rows = np.arange(len(programs))
    for done in range(1, evaluations):
        changed, kept = commands.copy(), present.copy()
        dropped = np.zeros(len(programs), bool)
        for row in rows[present.any(1)]:
            place = int(streams[row].choice(np.flatnonzero(present[row])))
            options = None if offered is None else offered[row, place]
            new = _change(trial.specification, commands[row, place], options, streams[row])
            if new is None:
                kept[row, place], dropped[row] = False, True
            else:
                changed[row, place] = new
        tried = trial.errors(changed, kept)
        better = (tried < error) | (dropped & (tried <= error))
        commands[better], present[better], error = changed[better], kept[better], np.where(better, tried, error)
        if report is not None and (done % 16 == 0 or done == evaluations - 1):
            report(done + 1, float(error.mean()))
    refined = [
        Program.from_array(p.specification, commands[row][present[row]], p.engine, p.settings, p.seed)
        for row, p in enumerate(programs)
    ]
    return Refined(refined, before, error)


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

    def errors(self, commands: npt.NDArray[np.int64], present: npt.NDArray[np.bool_]) -> npt.NDArray[np.float64]:
        """Squared errors float64 [N] after commands int64 [N, T, K] where they are present, bool [N, T]."""
        self.engine.reset(self.seeds)
        for place in range(commands.shape[1]):
            self.engine.step(commands[:, place], present[:, place])
        difference = observe(self.engine.canvases(), self.size) / np.float32(255) - self._goal
        return np.square(difference).sum((1, 2, 3), dtype=np.float64)


def _change(
    specification: Specification,
    command: npt.NDArray[np.int64],
    offered: npt.NDArray[np.int64] | None,
    stream: np.random.Generator,
) -> npt.NDArray[np.int64] | None:
    """Another command int64 [K] instead of one, or None to leave it out."""
    shares = {name: share for name, share in _SHARES.items() if name != "agent" or offered is not None}
    weights = np.array(list(shares.values()))
    kind = str(stream.choice(list(shares), p=weights / weights.sum()))
    if kind == "drop":
        return None
    if kind == "agent" and offered is not None:
        return offered[stream.integers(len(offered))]
    new = command.copy()
    effective = np.flatnonzero(specification.active(command))
    likely = np.array([_weight(specification.choices[index]) for index in effective])
    place = int(stream.choice(effective, p=likely / likely.sum()))
    choice = specification.choices[place]
    if kind == "random":
        new[place] = stream.integers(choice.size)
    elif isinstance(choice, Location):
        spread = max(1.0, choice.grid / 16)
        row, column = divmod(int(new[place]), choice.grid)
        # At least one cell, in either direction.
        moved = np.round(stream.normal(0, spread, 2)).astype(int)
        if not moved.any():
            moved[stream.integers(2)] = stream.choice([-1, 1])
        row, column = np.clip([row + moved[0], column + moved[1]], 0, choice.grid - 1).tolist()
        new[place] = row * choice.grid + column
    else:
        new[place] = int(np.clip(new[place] + stream.choice([-1, 1]) * stream.integers(1, 3), 0, choice.size - 1))
    return new


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
