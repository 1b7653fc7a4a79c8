import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spiral.engines.strokes import StrokeSettings, decode
from spiral.errors import InputError
from spiral.specification import Location


@pytest.mark.parametrize(
    "wrong",
    [
        {"size": 4},
        {"size": 10**6},
        {"grid": 1},
        {"choices": ("flag", "control")},
        {"choices": ("end", "flag")},
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
