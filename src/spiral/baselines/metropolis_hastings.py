"""Metropolis-Hastings search over programs, the paper's baseline for inverse graphics (SPIRAL section 4.6).

A state is a trace of at most T commands, each present or absent. A step picks one position and redraws its block, its
presence and all its choices, from the uniform prior; the likelihood is a Gaussian around the target with
a fixed diagonal covariance. Nothing is learned, so every picture costs as many renderings as the search is given.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from spiral.engines import Engine, make, observe
from spiral.errors import InputError, require_seed, require_within
from spiral.program import Program
from spiral.specification import Specification

_DRAWN_AHEAD = 128
"""Steps whose random numbers are drawn at once."""
_CURVE_POINTS = 60


@dataclass(frozen=True)
class SearchSettings:
    """The search's settings.

    Attributes:
        commands: T, positions of a trace (paper: 20).
        chains: independent chains per picture, which share its evaluations; the best one counts.
        variance: of a pixel's value around the target's, values in [0, 1] (paper: 0.25).
        temperature: divides the log likelihood; 1 is Metropolis-Hastings itself.
        temperature_end: the same at the end; it changes geometrically (simulated annealing if it falls).
    """

    commands: int = 20
    chains: int = 1
    variance: float = 0.25
    temperature: float = 1.0
    temperature_end: float = 1.0

    def __post_init__(self) -> None:
        """Check the numbers.

        Raises:
            InputError: a number is out of range.
        """
        positive = dict.fromkeys(("variance", "temperature", "temperature_end"), (1e-9, 1e9))
        require_within("search", self, commands=(1, 1000), chains=(1, 4096), **positive)


@dataclass(frozen=True)
class SearchResult:
    """The result of a search for N pictures.

    Attributes:
        programs: the best program of each picture, its present commands only.
        canvases: uint8 [N, H, W, C], their canvases at the engine's size.
        observed: uint8 [N, S, S, C], the same at the targets' size.
        evaluations: int64 [P], renderings a picture at the points of the curve.
        errors: float64 [P, N], squared error of the best program so far, summed over the picture, values in [0, 1].
        accepted: share of the steps that were accepted.
        seconds: of the whole search.
        engine_seconds: of those, spent inside the engine.
    """

    programs: list[Program]
    canvases: npt.NDArray[np.uint8]
    observed: npt.NDArray[np.uint8]
    evaluations: npt.NDArray[np.int64]
    errors: npt.NDArray[np.float64]
    accepted: float
    seconds: float
    engine_seconds: float


def search(
    engine: str,
    engine_settings: Mapping[str, Any],
    targets: npt.NDArray[np.uint8],
    evaluations: int,
    settings: SearchSettings | None = None,
    seed: int = 0,
    threads: int | None = None,
    report: Callable[[int, npt.NDArray[np.float64]], None] | None = None,
) -> SearchResult:
    """Search for the programs that paint N pictures; all chains of all pictures are rendered as one batch.

    The same seed finds the same programs; more pictures do not change the results of the first ones.

    Args:
        engine: name of the engine.
        engine_settings: its settings.
        targets: uint8 [N, S, S, C]; the engine's canvas is averaged down to S.
        evaluations: renderings a picture, shared by its chains.
        settings: of the search.
        seed: of the search, and of the engine's own randomness.
        threads: of the engine; all processors when None.
        report: called from time to time with the evaluations so far and the best errors so far, float64 [N].

    Raises:
        InputError: fewer evaluations than chains, a seed out of range, or targets that do not fit the engine.
    """
    settings = settings or SearchSettings()
    if evaluations < settings.chains:
        raise InputError(f"{evaluations} evaluations are fewer than {settings.chains} chains")
    require_seed(seed)
    count, size = len(targets), targets.shape[1]
    renderer = _Renderer(engine, engine_settings, count * settings.chains, size, seed, threads)
    if targets.ndim != 4 or targets.shape[1:] != (size, size, renderer.engine.shape[2]):
        raise InputError(f"the targets must be uint8 [N, S, S, {renderer.engine.shape[2]}], got {targets.shape}")
    began = time.perf_counter()
    goal = np.repeat(targets, settings.chains, axis=0).astype(np.float32) / 255.0
    steps = evaluations // settings.chains
    milestones = set(np.unique(np.geomspace(1, steps, _CURVE_POINTS).round().astype(int)).tolist())
    streams = [np.random.default_rng([seed, index]) for index in range(count)]
    specification = renderer.engine.specification

    blocks = [_random_blocks(stream, specification, settings.commands, settings.chains) for stream in streams]
    trace = np.concatenate(blocks, axis=1).swapaxes(0, 1)  # [B, T, 1 + K]: presence, then the choices
    error = renderer.errors(trace, goal)
    best, best_error = trace.copy(), error.copy()
    curve, accepted = {1: _best_chain(best_error, count)[1]}, 0
    rows = np.arange(len(trace))
    proposals: list[npt.NDArray[np.int64]] = []
    lots: list[npt.NDArray[np.float64]] = []
    for step in range(1, steps):
        if not proposals:
            ahead = [_draw_ahead(stream, specification, settings) for stream in streams]
            proposals = list(np.concatenate([drawn[0] for drawn in ahead], axis=1))
            lots = list(np.concatenate([drawn[1] for drawn in ahead], axis=1))
        block, lot = proposals.pop(0), lots.pop(0)
        place = block[:, 0]
        before = trace[rows, place].copy()
        trace[rows, place] = block[:, 1:]
        proposed = renderer.errors(trace, goal)
        fall = settings.temperature_end / settings.temperature
        temperature = settings.temperature * fall ** (step / steps)
        # Uniform proposals from a uniform prior: the acceptance ratio is that of the likelihoods.
        accept = np.log(lot) < (error - proposed) / (2.0 * settings.variance * temperature)
        trace[rows[~accept], place[~accept]] = before[~accept]
        error = np.where(accept, proposed, error)
        accepted += int(accept.sum())
        better = error < best_error
        best[better], best_error[better] = trace[better], error[better]
        if step + 1 in milestones:
            curve[step + 1] = _best_chain(best_error, count)[1]
            if report is not None:
                report((step + 1) * settings.chains, curve[step + 1])

    winners, final = _best_chain(best_error, count)
    curve[steps] = final
    seconds, engine_seconds = time.perf_counter() - began, renderer.seconds
    chosen = best[winners]
    programs = [
        Program.from_array(specification, one[one[:, 0] == 1, 1:], engine, renderer.engine.settings, seed)
        for one in chosen
    ]
    renderer.execute(best)
    canvases = renderer.engine.canvases()[winners]
    points = sorted(curve)
    return SearchResult(
        programs=programs,
        canvases=canvases,
        observed=observe(canvases, size),
        evaluations=np.array(points) * settings.chains,
        errors=np.stack([curve[point] for point in points]),
        accepted=accepted / max(1, (steps - 1) * len(trace)),
        seconds=seconds,
        engine_seconds=engine_seconds,
    )


def squared_errors(engine: Engine, goal: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
    """Squared errors float64 [B] of an engine's canvases against goals float32 [B, S, S, C], summed over a picture."""
    difference = (observe(engine.canvases(), goal.shape[1]) / np.float32(255.0) - goal).reshape(len(goal), -1)
    return np.einsum("bp,bp->b", difference, difference).astype(np.float64)


