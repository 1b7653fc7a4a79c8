"""A check that an engine follows the protocol, for authors of engines, like Gymnasium's `check_env`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from spiral.engines.base import Engine, make, settings_of
from spiral.errors import InputError

_CANVASES, _STEPS = 4, 5


def check_engine(name: str, settings: Mapping[str, Any] | None = None, seed: int = 0) -> None:
    """Execute random commands and check the canvases.

    Args:
        name: of the engine.
        settings: its settings; the defaults when None.
        seed: of the random commands.

    Raises:
        AssertionError: the engine breaks the protocol.
        InputError: there is no such engine, or it does not work here.
    """
    engine = make(name, _CANVASES, settings)
    commands = engine.specification.random(np.random.default_rng(seed), (_STEPS, _CANVASES))
    _check_shape(engine, name)
    _check_pictures(engine, commands)
    _check_chosen(engine, commands)
    _check_refusals(engine, commands)
    _check_loading(engine, commands)
    _check_forking(engine, commands)


def paint(engine: Engine, commands: npt.NDArray[np.int64], seed: int = 0) -> npt.NDArray[np.uint8]:
    """The canvases uint8 [B, H, W, C] after a reset with seeds from `seed` on, and commands int64 [T, B, K]."""
    engine.reset(seed + np.arange(engine.batch))
    for command in commands:
        engine.step(command)
    return engine.canvases().copy()


def _check_shape(engine: Engine, name: str) -> None:
    parsed = settings_of(name, engine.settings)
    assert isinstance(engine, Engine), "the engine lacks something that `spiral.engines.Engine` has"
    assert engine.name == name, f"its name must be {name!r}, is {engine.name!r}"
    assert engine.shape == (parsed.size, parsed.size, parsed.channels), "its shape must be that of its settings"
    assert parsed.to_json() == engine.settings, "its settings must come back from JSON as they were"
    assert parsed.specification() == engine.specification, "its specification must be that of its settings"
    canvases = engine.canvases()
    assert canvases.dtype == np.uint8, "canvases must be uint8"
    assert canvases.shape == (engine.batch, *engine.shape), "canvases must be [B, H, W, C]"


def _check_pictures(engine: Engine, commands: npt.NDArray[np.int64]) -> None:
    painted, twin = paint(engine, commands), make(engine.name, engine.batch, engine.settings, threads=2)
    assert (painted != paint(engine, commands[:0])).any(), "commands must leave something on the canvas"
    assert np.array_equal(painted, paint(engine, commands)), "after a reset nothing of an episode may be left"
    assert np.array_equal(painted, paint(twin, commands)), "the same commands must give the same picture"
    alone = paint(make(engine.name, 1, engine.settings), commands[:, -1:], seed=engine.batch - 1)
    assert np.array_equal(painted[-1:], alone), "a canvas must not depend on those beside it"


def _check_chosen(engine: Engine, commands: npt.NDArray[np.int64]) -> None:
    chosen = np.arange(engine.batch) % 2 == 0
    before = paint(engine, commands[:1])
    for command in commands[1:]:
        engine.step(command, chosen)
    after, whole = engine.canvases().copy(), paint(engine, commands)
    assert np.array_equal(after[~chosen], before[~chosen]), "`step` must leave alone what is not in `which`"
    assert np.array_equal(after[chosen], whole[chosen]), "`step` must execute commands where `which` says so"
    blank = paint(engine, commands[:0])
    paint(engine, commands)
    engine.reset(np.arange(engine.batch), chosen)
    after = engine.canvases()
    assert np.array_equal(after[~chosen], whole[~chosen]), "`reset` must leave alone what is not in `which`"
    assert np.array_equal(after[chosen], blank[chosen]), "`reset` must blank the canvases in `which`"


def _check_refusals(engine: Engine, commands: npt.NDArray[np.int64]) -> None:
    before = paint(engine, commands)
    wrong = commands[0].copy()
    wrong[-1, 0] = engine.specification.sizes[0]
    for given in (wrong, -1 - commands[0], commands[0][:1], commands[0][:, :-1], commands[0].astype(np.float64)):
        try:
            engine.step(given)
        except InputError:
            pass
        else:
            raise AssertionError("options out of range and wrong shapes must be refused with an InputError")
    assert np.array_equal(engine.canvases(), before), "commands that are refused must not touch a canvas"


def _check_loading(engine: Engine, commands: npt.NDArray[np.int64]) -> None:
    """Check `load`; an engine without it, like scenes, raises an InputError."""
    painted, pens = paint(engine, commands), np.zeros((engine.batch, 2), np.float32)
    chosen = np.arange(engine.batch) == 0
    blank = paint(engine, commands[:0])
    try:
        engine.load(painted, pens, chosen)
    except InputError:
        return
    assert np.array_equal(engine.canvases()[chosen], painted[chosen]), "`load` must put the picture onto the canvas"
    assert np.array_equal(engine.canvases()[~chosen], blank[~chosen]), "`load` must leave alone what is not in `which`"


def _check_forking(engine: Engine, commands: npt.NDArray[np.int64]) -> None:
    source, rows = make(engine.name, engine.batch + 1, engine.settings), np.arange(engine.batch)[::-1] + 1
    chosen, half = np.arange(engine.batch) % 2 == 0, len(commands) // 2
    paint(source, np.concatenate([commands, commands[:, :1]], axis=1)[:half], seed=7)
    seen = source.canvases().copy()
    before = paint(engine, commands)
    engine.fork(source, rows, chosen)
    after = engine.canvases().copy()
    assert np.array_equal(after[~chosen], before[~chosen]), "`fork` must leave alone what is not in `which`"
    assert np.array_equal(after[chosen], seen[rows[chosen]]), "`fork` must copy the canvases that `rows` names"
    for command in commands[half:]:
        engine.step(command, chosen)
    assert np.array_equal(source.canvases(), seen), "painting on a fork must not touch the source"
    ahead = np.zeros((source.batch, commands.shape[2]), np.int64)
    for command in commands[half:]:
        ahead[rows] = command
        source.step(ahead, np.isin(np.arange(source.batch), rows[chosen]))
    assert np.array_equal(engine.canvases()[chosen], source.canvases()[rows[chosen]]), (
        "after `fork` the same commands must leave the same picture as on the source"
    )
    for wrong in (rows + engine.batch, -1 - rows, rows[:-1]):
        try:
            engine.fork(source, wrong)
        except InputError:
            pass
        else:
            raise AssertionError("`fork` must refuse rows that the source does not have with an InputError")
