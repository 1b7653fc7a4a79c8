"""Proposal search: the agent proposes N commands, the engine executes them all, and the best one is kept (best of N).

The best one may be moved a little before it is painted (`spiral.painting.moves`). The engine renders the effect of each
command, so nothing has to be learned. The search is one command deep.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

from spiral.engines import Engine, make, observe
from spiral.engines.strokes import MOVE
from spiral.models.policy import Observation, Policy, State
from spiral.painting.moves import improve
from spiral.specification import Specification

MAXIMUM_CANDIDATES = 1024


class ProposalSearch:
    """N canvases, and forks of them on which proposals are tried."""

    def __init__(self, engine: Engine, candidates: int, threads: int | None = None) -> None:
        """Make the forks.

        Args:
            engine: the N canvases.
            candidates: C, commands that are tried for each.
            threads: of the forks; all processors when None.
        """
        self.engine, self.candidates = engine, candidates
        self.forks = make(engine.name, engine.batch * candidates, engine.settings, threads)

    def errors(self, targets: npt.NDArray[np.uint8], commands: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
        """Squared errors [N, C] of the N canvases after each of C commands; the canvases stay as they are.

        Args:
            targets: uint8 [N, S, S, C].
            commands: int64 [N * C, K], those of the first canvas first.
        """
        self.forks.fork(self.engine, np.arange(self.engine.batch).repeat(self.candidates))
        self.forks.step(commands)
        seen = observe(self.forks.canvases(), targets.shape[1]).astype(np.float32)
        difference = seen.reshape(len(targets), self.candidates, -1) - targets.reshape(len(targets), 1, -1)
        return np.square(difference).sum(2, dtype=np.float64)


def squared_errors(seen: npt.NDArray[np.uint8], targets: npt.NDArray[np.uint8]) -> npt.NDArray[np.float64]:
    """Squared errors [N] of canvases, uint8 [N, S, S, C] as the targets are."""
    return np.square(seen.astype(np.float32) - targets).reshape(len(seen), -1).sum(1, dtype=np.float64)


@dataclass(frozen=True)
class ProposalState:
    """The policy's state on N pictures that are painted in parallel.

    Attributes:
        previous: int64 [N, K], the last commands.
        effective: bool [N, K], which of their choices had an effect.
        state: the core's state, float32 [N, hidden] twice.
    """

    previous: npt.NDArray[np.int64]
    effective: npt.NDArray[np.bool_]
    state: State

    @classmethod
    def start(cls, policy: Policy, specification: Specification, pictures: int) -> ProposalState:
        """The state before the first command."""
        shape = (pictures, len(specification.choices))
        return cls(np.zeros(shape, np.int64), np.zeros(shape, bool), policy.initial_state(pictures))


def propose(
    policy: Policy,
    proposals: ProposalState,
    seen: npt.NDArray[np.uint8],
    targets: npt.NDArray[np.uint8],
    progress: float,
    count: int,
    temperature: float = 1.0,
) -> tuple[npt.NDArray[np.int64], State]:
    """Commands that the policy proposes for each of N pictures.

    Args:
        policy: proposes.
        proposals: the state of the N pictures.
        seen: uint8 [N, S, S, C], the canvases.
        targets: uint8 [N, S, S, C].
        progress: the share of an episode that is over, for the policy.
        count: C, proposals for each.
        temperature: of sampling.

    Returns:
        The commands int64 [N * C, K], those of the first picture first, and the core's state after them, likewise.
    """
    device = policy.squeeze.weight.device

    def spread(array: npt.NDArray) -> torch.Tensor:
        return torch.from_numpy(np.ascontiguousarray(array)).to(device).repeat_interleave(count, 0)

    observation = Observation(
        canvas=spread(seen),
        target=spread(targets),
        previous=spread(proposals.previous),
        effective=spread(proposals.effective),
        progress=torch.full((len(targets) * count,), progress, device=device),
        noise=None,
    )
    hidden, cell = (part.repeat_interleave(count, 0) for part in proposals.state)
    with torch.no_grad():
        proposed, *_, following = policy.act(observation, (hidden, cell), temperature)
    return proposed.cpu().numpy(), following


def best_of(
    search: ProposalSearch,
    seen: npt.NDArray[np.uint8],
    targets: npt.NDArray[np.uint8],
    tried: npt.NDArray[np.int64],
    moves: int,
    generator: np.random.Generator,
    otherwise: npt.NDArray[np.int64] | None = None,
) -> npt.NDArray[np.int64]:
    """The best of C commands for each of N canvases, moved: int64 [N, K].

    Where it does not help and commands have a flag, the flag says not to paint.

    Args:
        search: the N canvases and their forks.
        seen: the canvases as they are, uint8 [N, S, S, C] as the targets are.
        targets: uint8 [N, S, S, C].
        tried: int64 [N, C, K].
        moves: how often the best is moved, see `spiral.painting.moves.improve`.
        generator: draws the moves.
        otherwise: int64 [N, K], whose other choices are kept where nothing is painted; those of the best when None.

    Raises:
        InputError: moves out of range.
    """
    specification = search.engine.specification
    best, errors = improve(search.errors, specification, targets, tried, moves, generator)
    if (flag := specification.index("flag")) is None:
        return best
    helps = errors < squared_errors(seen, targets)
    chosen = best if otherwise is None else np.where(helps[:, None], best, otherwise)
    chosen[~helps, flag] = MOVE
    return chosen


def best_of_n(
    policy: Policy,
    search: ProposalSearch,
    proposals: ProposalState,
    targets: npt.NDArray[np.uint8],
    progress: float,
    moves: int = 0,
    generator: np.random.Generator | None = None,
) -> tuple[npt.NDArray[np.int64], ProposalState]:
    """Choose the next command of every picture.

    If no proposal lowers the error, the pen jumps to the end of the first proposal without painting; if commands have
    no flag, the proposal with the lowest error is taken. A single candidate is the policy's most probable command,
    which is not tried first.

    Args:
        policy: proposes, sampled at temperature 1.
        search: the N canvases and their forks.
        proposals: the state of the N pictures.
        targets: uint8 [N, S, S, 3 or 1].
        progress: the share of an episode that is over, for the policy.
        moves: how often the best of C proposals is moved before it is painted, in C - 1 ways each time, 0 to 1000.
        generator: draws the moves; one of seed 0 for every command when None.

    Returns:
        The commands int64 [N, K], and the state of the pictures after them.

    Raises:
        InputError: moves out of range.
    """
    specification, device = search.engine.specification, policy.squeeze.weight.device
    number, count = len(targets), search.candidates

    seen = observe(search.engine.canvases(), targets.shape[1])
    options, following = propose(policy, proposals, seen, targets, progress, count, 1.0 if count > 1 else 0.0)
    options = options.reshape(number, count, -1)
    chosen = options[:, 0].copy()
    if count > 1:
        generator = np.random.default_rng(0) if generator is None else generator
        chosen = best_of(search, seen, targets, options, moves, generator, otherwise=chosen)
    # What the core remembers does not depend on which of the proposals is taken.
    rows = torch.arange(number, device=device) * count
    return chosen, ProposalState(chosen, specification.active(chosen), (following[0][rows], following[1][rows]))


def paint_best_of_n(
    policy: Policy,
    search: ProposalSearch,
    targets: npt.NDArray[np.uint8],
    seeds: npt.NDArray[np.int64],
    commands: int,
    length: int,
    moves: int = 0,
    seed: int = 0,
) -> npt.NDArray[np.int64]:
    """Paint pictures from blank canvases and return the commands, int64 [T, N, K].

    Args:
        policy: proposes.
        search: N canvases and their forks.
        targets: uint8 [N, S, S, 3 or 1].
        seeds: int64 [N], of the engine.
        commands: T.
        length: commands in an episode of the policy; the policy observes any command beyond it as the last.
        moves: of the best proposal, see `best_of_n`.
        seed: of the moves.

    Raises:
        InputError: moves out of range.
    """
    engine, generator = search.engine, np.random.default_rng(seed)
    engine.reset(seeds)
    proposals, written = ProposalState.start(policy, engine.specification, len(targets)), []
    for done in range(commands):
        progress = min(done, length - 1) / length
        chosen, proposals = best_of_n(policy, search, proposals, targets, progress, moves, generator)
        engine.step(chosen)
        written.append(chosen)
    return np.stack(written)