class _Renderer:
    """Executes traces and measures them and the time inside the engine."""

    def __init__(
        self, name: str, settings: Mapping[str, Any], batch: int, size: int, seed: int, threads: int | None
    ) -> None:
        self.engine = make(name, batch, settings, threads)
        self.size, self.seeds, self.seconds = size, np.full(batch, seed, np.int64), 0.0

    def execute(self, trace: npt.NDArray[np.int64]) -> None:
        """Paint the present commands of traces int64 [B, T, 1 + K], each on its own blank canvas."""
        absent = trace[:, :, 0] == 0
        # Present commands come first, in their order, so that canvases without further ones are skipped.
        order = np.argsort(absent, axis=1, kind="stable")
        packed = np.take_along_axis(trace, order[:, :, None], axis=1)
        lengths = (~absent).sum(1)
        began = time.perf_counter()
        self.engine.reset(self.seeds)
        for position in range(int(lengths.max(initial=0))):
            self.engine.step(packed[:, position, 1:], lengths > position)
        self.engine.canvases()  # some engines paint only when the canvases are read
        self.seconds += time.perf_counter() - began

    def errors(self, trace: npt.NDArray[np.int64], goal: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
        """Squared errors float64 [B] of traces against goals float32 [B, S, S, C], summed over the picture."""
        self.execute(trace)
        return squared_errors(self.engine, goal)


def _random_blocks(
    stream: np.random.Generator, specification: Specification, steps: int, chains: int
) -> npt.NDArray[np.int64]:
    """Presence and choices drawn uniformly: int64 [steps, chains, 1 + K]."""
    presence = stream.integers(0, 2, (steps, chains, 1))
    return np.concatenate([presence, specification.random(stream, (steps, chains))], axis=2)


def _draw_ahead(
    stream: np.random.Generator, specification: Specification, settings: SearchSettings
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float64]]:
    """Positions with new blocks, int64 [steps, chains, 2 + K], and lots in (0, 1], float64 [steps, chains]."""
    places = stream.integers(0, settings.commands, (_DRAWN_AHEAD, settings.chains, 1))
    blocks = _random_blocks(stream, specification, _DRAWN_AHEAD, settings.chains)
    return np.concatenate([places, blocks], axis=2), 1.0 - stream.random((_DRAWN_AHEAD, settings.chains))


def _best_chain(errors: npt.NDArray[np.float64], count: int) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float64]]:
    """Row and error of each picture's best chain, from errors float64 [N * chains]."""
    grouped = errors.reshape(count, -1)
    winner = grouped.argmin(1)
    return np.arange(count) * grouped.shape[1] + winner, grouped[np.arange(count), winner]
