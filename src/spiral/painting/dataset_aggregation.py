"""Lessons on the agent's own canvases: agent and search take turns (dataset aggregation, Ross et al. 2011, DAgger).

An agent that imitates whole programs of a search sees only canvases that the search has painted. On its own, which hold
its own mistakes, it does not know what to do. Here it paints, the search goes on from there, and the search's commands
alone are lessons. The search may begin with random strokes or with the agent's own next command, which the agent then
learns to do better (expert iteration, Anthony et al. 2017).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from spiral.engines import observe
from spiral.engines.strokes import PAINT, StrokeSettings
from spiral.errors import require_number
from spiral.models.policy import Policy
from spiral.painting.best_of_n import ProposalSearch, ProposalState, best_of, propose
from spiral.painting.matching_pursuit import CANDIDATES, Atoms, best_strokes, require_starts

MAXIMUM_TURN = 1000


@dataclass(frozen=True)
class Turns:
    """How many commands in a row each of the two writes; both at least 1."""

    agent: int
    search: int

    def __post_init__(self) -> None:
        """Check the numbers.

        Raises:
            InputError: one is out of range.
        """
        for who, commands in (("agent", self.agent), ("search", self.search)):
            require_number(f"the {who}'s commands in a row", commands, 1, MAXIMUM_TURN)

    def of_search(self, commands: int, begun: int) -> npt.NDArray[np.bool_]:
        """Which of the commands are the search's: bool [T]. `begun` commands of the first turn are left out."""
        return (begun + np.arange(commands)) % (self.agent + self.search) >= self.agent


def take_turns(
    policy: Policy,
    atoms: Atoms | None,
    search: ProposalSearch,
    targets: npt.NDArray[np.uint8],
    commands: int,
    length: int,
    turns: Turns,
    seed: int,
    moves: int,
    temperature: float = 0.0,
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.bool_]]:
    """Write programs from blank canvases.

    Args:
        policy: the agent.
        atoms: of `paint_atoms`; None to move the command that the agent would write instead.
        search: N canvases, and `matching_pursuit.CANDIDATES` forks of each.
        targets: uint8 [N, S, S, C].
        commands: T.
        length: commands in an episode of the policy; it observes any command beyond it as the last.
        turns: who writes how many; the first turn's beginning is drawn at random.
        seed: of the brushes, the moves, and where the turns begin.
        moves: see `matching_pursuit.pursue`.
        temperature: of the policy's sampling, by torch's generator; 0 takes its most probable commands.

    Returns:
        The commands int64 [T, N, K], and which of them are the search's, bool [T].

    Raises:
        InputError: moves out of range, or strokes begin at the pen's place.
    """
    require_starts(StrokeSettings.parse(search.engine.settings))
    engine, generator, written = search.engine, np.random.default_rng(seed), []
    engine.reset(seed + np.arange(len(targets)))
    searched = turns.of_search(commands, int(generator.integers(turns.agent + turns.search)))
    proposals = ProposalState.start(policy, engine.specification, len(targets))
    flag = engine.specification.index("flag")
    for done, by_search in enumerate(searched):
        seen = observe(engine.canvases(), targets.shape[1])
        # The policy goes along where the search writes, too: its core remembers what it saw.
        chosen, core = propose(policy, proposals, seen, targets, min(done, length - 1) / length, 1, temperature)
        if by_search and atoms is not None:
            chosen = best_strokes(atoms, search, targets, moves, generator)
        elif by_search:
            # Even where the agent would not paint: the search says so itself if no stroke helps.
            if flag is not None:
                chosen[:, flag] = PAINT
            chosen = best_of(search, seen, targets, chosen[:, None].repeat(CANDIDATES, 1), moves, generator)
        engine.step(chosen)
        written.append(chosen)
        proposals = ProposalState(chosen, engine.specification.active(chosen), core)
    return np.stack(written), searched
