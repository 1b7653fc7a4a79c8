from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spiral.engines import make, missing
from spiral.engines.strokes import ALL_CHOICES, CHOICES, MOVE, StrokeSettings, decode
from spiral.errors import InputError
from spiral.specification import Location, When

ENGINES = [
    pytest.param(name, marks=pytest.mark.skipif(missing(name) is not None, reason=f"{name}: {missing(name)}"))
    for name in ("mypaint", "vector")
]


@pytest.mark.parametrize(
    "wrong",
    [
        {"size": 4},
        {"size": 10**6},
        {"grid": 1},
        {"choices": ("flag", "control")},
        {"choices": ("end", "flag")},
        {"choices": ("flag", "start")},
        {"choices": ("flag", "start", "end"), "spline": True},
        {"choices": ("end", "red")},
        {"choices": ("end", "red", "green", "blue")},
        {"choices": ("end", "end")},
        {"choices": ("end", "smell")},
        {"radii": ()},
        {"radii": (0.0,)},
        {"radii": (float("nan"),)},
        {"pressures": 0},
        {"ground": (0.0, 0.5, 2.0)},
        {"ground": (0.0, 0.5, 1.0)},
        {"channels": 2},
        {"size": "64"},
        {"colour": "red"},
    ],
)
def test_wrong_settings_are_refused(wrong):
    with pytest.raises(InputError, match=r"(stroke|engine) settings"):
        StrokeSettings.parse(wrong)


def test_settings_survive_json():
    settings = StrokeSettings(size=128, radii=(1.0, 2.5), brush="classic/pen")
    assert StrokeSettings.parse(settings.to_json()) == settings


def test_the_papers_command_has_eight_choices_of_the_papers_sizes():
    settings = StrokeSettings(
        choices=("flag", "end", "control", "size", "pressure", "red", "green", "blue"), channels=3
    )
    assert settings.specification().sizes == (2, 32 * 32, 32 * 32, 6, 10, 20, 20, 20)


@given(st.integers(0, 15), st.integers(0, 15), st.integers(0, 3))
def test_cells_stand_for_pixels_and_levels_for_pressures(row, column, level):
    settings = StrokeSettings(size=64, grid=16, pressures=4, radii=(2.0,), radii_at=32)
    strokes = decode(settings, np.array([[1, row * 16 + column, 0, 0, level]]))
    assert strokes.end.tolist() == [[column * 4.0, row * 4.0]]
    assert strokes.pressure[0] == pytest.approx((level + 1) / 4)
    assert strokes.radius[0] == pytest.approx(4.0)  # radii scale with the canvas
    assert strokes.paint[0]


def test_choices_left_out_take_their_defaults():
    settings = StrokeSettings(choices=("end",), radii=(2.0, 9.0), ink=(0.5, 0.5, 0.5))
    strokes = decode(settings, np.array([[5]]))
    assert strokes.paint.all() and strokes.midway
    assert (strokes.radius[0], strokes.pressure[0]) == (2.0, 1.0)
    assert strokes.colour.tolist() == [[0.5, 0.5, 0.5]]
    assert settings.specification().choices == (Location("end", 32),)


def test_with_starts_nothing_but_a_stroke_has_an_effect():
    choices = StrokeSettings(choices=ALL_CHOICES, channels=3).specification().choices
    assert [choice.name for choice in choices] == list(ALL_CHOICES)
    assert {choice.when for choice in choices[1:]} == {When("flag", (1,))}
    assert StrokeSettings(choices=("start", "end")).specification().choices == (
        Location("start", 32),
        Location("end", 32),
    )


@pytest.mark.parametrize("engine", ENGINES)
@given(seed=st.integers(0, 1000))
@settings(deadline=None, max_examples=20)
def test_a_start_is_a_jump_and_a_stroke_in_one(engine, seed):
    kind = StrokeSettings(size=32, grid=16, choices=CHOICES, channels=3, radii=(1.0, 4.0), brush="classic/pen")
    plain = make(engine, 6, kind.to_json())
    started = make(engine, 6, replace(kind, choices=ALL_CHOICES).to_json())
    for command in started.specification.random(np.random.default_rng(seed), (5, 6)):
        stroke = np.delete(command, 1, axis=1)
        jump = stroke.copy()
        jump[:, :2] = np.stack([np.full(6, MOVE), command[:, 1]], axis=1)
        paints = command[:, 0] != MOVE
        before = started.canvases().copy()
        started.step(command)
        plain.step(jump, paints)
        plain.step(stroke, paints)
        assert np.array_equal(started.canvases(), plain.canvases())
        assert np.array_equal(started.canvases()[~paints], before[~paints])
