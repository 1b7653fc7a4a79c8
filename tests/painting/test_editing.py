import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spiral.engines import make
from spiral.engines.strokes import ALL_CHOICES, CHOICES, StrokeSettings
from spiral.errors import InputError
from spiral.exports.paths import curves
from spiral.painting.editing import assemble, coloured_by_time, recolour, reorder, strokes, trim, with_ground
from spiral.program import Program
from spiral.specification import Category, Specification

BLACK, WHITE = (0.0,) * 3, (1.0,) * 3


def test_strokes_keep_their_shape_and_take_colours_in_order():
    strokes = StrokeSettings(size=64, grid=16, radii=(2.0,), pressures=1, ground=BLACK, ink=WHITE)
    rows = np.array([[0, 34, 0, 0, 0], [1, 46, 40, 0, 0], [0, 34 + 128, 0, 0, 0], [1, 46 + 128, 40 + 128, 0, 0]])
    program = Program.from_array(strokes.specification(), rows, "vector", strokes.to_json(), 7)
    coloured = coloured_by_time(program)
    picture, grey = coloured.render(128), program.render(128)
    assert picture.shape == (128, 128, 3)
    assert np.array_equal(picture.any(-1), grey[..., 0] > 0)
    upper, lower = picture[:64].reshape(-1, 3).max(0), picture[64:].reshape(-1, 3).max(0)
    assert upper[2] > upper[0] and lower[0] > lower[2], "blue comes first, red last"
    assert coloured_by_time(coloured).commands == coloured.commands
    assert make("vector", 1, coloured.settings).specification == coloured.specification


def test_other_programs_are_refused():
    other = Specification((Category("type", 4),))
    with pytest.raises(InputError):
        coloured_by_time(Program(other, ((1,),), "scene", {}))


SETTINGS = StrokeSettings(size=64, choices=CHOICES, channels=3, radii=(2.0, 4.0), pressures=1, levels=4)
SPLINE = StrokeSettings(size=64, choices=("flag", "end"), radii=(2.0,), spline=True)
STARTS = StrokeSettings(size=64, choices=ALL_CHOICES, channels=3, radii=(2.0, 4.0), pressures=1, levels=4)
BARE = StrokeSettings(size=64, choices=("end",), radii=(2.0,))


def a_program(settings: StrokeSettings, count: int = 12, seed: int = 3) -> Program:
    commands = settings.specification().random(np.random.default_rng(seed), (count,))
    return Program.from_array(settings.specification(), commands, "vector", settings.to_json(), seed=1)


def on_top(program: Program, number: int) -> np.ndarray:
    """The canvas of one stroke alone."""
    return trim(program, number, number).render()


@pytest.mark.parametrize("settings", [SETTINGS, SPLINE, BARE, STARTS])
@given(seed=st.integers(0, 50))
def test_taken_apart_and_put_together_it_is_the_same_picture(settings, seed):
    program = a_program(settings, seed=seed)
    assert np.array_equal(assemble(program, strokes(program)).render(), program.render())


@pytest.mark.parametrize("settings", [SETTINGS, SPLINE, BARE, STARTS])
def test_a_stroke_left_out_leaves_the_others_where_they_were(settings):
    program = a_program(settings, 24)
    count = len(strokes(program))
    assert count >= 3
    without = trim(program, without=(2,))
    assert len(strokes(without)) == count - 1
    rest = [on_top(program, number) for number in range(1, count + 1) if number != 2]
    for number, expected in enumerate(rest, 1):
        assert np.array_equal(on_top(without, number), expected)
    kept = strokes(trim(program, 2, 3))
    assert [stroke.start for stroke in kept] == [stroke.start for stroke in strokes(program)[1:3]]


def test_strokes_with_starts_need_no_jumps():
    program = a_program(STARTS, 24)
    short = trim(program, without=(2,))
    assert len(short.commands) == len(strokes(program)) - 1
    assert [curve.points.tolist() for curve in curves(reorder(program, "reverse"))] == [
        curve.points.tolist() for curve in reversed(curves(program))
    ]
    red = recolour(program, np.array([[1.0, 0.0, 0.0]], np.float32))
    assert red.specification.names == ALL_CHOICES
    assert {curve.hexadecimal for curve in curves(red)} == {"#ff0000"}


def test_orders_put_the_same_strokes_one_after_the_other():
    program = a_program(SETTINGS)
    found = strokes(program)
    assert strokes(reorder(program, "reverse")) == found[::-1]
    widths = [curve.width for curve in curves(reorder(program, "large-first"))]
    assert widths == sorted(widths, reverse=True) and len(set(widths)) == 2
    shades = [sum(curve.colour) for curve in curves(reorder(program, "dark-first"))]
    assert shades[0] < shades[-1]
    numbers = list(range(len(found), 0, -1))
    assert strokes(reorder(program, numbers)) == found[::-1]
    for wrong in ([1], [1] * len(found), "sideways"):
        with pytest.raises(InputError):
            reorder(program, wrong)


def test_palettes_give_the_nearest_colour_or_share_out():
    palette = np.array([[1, 0, 0], [0, 0, 1]], np.float32)
    before, after = curves(a_program(SETTINGS)), curves(recolour(a_program(SETTINGS), palette))
    for old, new in zip(before, after, strict=True):
        expected = (1, 0, 0) if np.linalg.norm(np.subtract(old.colour, (1, 0, 0))) <= np.linalg.norm(
            np.subtract(old.colour, (0, 0, 1))
        ) else (0, 0, 1)  # fmt: skip
        assert new.colour == expected
        assert np.array_equal(old.points, new.points)
    shared = [curve.colour for curve in curves(recolour(a_program(BARE), palette))]
    assert shared == [(1, 0, 0)] * 6 + [(0, 0, 1)] * 6
    night = with_ground(a_program(BARE), np.zeros(3)).render()
    assert night.shape == (64, 64, 1) and night.max() == 0, "black ink on black paper"
    assert with_ground(a_program(BARE), np.array([1.0, 0.9, 0.8])).render()[..., 2].max() == 204


def test_there_are_no_other_strokes():
    with pytest.raises(InputError, match="not among 1 to"):
        trim(a_program(SETTINGS), 1, 99)
    with pytest.raises(InputError, match="stroke 99"):
        trim(a_program(SETTINGS), without=(99,))
