import numpy as np
import pytest

from spiral.engines import make, render
from spiral.engines.strokes import StrokeSettings
from spiral.errors import InputError
from spiral.exports.colours import coloured_by_time
from spiral.program import Category, Program, Specification

BLACK, WHITE = (0.0,) * 3, (1.0,) * 3


def test_strokes_keep_their_shape_and_take_colours_in_order():
    strokes = StrokeSettings(size=64, grid=16, radii=(2.0,), pressures=1, ground=BLACK, ink=WHITE)
    rows = np.array([[0, 34, 0, 0, 0], [1, 46, 40, 0, 0], [0, 34 + 128, 0, 0, 0], [1, 46 + 128, 40 + 128, 0, 0]])
    program = Program.from_array(strokes.specification(), rows, "vector", strokes.to_json(), 7)
    coloured = coloured_by_time(program)
    picture, grey = render(coloured, 128), render(program, 128)
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
