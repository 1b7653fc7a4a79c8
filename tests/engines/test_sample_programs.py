"""The priors over programs: valid commands with visible results, padded with rests."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spiral.engines import CanvasSettings, make
from spiral.engines.objects import ADD, SKIP, SceneSettings
from spiral.engines.strokes import ALL_CHOICES, CHOICES, MOVE, PAINT, StrokeSettings
from spiral.specification import Category, Specification


@given(
    seed=st.integers(0, 1000),
    length=st.integers(1, 12),
    grid=st.integers(2, 40),
    choices=st.sampled_from(
        [("end",), ("flag", "end"), CHOICES[:5], CHOICES, ("flag", "end", "size"), ALL_CHOICES, ("start", "end")]
    ),
    spline=st.booleans(),
)
@settings(max_examples=40, deadline=None)
def test_walks_are_valid_programs(seed, length, grid, choices, spline):
    spline = spline and "flag" in choices and "control" not in choices and "start" not in choices
    canvas = StrokeSettings(grid=grid, choices=choices, channels=3, spline=spline)
    programs = canvas.sample_programs(np.random.default_rng(seed), length, 7)
    assert programs.shape == (length, 7, len(choices))
    canvas.specification().check(programs)
    again = canvas.sample_programs(np.random.default_rng(seed), length, 7)
    assert np.array_equal(programs, again)


def test_walks_leave_ink_and_then_rest_where_the_pen_is():
    canvas = StrokeSettings(size=32, radii=(1.0, 2.0), ground=(0.0,) * 3, ink=(1.0,) * 3)
    programs = canvas.sample_programs(np.random.default_rng(0), 10, 64)
    engine = make("vector", 64, canvas.to_json())
    for command in programs:
        engine.step(command)
    assert (engine.canvases().reshape(64, -1).max(1) > 0).mean() > 0.9
    flags, ends = programs[..., 0], programs[..., 1]
    resting = (flags[-1] == MOVE) & (flags[-2] == MOVE)
    assert resting.sum() > 10 and (ends[-1] == ends[-2])[resting].mean() > 0.8
    lengths = (flags != MOVE).sum(0)
    assert lengths.min() <= 2 and lengths.max() >= 8, "short and long programs"


def test_walks_with_starts_spend_no_command_on_a_jump():
    canvas = StrokeSettings(grid=16, choices=ALL_CHOICES, channels=3)
    programs = canvas.sample_programs(np.random.default_rng(0), 10, 64)
    flags, starts, ends = programs[..., 0], programs[..., 1], programs[..., 2]
    assert (flags[0] == PAINT).mean() > 0.9
    assert ((flags[1:] == PAINT) <= (flags[:-1] == PAINT)).all(), "rests come last"
    both = flags[1:] == PAINT
    assert 0.7 < (starts[1:] == ends[:-1])[both].mean() < 0.95, "most strokes go on from the last one"


def test_scenes_hold_one_to_five_objects_from_far_to_near():
    canvas = SceneSettings(grid=8)
    programs = canvas.sample_programs(np.random.default_rng(0), 8, 200)
    canvas.specification().check(programs)
    adds = programs[..., 0] == ADD
    assert set(np.unique(programs[..., 0])) == {ADD, SKIP}
    assert set(adds.sum(0).tolist()) == {1, 2, 3, 4, 5}
    assert not (adds[1:] & ~adds[:-1]).any(), "nothing is done after all objects are there"
    for program, placed in zip(programs.swapaxes(0, 1), adds.T, strict=True):
        cells = program[placed, 1]
        assert (np.diff(cells) > 0).all(), "each in a cell of its own, the farthest first"


def test_short_programs_hold_what_fits_and_small_floors_too():
    assert SceneSettings(grid=1).sample_programs(np.random.default_rng(0), 3, 5).shape == (3, 5, 7)
    one = replace(SceneSettings(), objects=1).sample_programs(np.random.default_rng(0), 4, 50)
    assert ((one[..., 0] == ADD).sum(0) == 1).all()


def test_an_engine_from_outside_has_uniform_programs():
    class Settings(CanvasSettings):
        def specification(self) -> Specification:
            return Specification((Category("a", 3), Category("b", 5)))

    programs = Settings().sample_programs(np.random.default_rng(0), 20, 50)
    assert programs.shape == (20, 50, 2)
    assert np.bincount(programs[..., 1].ravel(), minlength=5) == pytest.approx(200, rel=0.3)
