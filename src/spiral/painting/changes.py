"""Changes to one command of a program, as `refining` tries them: one chain of changes for each program.

A change is a command that the agent proposes at that place, the same command moved a little, another one at random, or
the command left out. What was tried since the last success is not tried again, and a move that helped is made again.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from spiral.specification import Choice, Location, Specification

Command = npt.NDArray[np.int64]
"""int64 [K]."""
_SHARES = {"move": 0.4, "agent": 0.45, "random": 0.07, "drop": 0.08}
_WEIGHTS = {"size": 2.0, "pressure": 2.0, "control": 3.0}
_FEW = 3
_FARTHEST = 1 / 16
"""Standard deviation of a location's farthest moves, as a share of the grid; the nearest are of one cell."""
_AGAIN = 0.7
"""How often a move that helped is made once more."""
_TRIES = 8
"""Changes that are drawn, at most, to find one that has not been tried."""


@dataclass(frozen=True)
class Change:
    """One command changed.

    Attributes:
        place: of the command in the program.
        command: the new one; None to leave it out.
        choice: which choice a move changes; None for other changes.
        step: the move: rows and columns of a location, else options.
    """

    place: int
    command: Command | None
    choice: int | None = None
    step: tuple[int, ...] = ()

    @property
    def key(self) -> tuple[int, bytes | None]:
        """The same for the same change."""
        return self.place, None if self.command is None else self.command.tobytes()


class Chain:
    """The changes to one program, one after another."""

    def __init__(self, specification: Specification, stream: np.random.Generator, shorten: bool = True) -> None:
        """Begin without any.

        Args:
            specification: of the commands.
            stream: chooses the changes.
            shorten: whether commands may be left out.
        """
        self.specification, self.stream, self.shorten = specification, stream, shorten
        self._tried: set[tuple[int, bytes | None]] = set()
        self._last: Change | None = None
        self._helped = False

    def next(self, commands: Command, present: npt.NDArray[np.bool_], offered: Command | None) -> Change:
        """Another change.

        Args:
            commands: int64 [T, K], the program.
            present: bool [T], which of them it has; at least one.
            offered: int64 [T, P, K], what an agent proposes at each place; None without an agent.
        """
        change = self._again(commands) if self._helped and self.stream.random() < _AGAIN else None
        for _ in range(_TRIES):
            if change is not None and not self._is_idle(change, commands):
                break
            place = int(self.stream.choice(np.flatnonzero(present)))
            change = self._draw(commands[place], place, None if offered is None else offered[place])
        assert change is not None
        self._last = change
        self._tried.add(change.key)
        return change

    def learn(self, better: bool) -> None:
        """Say whether the last change was kept."""
        self._helped = better
        if better:
            self._tried.clear()

    def _is_idle(self, change: Change, commands: Command) -> bool:
        """Whether a change changes nothing, or was tried already."""
        same = change.command is not None and (change.command == commands[change.place]).all()
        return bool(same) or change.key in self._tried

    def _again(self, commands: Command) -> Change | None:
        last = self._last
        if last is None or last.choice is None:
            return None
        return self._moved(commands[last.place], last.place, last.choice, last.step)

    def _draw(self, command: Command, place: int, offered: Command | None) -> Change:
        stream, specification = self.stream, self.specification
        wanted = {"agent": offered is not None, "drop": self.shorten}
        shares = {name: share for name, share in _SHARES.items() if wanted.get(name, True)}
        chances = np.array(list(shares.values()))
        kind = str(stream.choice(list(shares), p=chances / chances.sum()))
        if kind == "drop":
            return Change(place, None)
        if kind == "agent" and offered is not None:
            return Change(place, offered[stream.integers(len(offered))].copy())
        effective = np.flatnonzero(specification.active(command))
        likely = np.array([_weight(specification.choices[index]) for index in effective])
        index = int(stream.choice(effective, p=likely / likely.sum()))
        choice = specification.choices[index]
        if kind == "random":
            new = command.copy()
            new[index] = stream.integers(choice.size)
            return Change(place, new)
        if not isinstance(choice, Location):
            return self._moved(command, place, index, (int(stream.choice([-1, 1]) * stream.choice([1, 1, 2])),))
        spread = max(0.7, choice.grid * _FARTHEST * stream.random())
        step = np.round(stream.normal(0, spread, 2)).astype(int)
        if not step.any():  # at least one cell, in either direction
            step[stream.integers(2)] = stream.choice([-1, 1])
        return self._moved(command, place, index, tuple(step.tolist()))

    def _moved(self, command: Command, place: int, index: int, step: tuple[int, ...]) -> Change:
        choice, new = self.specification.choices[index], command.copy()
        if isinstance(choice, Location):
            new[index] = choice.shifted(new[index], step)
        else:
            new[index] = int(np.clip(new[index] + step[0], 0, choice.size - 1))
        return Change(place, new, index, step)


def _weight(choice: Choice) -> float:
    """How often a choice is changed: places most, as they have many good options near them, flags seldom."""
    return _WEIGHTS.get(choice.name, 2.0 if isinstance(choice, Location) else 1.0 if choice.size > _FEW else 0.25)
