"""The Metropolis-Hastings search: results, repeatability, acceptance rule, and canvases of its programs."""

import itertools
import math

import numpy as np
import pytest

from spiral.baselines.metropolis_hastings import SearchSettings, search
from spiral.engines import make, missing, observe
from spiral.engines.strokes import StrokeSettings
from spiral.errors import InputError

BLACK, WHITE = (0.0,) * 3, (1.0,) * 3
ENGINES = [name for name in ("vector", "mypaint") if missing(name) is None]
STROKES = StrokeSettings(size=32, grid=8, radii=(2.0, 3.0), radii_at=32, pressures=2, ground=BLACK, ink=WHITE).to_json()


def targets(engine: str, count: int = 3) -> np.ndarray:
    """Pictures that short programs paint."""
    painter = make(engine, count, STROKES, 1)
    painter.reset(np.zeros(count, np.int64))
    generator = np.random.default_rng(5)
    for _ in range(3):
        commands = painter.specification.random(generator, (count,))
        commands[:, 0] = 1
        painter.step(commands)
    return observe(painter.canvases(), 16)


@pytest.mark.parametrize("engine", ENGINES)
def test_the_error_falls_and_the_programs_paint_what_was_found(engine):
    pictures = targets(engine)
    found = search(engine, STROKES, pictures, 400, SearchSettings(commands=6, variance=0.05), seed=3, threads=1)
    assert (np.diff(found.errors, axis=0) <= 0).all()
    assert found.errors[-1].mean() < 0.5 * found.errors[0].mean()
    assert found.evaluations[0] == 1 and found.evaluations[-1] == 400
    for index, program in enumerate(found.programs):
        canvas = program.render()
        assert np.array_equal(canvas, found.canvases[index])
        seen = observe(canvas[None], 16)[0] / 255.0
        assert np.square(seen - pictures[index] / 255.0).sum() == pytest.approx(found.errors[-1, index], rel=1e-4)
    assert 0 < found.engine_seconds < found.seconds


def test_a_seed_repeats_and_more_pictures_do_not_change_the_first():
    pictures = targets("vector")
    settings = SearchSettings(commands=4, chains=3)
    one, again = (search("vector", STROKES, pictures, 90, settings, seed=1) for _ in range(2))
    alone = search("vector", STROKES, pictures[:1], 90, settings, seed=1)
    other = search("vector", STROKES, pictures, 90, settings, seed=2)
    assert one.programs == again.programs and np.array_equal(one.errors, again.errors)
    assert alone.programs[0] == one.programs[0]
    assert other.programs != one.programs


def test_chains_visit_states_in_proportion_to_their_likelihood(monkeypatch):
    """On a problem small enough to enumerate: the share of time in each state against the exact posterior."""
    strokes = StrokeSettings(
        size=8, grid=2, radii=(2.0,), radii_at=8, choices=("end",), ground=BLACK, ink=WHITE
    ).to_json()
    painter = make("vector", 1, strokes)
    goal = np.full((1, 8, 8, 1), 90, np.uint8)
    states = list(itertools.product((0, 1), range(4)))
    variance = 2.0
    likelihood = []
    for present, end in states:
        painter.reset(np.zeros(1, np.int64))
        if present:
            painter.step(np.array([[end]]))
        likelihood.append(math.exp(-np.square((painter.canvases() - goal.astype(float)) / 255).sum() / (2 * variance)))
    visits = dict.fromkeys(states, 0)
    from spiral.baselines import metropolis_hastings as module

    original = module._Renderer.errors
    trace_seen = []

    def watch(self, trace, wanted):
        trace_seen.append(trace)
        return original(self, trace, wanted)

    monkeypatch.setattr(module._Renderer, "errors", watch)
    chains, steps = 200, 150
    settings = SearchSettings(commands=1, chains=chains, variance=variance)

    def count(done, errors):
        for present, end in trace_seen[-1][:, 0].tolist():
            visits[(present, end)] += 1

    search("vector", strokes, goal, chains * steps, settings, report=count)
    total = sum(visits.values())
    expected = np.array(likelihood) / sum(likelihood)
    assert np.array([visits[state] / total for state in states]) == pytest.approx(expected, abs=0.02)


def test_wrong_settings_and_targets_are_refused():
    pictures = targets("vector", 1)
    with pytest.raises(InputError, match="fewer than 8 chains"):
        search("vector", STROKES, pictures, 7, SearchSettings(chains=8))
    with pytest.raises(InputError, match=r"search\.variance"):
        SearchSettings(variance=0.0)
    with pytest.raises(InputError, match=r"uint8 \[N, S, S, 1\]"):
        search("vector", STROKES, np.zeros((1, 16, 16, 3), np.uint8), 10)
