"""The compound stroke: the curve goes through its points, smoothly, and engines draw it as one."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.interpolate import CubicHermiteSpline

from spiral.engines import make, missing
from spiral.engines.splines import Splines, through
from spiral.engines.strokes import MOVE, PAINT, POINT, StrokeSettings
from spiral.errors import InputError
from spiral.program import Program

ENGINES = [name for name in ("vector", "mypaint") if missing(name) is None]
BLACK, WHITE = (0.0,) * 3, (1.0,) * 3
STROKES = StrokeSettings(
    size=64, grid=16, choices=("flag", "end"), radii=(1.5,), ground=BLACK, ink=WHITE, spline=True, brush="classic/pen"
)


def cell(column: int, row: int) -> int:
    return row * 16 + column


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(st.floats(0, 64, width=32), st.floats(0, 64, width=32)), min_size=2, max_size=9))
def test_the_pieces_follow_the_cubic_spline_through_the_points(places):
    points = np.array(places, np.float32)
    padded = np.concatenate([points[:1], points, points[-1:]]).astype(float)
    exact = CubicHermiteSpline(np.arange(len(points)), points, (padded[2:] - padded[:-2]) / 2)
    pieces = through(points)
    assert pieces.shape == (2 * (len(points) - 1), 2, 2)
    assert pieces[1::2, 1] == pytest.approx(points[1:], abs=1e-3)
    starts = np.concatenate([points[:1], pieces[:-1, 1]])
    share = np.linspace(0, 1, 20)[:, None]
    longest = np.linalg.norm(np.diff(points, axis=0), axis=1).max()
    for index, (start, (control, end)) in enumerate(zip(starts, pieces, strict=True)):
        drawn = (1 - share) ** 2 * start + 2 * share * (1 - share) * control + share**2 * end
        assert np.abs(drawn - exact(index / 2 + share[:, 0] / 2)).max() < 0.02 * longest + 1e-3


def test_a_jump_forgets_points_and_drawing_begins_anew():
    splines, both = Splines(2), np.array([True, True])
    ends = np.array([[8, 8], [8, 8]], np.float32)
    assert all(len(some) == 0 for some in splines.add(np.array([POINT, POINT]), ends, both))
    assert all(len(some) == 0 for some in splines.add(np.array([MOVE, POINT]), ends + 8, both))
    drawn = splines.add(np.array([PAINT, PAINT]), ends + 16, both)
    assert [len(some) for some in drawn] == [2, 6]
    assert [len(some) for some in splines.add(np.array([PAINT, PAINT]), ends, np.array([False, True]))] == [0, 2]


@pytest.mark.parametrize("engine", ENGINES)
def test_engines_paint_nothing_until_the_spline_is_drawn(engine):
    painter = make(engine, 2, STROKES.to_json(), 1)
    painter.reset(np.zeros(2, np.int64))
    for flag, column, row in ((MOVE, 2, 8), (POINT, 8, 2), (POINT, 14, 8)):
        painter.step(np.array([[flag, cell(column, row)]] * 2))
    assert not painter.canvases().any()
    painter.step(np.array([[PAINT, cell(8, 14)], [MOVE, cell(8, 14)]]))
    canvas = painter.canvases()[0, :, :, 0]
    assert not painter.canvases()[1].any()
    for column, row in ((2, 8), (8, 2), (14, 8), (8, 14)):
        place = canvas[4 * row - 3 : 4 * row + 4, 4 * column - 3 : 4 * column + 4]
        assert place.max() > 100, (column, row)
    assert canvas[32, 32] == 0, "an arc around the middle, not a line through it"


@pytest.mark.parametrize("engine", ENGINES)
def test_programs_with_splines_survive_and_scale(engine, tmp_path):
    painter = make(engine, 1, STROKES.to_json(), 1)
    commands = np.array([[MOVE, cell(3, 3)], [POINT, cell(12, 3)], [PAINT, cell(12, 12)]])
    Program.from_array(painter.specification, commands, engine, painter.settings, 3).save(tmp_path / "p.json")
    loaded = Program.load(tmp_path / "p.json")
    assert loaded.render().any() and loaded.render(128).shape == (128, 128, 1)
    assert np.array_equal(loaded.render(), loaded.render())


def test_a_spline_excludes_a_control_point():
    with pytest.raises(InputError, match="excludes 'control'"):
        StrokeSettings(spline=True)
