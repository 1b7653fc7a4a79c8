"""A greedy painter without an agent: it keeps the best of many random strokes, then seeks the next."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from spiral.baselines.metropolis_hastings import SearchResult, squared_errors
from spiral.engines import make, observe
from spiral.errors import InputError
from spiral.program import Program


def greedy(
    engine: str,
    engine_settings: Mapping[str, Any],
    targets: npt.NDArray[np.uint8],
    commands: int,
    candidates: int = 64,
    seed: int = 0,
    threads: int | None = None,
    report: Callable[[int, npt.NDArray[np.float64]], None] | None = None,
) -> SearchResult:
    """Paint N pictures command by command, each the best of some uniformly random ones.

    All candidates of all pictures are forks of the pictures' canvases, in one batch. A command that only moves the pen
    counts as one without effect.

    Args:
        engine: name of the engine.
        engine_settings: its settings.
        targets: uint8 [N, S, S, C]; the engine's canvas is averaged down to S.
        commands: T.
        candidates: random commands of which one is chosen.
        seed: of the candidates, and of the engine's own randomness.
        threads: of the engine; all processors when None.
        report: called after every command with the evaluations so far and the errors, float64 [N].

    Raises:
        InputError: fewer than one command or candidate, or targets that do not fit the engine.
    """
    if commands < 1 or candidates < 1:
        raise InputError(f"a greedy painter needs at least one command and candidate, got {commands} and {candidates}")
    count, size = len(targets), targets.shape[1]
    painter = make(engine, count, engine_settings, threads)
    forks = make(engine, count * candidates, engine_settings, threads)
    if targets.ndim != 4 or targets.shape[1:] != (size, size, painter.shape[2]):
        raise InputError(f"the targets must be uint8 [N, S, S, {painter.shape[2]}], got {targets.shape}")
    began, inside = time.perf_counter(), 0.0
    goal = np.repeat(targets, candidates, axis=0).astype(np.float32) / 255.0
    streams = [np.random.default_rng([seed, index]) for index in range(count)]
    painter.reset(np.full(count, seed, np.int64))
    chosen: list[npt.NDArray[np.int64]] = []
    curve: list[npt.NDArray[np.float64]] = []
    for _ in range(commands):
        drawn = np.concatenate([painter.specification.random(stream, (candidates,)) for stream in streams])
        started = time.perf_counter()
        forks.fork(painter, np.arange(count).repeat(candidates))
        forks.step(drawn)
        inside += time.perf_counter() - started
        errors = squared_errors(forks, goal).reshape(count, candidates)
        chosen.append(drawn.reshape(count, candidates, -1)[np.arange(count), errors.argmin(1)])
        painter.step(chosen[-1])
        curve.append(errors.min(1))
        if report is not None:
            report(len(chosen) * candidates, curve[-1])
    canvases = painter.canvases().copy()
    rows = np.stack(chosen, axis=1)
    return SearchResult(
        programs=[Program.from_array(painter.specification, one, engine, painter.settings, seed) for one in rows],
        canvases=canvases,
        observed=observe(canvases, size),
        evaluations=np.arange(1, commands + 1) * candidates,
        errors=np.stack(curve),
        accepted=1.0 / candidates,
        seconds=time.perf_counter() - began,
        engine_seconds=inside,
    )
