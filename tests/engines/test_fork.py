"""Forked canvases continue exactly like their sources, with every engine and brush."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spiral.engines import Engine, make, missing
from spiral.errors import InputError

STROKES = {"size": 48, "grid": 8}
SPLINES = {**STROKES, "choices": ["flag", "end", "size", "pressure"], "spline": True}
COLOURED = {**STROKES, "channels": 3, "choices": ["flag", "end", "control", "size", "pressure", "red", "green", "blue"]}
KINDS = {
    "vector": ("vector", STROKES),
    "vector, splines": ("vector", SPLINES),
    "vector, starts": ("vector", {**STROKES, "choices": ["flag", "start", "end", "size"]}),
    "starts": ("mypaint", {**STROKES, "choices": ["flag", "start", "end", "size"], "brush": "classic/charcoal"}),
    "dry brush": ("mypaint", {**STROKES, "brush": "classic/dry_brush"}),
    "large": ("mypaint", {**STROKES, "size": 96, "brush": "classic/pen"}),
    "splines": ("mypaint", SPLINES),
    "random": ("mypaint", {**COLOURED, "brush": "classic/charcoal"}),
    "random and smudging": ("mypaint", {**COLOURED, "brush": "watercolour"}),
    "smudging": ("mypaint", {**COLOURED, "brush": "classic/smudge"}),
    "scene": ("scene", {"size": 32}),
    "scene, rendered": ("scene", {"size": 32, "shadows": True}),
}
BATCH, STEPS = 3, 4


def build(kind: str, batch: int = BATCH) -> Engine:
    engine, chosen = KINDS[kind]
    if missing(engine) is not None:
        pytest.skip(f"{engine} is not here")
    return make(engine, batch, chosen, threads=2)


def go_on(engine: Engine, commands: np.ndarray) -> list[np.ndarray]:
    seen = []
    for command in commands:
        engine.step(command)
        seen.append(engine.canvases().copy())
    return seen


@pytest.mark.parametrize("kind", KINDS)
@given(seed=st.integers(0, 10_000))
@settings(max_examples=10, deadline=None)
def test_the_same_commands_after_a_fork_leave_the_same_pixels(kind, seed):
    random = np.random.default_rng(seed)
    source, fork, other = build(kind), build(kind, 5), build(kind)
    before = source.specification.random(random, (STEPS, BATCH))
    source.reset(random.integers(1000, size=BATCH))
    go_on(source, before)
    fork.reset(random.integers(1000, size=5))
    go_on(fork, source.specification.random(random, (2, 5)))
    rows = random.integers(BATCH, size=5)
    fork.fork(source, rows)
    assert np.array_equal(fork.canvases(), source.canvases()[rows])
    other.fork(source, np.arange(BATCH))
    after = source.specification.random(random, (STEPS, BATCH))
    for expected, seen, again in zip(
        go_on(source, after), go_on(fork, after[:, rows]), go_on(other, after), strict=True
    ):
        assert np.array_equal(seen, expected[rows])
        assert np.array_equal(again, expected)


@pytest.mark.parametrize("kind", KINDS)
def test_an_engine_forks_from_itself_and_from_forks(kind):
    random = np.random.default_rng(0)
    engine, twin = build(kind), build(kind)
    before, after = engine.specification.random(random, (2, STEPS, BATCH))
    for each in (engine, twin):
        each.reset(np.arange(BATCH))
        go_on(each, before)
    rows = np.array([1, 2, 0])
    engine.fork(engine, rows)
    engine.fork(engine, np.array([0, 0, 2]), np.array([False, False, True]))
    assert np.array_equal(go_on(engine, after[:, rows])[-1], go_on(twin, after)[-1][rows])


@pytest.mark.parametrize("kind", ["vector", "dry brush", "random", "scene"])
def test_a_fork_can_be_blanked_and_keeps_what_it_was_told_to(kind):
    random = np.random.default_rng(1)
    engine, source, fresh = build(kind), build(kind), build(kind)
    commands = engine.specification.random(random, (STEPS, BATCH))
    go_on(source, commands)
    seen = source.canvases().copy()
    engine.fork(source, np.arange(BATCH), np.array([True, False, True]))
    go_on(engine, commands)
    assert np.array_equal(source.canvases(), seen), "a fork does not touch its source"
    for each in (engine, fresh):
        each.reset(np.arange(BATCH))
    assert np.array_equal(go_on(engine, commands)[-1], go_on(fresh, commands)[-1])


@pytest.mark.parametrize("kind", ["vector", "dry brush", "scene"])
def test_wrong_forks_are_refused_and_touch_nothing(kind):
    engine, source = build(kind), build(kind, 2)
    go_on(engine, engine.specification.random(np.random.default_rng(2), (STEPS, BATCH)))
    seen = engine.canvases().copy()
    name, chosen = KINDS[kind]
    other = make(name, 2, {**chosen, "size": 64})
    stranger = make("vector" if name != "vector" else "mypaint", 2, STROKES) if kind != "vector" else other
    for wrong, rows in (
        (source, [0, 1, 2]),
        (source, [0, -1, 0]),
        (source, [0, 1]),
        (source, [0.0, 1.0, 0.0]),
        (other, [0, 1, 0]),
        (stranger, [0, 1, 0]),
    ):
        with pytest.raises(InputError):
            engine.fork(wrong, np.array(rows))
    assert np.array_equal(engine.canvases(), seen)
    engine.fork(source, np.array([0, 9, 1]), np.array([True, False, True]))
